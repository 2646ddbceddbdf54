"""Downloads against a small package index on this machine; archives made by the tests."""

import hashlib
import io
import json
import tarfile
import threading
import types
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import errors

from universality.errors import StudyError
from universality.inputs import snapshots
from universality.inputs.archives import copy_member, extract, join, licenses
from universality.inputs.snapshots import fetch_snapshot
from universality.inputs.sources import fetch_distribution


def wheel(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def sdist(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


WHEEL = wheel({"toy/data.txt": b"hello"})
LINUX_WHEEL = wheel({"toy/data.txt": b"hello, linux"})
SDIST = sdist({"toy-1.0/docs/a.txt": b"alpha"})
FILES = {
    "toy-1.0-py3-none-any.whl": WHEEL,
    "toy-1.0-cp311-cp311-linux_x86_64.whl": LINUX_WHEEL,
    "toy-1.0.tar.gz": SDIST,
    "toy-0.9-py3-none-any.whl": wheel({"toy/data.txt": b"old"}),
}


class Index(ThreadingHTTPServer):
    """A simple repository (PEP 503, PEP 691) with one project, which can be told to misbehave."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = dict(FILES)
        self.as_json = True
        self.hashes = True
        self.failures = 0
        self.truncate = False
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/simple/"


class Handler(BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        index = self.server
        index.requests.append(self.path)
        name = self.path.rsplit("/", 1)[-1]
        if index.failures:
            index.failures -= 1
            self.answer(503, "text/plain", b"busy")
        elif self.path == "/simple/toy/":
            self.answer(200, *self.project())
        elif self.path.startswith("/files/") and name in index.files:
            self.answer(200, "application/octet-stream", index.files[name], index.truncate)
        else:
            self.answer(404, "text/plain", b"no such page")

    def project(self) -> tuple[str, bytes]:
        files = {name: sha256(content) for name, content in FILES.items()}
        if self.server.as_json:
            listed = [
                {
                    "filename": name,
                    "url": f"/files/{name}",
                    "hashes": {"sha256": digest} if self.server.hashes else {},
                }
                for name, digest in files.items()
            ]
            page = {"meta": {"api-version": "1.0"}, "name": "toy", "files": listed}
            return "application/vnd.pypi.simple.v1+json", json.dumps(page).encode()
        links = [
            f'<a href="/files/{name}{"#sha256=" + digest if self.server.hashes else ""}">{name}</a>'
            for name, digest in files.items()
        ]
        return "text/html", f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()

    def answer(self, status: int, kind: str, body: bytes, truncate: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if truncate else body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    server = Index()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("PIP_INDEX_URL", server.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("hashes", [True, False])
@pytest.mark.parametrize(
    ("kind", "name"), [("wheel", "toy-1.0-py3-none-any.whl"), ("sdist", "toy-1.0.tar.gz")]
)
def test_download(
    index: Index, tmp_path: Path, kind: str, name: str, as_json: bool, hashes: bool
) -> None:
    index.as_json, index.hashes = as_json, hashes
    path = fetch_distribution("toy==1.0", kind, sha256(FILES[name]), tmp_path / "new")  # type: ignore[arg-type]
    assert path == tmp_path / "new" / name
    assert path.read_bytes() == FILES[name]
    assert [p.name for p in path.parent.iterdir()] == [name]


def test_the_wheel_with_this_hash_is_taken(index: Index, tmp_path: Path) -> None:
    path = fetch_distribution("Toy==1.0.0", "wheel", sha256(LINUX_WHEEL).upper(), tmp_path)
    assert path.read_bytes() == LINUX_WHEEL


def test_a_file_that_is_there_needs_no_network(index: Index, tmp_path: Path) -> None:
    first = fetch_distribution("toy==1.0", "wheel", sha256(WHEEL), tmp_path)
    index.requests.clear()
    assert fetch_distribution("toy==1.0", "wheel", sha256(WHEEL), tmp_path) == first
    assert index.requests == []
    # A damaged one is replaced.
    first.write_bytes(b"damaged")
    assert fetch_distribution("toy==1.0", "wheel", sha256(WHEEL), tmp_path) == first
    assert first.read_bytes() == WHEEL


def test_pip_configuration_names_the_index(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_INDEX_URL")
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {index.url}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    assert fetch_distribution("toy==1.0", "sdist", sha256(SDIST), tmp_path).read_bytes() == SDIST


def test_a_busy_server_is_asked_again(index: Index, tmp_path: Path) -> None:
    index.failures = 2
    fetch_distribution("toy==1.0", "wheel", sha256(WHEEL), tmp_path, wait=0.01)
    assert index.requests[:3] == ["/simple/toy/"] * 3


@pytest.mark.parametrize(
    ("requirement", "kind", "message"),
    [
        ("toy==1.0", "wheel", r"toy==1\.0: no wheel with sha256 0000.* found: toy-1\.0-py3.* has "),
        ("toy==2.0", "wheel", r"toy==2\.0: .* has no wheel of this version, but of 2 others"),
        ("toy==0.9", "sdist", r"toy==0\.9: .* has no sdist of this version"),
        ("toys==1.0", "wheel", r"toys==1\.0: .* has no package named 'toys'"),
        ("toy>=1.0", "wheel", r"'toy>=1\.0' is not pinned; write it as 'package==version'"),
        ("toy==1.*", "wheel", "is not pinned"),
        ("toy", "wheel", "is not pinned"),
        ("no thing", "wheel", "is not pinned"),
    ],
)
def test_what_the_index_does_not_have(
    index: Index, tmp_path: Path, requirement: str, kind: str, message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        fetch_distribution(requirement, kind, "0" * 64, tmp_path, wait=0.01)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_wrong_content_is_not_kept(index: Index, tmp_path: Path) -> None:
    index.files["toy-1.0.tar.gz"] = b"something else"
    with pytest.raises(StudyError, match=rf"with sha256 {sha256(b'something else')}, but"):
        fetch_distribution("toy==1.0", "sdist", sha256(SDIST), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_truncated_download(index: Index, tmp_path: Path) -> None:
    index.truncate = True
    with pytest.raises(StudyError, match=r"toy==1\.0: could not be downloaded .*check the network"):
        fetch_distribution("toy==1.0", "wheel", sha256(WHEEL), tmp_path, retries=1, wait=0.01)
    assert list(tmp_path.iterdir()) == []
    assert index.requests.count("/files/toy-1.0-py3-none-any.whl") == 2


def test_server_down_and_no_password_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Index()
    server.server_close()
    monkeypatch.setenv("PIP_INDEX_URL", server.url.replace("//", "//me:secret@"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(StudyError, match=r"could not be downloaded from .*127\.0\.0\.1") as caught:
        fetch_distribution("toy==1.0", "wheel", sha256(WHEEL), tmp_path, retries=1, wait=0.01)
    assert "secret" not in str(caught.value)


MEMBERS = {
    "docs/b.txt": b"beta",
    "docs/a.txt": b"alpha",
    "docs/deep/er/c.txt": b"gamma",
    "docs/image.png": b"\x89PNG",
    "setup.py": b"raise SystemExit",
}


@pytest.fixture(params=["wheel", "sdist"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "wheel":
        path = tmp_path / "toy-1.0-py3-none-any.whl"
        path.write_bytes(wheel(MEMBERS))
    else:
        path = tmp_path / "toy-1.0.tar.gz"
        path.write_bytes(sdist({f"toy-1.0/{name}": data for name, data in MEMBERS.items()}))
    return path


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("docs/a.txt", ["docs/a.txt"]),
        ("docs/*.txt", ["docs/a.txt", "docs/b.txt"]),
        ("docs/**/*.txt", ["docs/a.txt", "docs/b.txt", "docs/deep/er/c.txt"]),
        ("docs/**", ["docs/a.txt", "docs/b.txt", "docs/deep/er/c.txt", "docs/image.png"]),
        ("**/?.txt", ["docs/a.txt", "docs/b.txt", "docs/deep/er/c.txt"]),
    ],
)
def test_extract(archive: Path, pattern: str, names: list[str]) -> None:
    found = extract(archive, pattern)
    assert list(found) == names
    assert found == {name: MEMBERS[name] for name in names}


def test_no_member(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"toy-1\.0.*: no member matches 'docs/\*\.md'"):
        extract(archive, "docs/*.md")
    with pytest.raises(StudyError, match=r"toy-1\.0.*: has no member 'docs/z\.txt'"):
        copy_member(archive, "docs/z.txt", tmp_path / "z.txt")
    assert not (tmp_path / "z.txt").exists()


def test_copy_and_join(archive: Path, tmp_path: Path) -> None:
    assert copy_member(archive, "docs/b.txt", tmp_path / "b.txt").read_bytes() == b"beta"
    parts = [(archive, "docs/a.txt"), (archive, "docs/b.txt"), (archive, "docs/deep/er/c.txt")]
    whole = b"alphabetagamma"
    assert join(parts, tmp_path / "new" / "all", sha256(whole)).read_bytes() == whole
    with pytest.raises(StudyError, match=r"all: the parts docs/b\.txt, docs/a\.txt make a file"):
        join([parts[1], parts[0]], tmp_path / "all", sha256(whole))
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize("name", ["/etc/passwd", "toy-1.0/../../evil", "..\\evil", "C:/evil"])
@pytest.mark.parametrize("make", [wheel, sdist])
def test_unsafe_names(tmp_path: Path, name: str, make: types.FunctionType) -> None:
    (tmp_path / "bad").write_bytes(make({name: b"evil"}))
    with pytest.raises(StudyError, match="unsafe member name"):
        extract(tmp_path / "bad", "**")


def test_links_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "toy-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            link = tarfile.TarInfo(f"toy-1.0/link{kind.decode()}")
            link.type, link.linkname = kind, "/etc/passwd"
            file.addfile(link)
    with pytest.raises(StudyError, match="no member"):
        extract(path, "**")
    with zipfile.ZipFile(tmp_path / "toy.whl", "w") as file:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        file.writestr(info, "/etc/passwd")
    with pytest.raises(StudyError, match="no member"):
        extract(tmp_path / "toy.whl", "**")


@pytest.mark.parametrize(
    "content",
    [SDIST[:-20], WHEEL[:-20], b"", b"no archive"],
    ids=["sdist", "wheel", "empty", "text"],
)
def test_damaged_archives(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(StudyError, match="bad: cannot be read as a wheel or sdist"):
        extract(tmp_path / "bad", "**")


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        ("License-Expression: MIT\nLicense: Apache-2.0", "MIT"),
        ("License: Apache-2.0\nClassifier: License :: OSI Approved :: MIT License", "Apache-2.0"),
        ("License: BSD License\n        Redistribution and use", "BSD License"),
        ("License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License", "MIT License"),
        ("Classifier: Topic :: Text", None),
    ],
)
def test_licenses(tmp_path: Path, metadata: str, name: str | None) -> None:
    text = f"Metadata-Version: 2.1\nName: toy\n{metadata}\n\nLicense: of the description\n"
    members = {
        "toy-1.0.dist-info/METADATA": text.encode(),
        "toy-1.0.dist-info/licenses/LICENSE": "© caf\xe9".encode("latin-1"),
        "toy/data/NOTICE.md": b"notice",
        "toy/data/GEMMA_TERMS.html": b"terms",
        "toy/license.py": b"code",
        "toy/terminal.txt": b"no licence",
    }
    (tmp_path / "toy.whl").write_bytes(wheel(members))
    found, texts = licenses(tmp_path / "toy.whl")
    assert found == name
    assert texts == {
        "toy-1.0.dist-info/licenses/LICENSE": "\ufffd caf\ufffd",
        "toy/data/GEMMA_TERMS.html": "terms",
        "toy/data/NOTICE.md": "notice",
    }


def test_licenses_of_an_sdist(tmp_path: Path) -> None:
    members = {"toy-1/PKG-INFO": b"License: MIT\n", "toy-1/LICENCE": b"text"}
    (tmp_path / "toy.tar.gz").write_bytes(sdist(members))
    assert licenses(tmp_path / "toy.tar.gz") == ("MIT", {"LICENCE": "text"})


COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Stands for the hub's client: a repository of three files, or an error."""

    files = ("config.json", "model.safetensors", "pytorch_model.bin")

    def __init__(self, error: Exception | None = None, lost: str = "") -> None:
        self.error, self.lost = error, lost
        self.calls: list[tuple[str, str, str]] = []

    def list_repo_files(self, repo: str, *, revision: str, repo_type: str) -> list[str]:
        self.calls.append((repo, revision, repo_type))
        if self.error:
            raise self.error
        return list(self.files)

    def snapshot_download(
        self, repo: str, revision: str, allow_patterns: list[str], local_dir: Path, repo_type: str
    ) -> None:
        local_dir.mkdir()
        for name in allow_patterns:
            if name != self.lost:
                (local_dir / name).write_text(f"{name} at {revision}")

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "Hub":
        monkeypatch.setattr(snapshots, "HfApi", lambda: self)
        monkeypatch.setattr(snapshots, "snapshot_download", self.snapshot_download)
        return self


def test_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub().install(monkeypatch)
    patterns = ["*.json", "*.safetensors"]
    folder = fetch_snapshot("me/toy", COMMIT, patterns, tmp_path / "toy", "model")
    assert folder == tmp_path / "toy"
    assert {p.name: p.read_text() for p in folder.iterdir()} == {
        name: f"{name} at {COMMIT}" for name in ("config.json", "model.safetensors")
    }
    assert hub.calls == [("me/toy", COMMIT, "model")]


@pytest.mark.parametrize("revision", ["main", "v1.0", COMMIT[:7], COMMIT.upper(), COMMIT + "0"])
def test_floating_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, revision: str) -> None:
    hub = Hub().install(monkeypatch)
    with pytest.raises(StudyError, match=f"me/toy: revision '{revision}' may move; give a commit"):
        fetch_snapshot("me/toy", revision, ["*"], tmp_path / "toy", "dataset")
    assert hub.calls == []
    fetch_snapshot("me/toy", revision, ["*"], tmp_path / "toy", "dataset", allow_floating=True)
    assert hub.calls == [("me/toy", revision, "dataset")]


def answer(kind: type[Exception], status: int) -> Exception:
    response = types.SimpleNamespace(headers={}, request=None, status_code=status)
    return kind("no", response=response)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (answer(errors.GatedRepoError, 403), "this model is gated; accept its licence .* HF_TOKEN"),
        (answer(errors.RepositoryNotFoundError, 401), "no such model, or it is private"),
        (answer(errors.RevisionNotFoundError, 404), f"model has no revision '{COMMIT}'"),
        (answer(errors.HfHubHTTPError, 500), "could not be downloaded .*HfHubHTTPError"),
        (errors.OfflineModeIsEnabled("off"), "could not be downloaded .*OfflineModeIsEnabled"),
        (ConnectionError("down"), "could not be downloaded .*check the network"),
    ],
)
def test_hub_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    Hub(error).install(monkeypatch)
    with pytest.raises(StudyError, match=f"me/toy: .*{message}"):
        fetch_snapshot("me/toy", COMMIT, ["*"], tmp_path / "toy", "model")


def test_snapshot_that_is_not_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Hub(lost="model.safetensors").install(monkeypatch)
    with pytest.raises(StudyError, match=r"the hub did not give model\.safetensors"):
        fetch_snapshot("me/toy", COMMIT, ["*.safetensors"], tmp_path / "toy", "model")
    with pytest.raises(StudyError, match=r"no file at .* matches \*\.gguf; it has config\.json, "):
        fetch_snapshot("me/toy", COMMIT, ["*.gguf"], tmp_path / "new", "model")
