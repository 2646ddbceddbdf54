"""SAEs against sae-lens's own classes, and files that are not SAEs."""

import json
from pathlib import Path

import pytest
import torch
from sae_lens import SAE
from sae_lens.registry import get_sae_class, get_sae_training_class
from safetensors.torch import load_file, save_file

from universality.errors import StudyError
from universality.features import releases, saes

D, F, K = 12, 40, 5
X = torch.randn(200, D, generator=torch.Generator().manual_seed(1)) * 3 + 1

centring = pytest.mark.parametrize("apply_b_dec_to_input", [True, False])


def randomised(sae):
    """Give an SAE of sae-lens random parameters of all sizes, with thresholds that matter."""
    generator = torch.Generator().manual_seed(0)
    for name, parameter in sorted(sae.named_parameters()):
        values = torch.randn(parameter.shape, generator=generator)
        parameter.data = {"threshold": 2 * values.abs(), "W_dec": 0.3 * values}.get(name, values)
    if hasattr(sae, "topk_threshold"):
        sae.topk_threshold.fill_(1.5)
    return sae


def agrees(ours, theirs):
    """Check encoding and decoding; features of all sizes are decoded, not only encoded ones."""
    with torch.no_grad():
        expected = theirs.encode(X)
        torch.testing.assert_close(ours.encode(X), expected, rtol=1e-5, atol=1e-5)
        assert 0 < (expected != 0).float().mean() < 0.9
        for z in (expected, torch.randn(30, F, generator=torch.Generator().manual_seed(2))):
            torch.testing.assert_close(ours.decode(z), theirs.decode(z), rtol=1e-5, atol=1e-5)


INFERENCE = {
    "topk": {"k": K},
    "topk rescaled": {"k": K, "rescale_acts_by_decoder_norm": True},
    "jumprelu": {},
    "standard": {},
    "gated": {},
}


@pytest.mark.parametrize("name", INFERENCE)
@centring
def test_agrees_with_sae_lens(tmp_path, name, apply_b_dec_to_input):
    sae_class, config_class = get_sae_class(name.split()[0])
    config = config_class(
        d_in=D, d_sae=F, apply_b_dec_to_input=apply_b_dec_to_input, **INFERENCE[name]
    )
    theirs = randomised(sae_class(config))
    theirs.save_model(tmp_path)
    ours = saes.load(tmp_path)
    agrees(ours, theirs)
    assert (ours.d_in, ours.d_sae) == (D, F)


@pytest.mark.parametrize("name", INFERENCE)
@centring
def test_pre_activations_are_what_topk_selects_from(tmp_path, name, apply_b_dec_to_input):
    """With all features allowed, TopK selects nothing; other architectures have no such step."""
    sae_class, config_class = get_sae_class(name.split()[0])
    options = INFERENCE[name] | ({"k": F} if "topk" in name else {})
    config = config_class(d_in=D, d_sae=F, apply_b_dec_to_input=apply_b_dec_to_input, **options)
    theirs = randomised(sae_class(config))
    with torch.no_grad():
        expected = theirs.encode(X)
    theirs.save_model(tmp_path)
    ours = saes.load(tmp_path)
    if "topk" in name:
        ours.config["k"] = K
        found = ours.encode(X)
        assert ((found != 0).sum(1) <= K).all()
        top = expected.topk(K, dim=1)
        torch.testing.assert_close(found.gather(1, top.indices), top.values, rtol=1e-5, atol=1e-5)
    assert 0 < (expected != 0).float().mean() < 0.9
    torch.testing.assert_close(ours.pre_activations(X), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", INFERENCE)
@pytest.mark.parametrize("part", [slice(0, F), slice(7, 8), slice(11, 30), slice(5, 5)])
def test_columns_are_the_features_of_the_whole(tmp_path, name, part):
    sae_class, config_class = get_sae_class(name.split()[0])
    randomised(sae_class(config_class(d_in=D, d_sae=F, **INFERENCE[name]))).save_model(tmp_path)
    whole = saes.load(tmp_path)
    some = whole.columns(part)
    assert (some.d_in, some.d_sae) == (D, part.stop - part.start)
    expected = whole.pre_activations(X)[:, part]
    torch.testing.assert_close(some.pre_activations(X), expected, rtol=1e-5, atol=1e-5)
    assert whole.d_sae == F


TRAINING = {
    "topk": {"k": K, "rescale_acts_by_decoder_norm": False},
    "topk rescaled": {"k": K, "rescale_acts_by_decoder_norm": True},
    "batchtopk": {"k": K, "rescale_acts_by_decoder_norm": False},
    "batchtopk rescaled": {"k": K, "rescale_acts_by_decoder_norm": True},
    "jumprelu": {},
    "standard": {},
    "gated": {},
}


@pytest.mark.parametrize("name", TRAINING)
@centring
def test_agrees_with_what_sae_lens_saves_after_training(tmp_path, name, apply_b_dec_to_input):
    sae_class, config_class = get_sae_training_class(name.split()[0])
    config = config_class(
        d_in=D, d_sae=F, apply_b_dec_to_input=apply_b_dec_to_input, **TRAINING[name]
    )
    trained = randomised(sae_class(config))
    trained.save_inference_model(tmp_path)
    ours = saes.load(tmp_path)
    agrees(ours, SAE.load_from_disk(tmp_path))
    if name.startswith("batchtopk"):  # in training its threshold is that of the batch
        assert ours.config["architecture"] == "jumprelu"
    else:
        with torch.no_grad():
            expected = trained.decode(trained.encode(X))
        torch.testing.assert_close(ours.decode(ours.encode(X)), expected, rtol=1e-4, atol=1e-4)


def test_half_precision_is_read_as_float32(tmp_path):
    saes.save(saes.random(D, F, K, 0), tmp_path)
    stored = {n: a.bfloat16() for n, a in load_file(tmp_path / "sae_weights.safetensors").items()}
    save_file(stored, tmp_path / "sae_weights.safetensors")
    arrays = saes.load(tmp_path).arrays
    for name, array in arrays.items():
        assert array.dtype == torch.float32
        assert torch.equal(array, stored[name].float())


def test_a_config_without_defaults_centres_and_does_not_rescale(tmp_path):
    saes.save(saes.random(D, F, K, 0), tmp_path)
    (tmp_path / "cfg.json").write_text('{"architecture": "topk", "k": 5}')
    loaded = saes.load(tmp_path)
    assert loaded.config["apply_b_dec_to_input"] is True
    assert loaded.config["rescale_acts_by_decoder_norm"] is False


def test_only_topk_rescales(tmp_path):
    """Fields of another architecture are of no effect, as in sae-lens."""
    sae_class, config_class = get_sae_class("standard")
    theirs = randomised(sae_class(config_class(d_in=D, d_sae=F)))
    theirs.save_model(tmp_path)
    config = json.loads((tmp_path / "cfg.json").read_text())
    config["rescale_acts_by_decoder_norm"] = True
    (tmp_path / "cfg.json").write_text(json.dumps(config))
    agrees(saes.load(tmp_path), SAE.load_from_disk(tmp_path))


def test_random_is_a_topk_sae_of_random_unit_rows(tmp_path):
    sae = saes.random(D, F, K, seed=3)
    rows = sae.arrays["W_dec"]
    assert rows.shape == (F, D)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(F))
    assert torch.equal(sae.arrays["W_enc"], rows.T)
    assert rows.mean().abs() < 4 / (F * D) ** 0.5 / D**0.5
    z = sae.encode(X)
    assert ((z != 0).sum(1) == K).all()
    # Those with the largest projections, and their projections.
    projections = X @ rows.T
    torch.testing.assert_close(z.max(1).values, projections.max(1).values)
    torch.testing.assert_close(z.sum(1), projections.sort(1).values[:, -K:].sum(1))
    torch.testing.assert_close(sae.decode(z), z @ rows)
    saes.save(sae, tmp_path)
    agrees(sae, SAE.load_from_disk(tmp_path))


def test_random_follows_its_seed():
    first, again, other = (saes.random(D, F, K, seed).arrays["W_dec"] for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_save_and_load(tmp_path):
    sae = saes.random(D, F, K, 0)
    saes.save(sae, tmp_path / "new" / "sae")
    loaded = saes.load(tmp_path / "new" / "sae")
    assert loaded.config == sae.config
    assert loaded.arrays.keys() == sae.arrays.keys()
    assert all(torch.equal(loaded.arrays[name], array) for name, array in sae.arrays.items())


def test_topk_of_negative_preactivations_keeps_fewer():
    sae = saes.random(D, F, F, 0)
    z = sae.encode(X)
    assert (z >= 0).all()
    assert torch.equal(z != 0, X @ sae.arrays["W_enc"] > 0)


def test_no_rows():
    sae = saes.random(D, F, K, 0)
    assert sae.encode(X[:0]).shape == (0, F)
    assert sae.decode(sae.encode(X[:0])).shape == (0, D)


def test_fitting():
    sae = saes.random(D, F, K, 0)
    assert sae.fitting(D, "saes/x") is sae
    with pytest.raises(StudyError, match=rf"saes/x: the SAE takes .* width {D}, .* width 7"):
        sae.fitting(7, "saes/x")


def test_to_another_device():
    moved = saes.random(D, F, K, 0).to(torch.device("meta"))
    assert all(array.is_meta for array in moved.arrays.values())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound SAE, to be spoilt."""
    saes.save(saes.random(D, F, K, 0), tmp_path / "spoilt")
    return tmp_path / "spoilt"


@pytest.mark.parametrize("file", ["cfg.json", "sae_weights.safetensors"])
def test_missing_file(folder, file):
    (folder / file).unlink()
    with pytest.raises(StudyError, match=rf"spoilt: not a readable SAE .*{file}"):
        saes.load(folder)


def test_no_folder(tmp_path):
    with pytest.raises(StudyError, match="none: not a readable SAE"):
        saes.load(tmp_path / "none")


@pytest.mark.parametrize("content", [b"", b"{", b"{'a': 1}", b"\xff\xfe", b"[" * 100000])
def test_config_that_is_not_json(folder, content):
    (folder / "cfg.json").write_bytes(content)
    with pytest.raises(StudyError, match="spoilt: not a readable SAE"):
        saes.load(folder)


@pytest.mark.parametrize("content", ["[]", "null", '"topk"', "3"])
def test_config_that_is_no_object(folder, content):
    (folder / "cfg.json").write_text(content)
    with pytest.raises(StudyError, match=r"cfg\.json: found .*, expected an object"):
        saes.load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "transcoder"}, "architecture 'transcoder' is not one of topk, standard,"),
        ({"architecture": "batchtopk"}, "architecture 'batchtopk' is not one of"),  # not saved so
        ({"architecture": None}, "architecture 'None' is not one of"),
        ({"architecture": ["topk"]}, r"architecture '\['topk'\]' is not one of"),
        ({"normalize_activations": "layer_norm"}, "normalize_activations 'layer_norm' must be"),
        ({"normalize_activations": "expected_average_only_in"}, "normalize_activations 'expected"),
        ({"activation_fn_str": "topk"}, "activation function 'topk' of a sae-lens before 6"),
        ({"activation_fn": "tanh-relu"}, "activation function 'tanh-relu'"),
        ({"k": 0}, f"k is 0, expected a whole number from 1 to {F}"),
        ({"k": F + 1}, f"k is {F + 1}, expected a whole number from 1 to {F}"),
        ({"k": -3}, "k is -3"),
        ({"k": 2.5}, "k is 2.5"),
        ({"k": "5"}, "k is 5"),
        ({"k": None}, "k is None"),
    ],
)
def test_config_with_a_wrong_value(folder, change, message):
    config = json.loads((folder / "cfg.json").read_text())
    (folder / "cfg.json").write_text(json.dumps(config | change))
    with pytest.raises(StudyError, match=rf"spoilt/cfg\.json: {message}"):
        saes.load(folder)


@pytest.mark.parametrize("normalise", ["none", None])
@pytest.mark.parametrize("activation", ["relu", None])
def test_config_that_says_the_usual(folder, normalise, activation):
    config = json.loads((folder / "cfg.json").read_text())
    config |= {"normalize_activations": normalise, "activation_fn": activation}
    (folder / "cfg.json").write_text(json.dumps(config))
    assert saes.load(folder).d_sae == F


@pytest.mark.parametrize("name", ["W_enc", "b_enc", "W_dec", "b_dec"])
def test_missing_array(folder, name):
    arrays = load_file(folder / "sae_weights.safetensors")
    del arrays[name]
    save_file(arrays, folder / "sae_weights.safetensors")
    with pytest.raises(StudyError, match=rf"topk SAE needs W_enc, .*; missing {name}$"):
        saes.load(folder)


def test_missing_arrays_of_another_architecture(folder):
    (folder / "cfg.json").write_text('{"architecture": "gated"}')
    with pytest.raises(StudyError, match=r"gated SAE needs .* missing b_gate, b_mag, r_mag"):
        saes.load(folder)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("W_enc", torch.zeros(F, D), rf"W_enc has shape \[{F}, {D}\], expected \[{D}, {F}\]"),
        ("W_dec", torch.zeros(D, F), rf"W_enc has shape \[{D}, {F}\], expected \[{F}, {D}\]"),
        ("W_dec", torch.zeros(D), rf"W_dec has shape \[{D}\], not \[d_sae, d_in\]"),
        ("W_dec", torch.tensor(1.0), r"W_dec has shape \[\], not \[d_sae, d_in\]"),
        ("b_dec", torch.zeros(F), rf"b_dec has shape \[{F}\], expected \[{D}\]"),
        ("b_enc", torch.zeros(F, 1), rf"b_enc has shape \[{F}, 1\], expected \[{F}\]"),
        ("b_enc", torch.full((F,), torch.nan), "b_enc holds values that are not finite"),
        ("W_dec", torch.full((F, D), torch.inf), "W_dec holds values that are not finite"),
    ],
)
def test_wrong_array(folder, name, array, message):
    arrays = load_file(folder / "sae_weights.safetensors")
    save_file(arrays | {name: array}, folder / "sae_weights.safetensors")
    with pytest.raises(StudyError, match=message):
        saes.load(folder)


def _header(shape, size, content=b"\0" * 4):
    """Return a safetensors file of one array, with any shape and stated size in bytes."""
    tensor = {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}
    text = json.dumps({"W_dec": tensor}).encode()
    return len(text).to_bytes(8, "little") + text + content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 a zip file, such as torch.save writes",
        (2**62).to_bytes(8, "little") + b"{}",  # a header larger than any memory
        (10**8).to_bytes(8, "little") + b"{}",
        _header([2**40, 2**40], 4),
        _header([2**30], 2**32),  # an array of 4 GB in a file of 100 bytes
        _header([1], 4, content=b""),
        _header([1], 4, content=b"\0" * 64),
    ],
)
def test_weights_that_are_not_safetensors(folder, content):
    (folder / "sae_weights.safetensors").write_bytes(content)
    with pytest.raises(StudyError, match="spoilt: not a readable SAE"):
        saes.load(folder)


@pytest.mark.parametrize("length", [5, 100, -1])
def test_truncated_weights(folder, length):
    file = folder / "sae_weights.safetensors"
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(StudyError, match="spoilt: not a readable SAE"):
        saes.load(folder)


def test_a_release_is_written_as_a_folder(tmp_path, monkeypatch):
    sae_class, config_class = get_sae_class("jumprelu")
    published = randomised(sae_class(config_class(d_in=D, d_sae=F)))
    asked = []

    def from_pretrained(*names, device):
        asked.append((*names, device))
        return published

    monkeypatch.setattr(SAE, "from_pretrained", from_pretrained)
    releases.download("gemma-scope", "layer_8/width_16k", tmp_path / "sae")
    assert asked == [("gemma-scope", "layer_8/width_16k", "cpu")]
    agrees(saes.load(tmp_path / "sae"), published)


def test_a_release_that_sae_lens_does_not_know(tmp_path):
    message = r"release 'no-such-release', id 'x': sae-lens could not load it \(ValueError: .*"
    with pytest.raises(StudyError, match=message):
        releases.download("no-such-release", "x", tmp_path / "sae")
    assert not (tmp_path / "sae").exists()
