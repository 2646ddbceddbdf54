"""Training on dictionaries that are known, and folding the inputs' units into the SAE."""

import copy

import example_stores as example
import numpy as np
import pytest
import sae_lens
import torch
from sae_lens import SAE
from sae_lens.registry import get_sae_training_class

from universality.errors import StudyError
from universality.features import encoding, saes, training

CPU = torch.device("cpu")
TOPK = {
    "architecture": "topk",
    "width": 64,
    "k": 3,
    "epochs": 2,
    "batch": 64,
    "learning_rate": 3e-3,
    "sae_lens": {},
}


def options(architecture="topk", **changes):
    found = TOPK | {"architecture": architecture} | changes
    if architecture not in ("topk", "batchtopk"):
        del found["k"]
    return found


# Folding.

D, F = 12, 40
FOLDED = {
    "topk": {"k": 5, "rescale_acts_by_decoder_norm": True},
    "topk, not rescaled": {"k": 5, "rescale_acts_by_decoder_norm": False},
    "batchtopk": {"k": 5, "rescale_acts_by_decoder_norm": True},
    "batchtopk, not rescaled": {"k": 5, "rescale_acts_by_decoder_norm": False},
    "jumprelu": {},
    "standard": {},
}


def random_sae(name, **fields):
    sae_class, config_class = get_sae_training_class(name.split(",")[0])
    sae = sae_class(config_class(d_in=D, d_sae=F, **FOLDED[name], **fields))
    generator = torch.Generator().manual_seed(0)
    for key, parameter in sorted(sae.named_parameters()):
        values = torch.randn(parameter.shape, generator=generator)
        parameter.data = {"threshold": values.abs()}.get(key, values)
    if hasattr(sae, "topk_threshold"):
        sae.topk_threshold.fill_(1.5)
    return sae


@pytest.mark.parametrize("name", FOLDED)
@pytest.mark.parametrize("apply_b_dec_to_input", [True, False])
@pytest.mark.parametrize("scale", [0.02, 7.0])
def test_folding_is_exact(tmp_path, name, apply_b_dec_to_input, scale):
    """On x the folded SAE does what the other did on (x - mean) * scale, in the units of x."""
    generator = torch.Generator().manual_seed(1)
    mean = torch.randn(D, generator=generator) * 5 / scale
    inputs = torch.randn(300, D, generator=generator)
    x = inputs / scale + mean

    unfolded = random_sae(name, apply_b_dec_to_input=apply_b_dec_to_input)
    folded = copy.deepcopy(unfolded)
    training.save(unfolded, tmp_path / "unfolded")
    before = saes.load(tmp_path / "unfolded")
    z = before.encode(inputs)
    reconstruction = before.decode(z) / scale + mean
    assert 0 < (z != 0).float().mean() < 0.9

    training.fold(folded, mean, scale)
    training.save(folded, tmp_path / "folded")
    ours, theirs = saes.load(tmp_path / "folded"), SAE.load_from_disk(tmp_path / "folded")
    for sae in (ours, theirs):
        with torch.no_grad():
            features = sae.encode(x)
            assert torch.equal(features != 0, z != 0)
            unit = float(features.sum() / z.sum())
            torch.testing.assert_close(features, z * unit, rtol=1e-3, atol=1e-3 * unit)
            decoded = sae.decode(features)
        torch.testing.assert_close(decoded, reconstruction, rtol=1e-4, atol=1e-4 / scale)


# Training on sparse combinations of known directions, far from the origin.

WIDTH, DIRECTIONS = 16, 32
MEAN = np.linspace(-20, 40, WIDTH)


def sparse_data(rng, rows, true):
    strengths = np.zeros((rows, len(true)))
    for row in strengths:
        row[rng.choice(len(true), 2, replace=False)] = rng.uniform(3, 6, 2)
    return (strengths @ true + MEAN).astype(np.float32)


@pytest.fixture(scope="module")
def true():
    rows = np.random.default_rng(0).standard_normal((DIRECTIONS, WIDTH))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def data(true):
    """2000 rows in documents of 20; every fifth document is held out."""
    return sparse_data(np.random.default_rng(1), 2500, true)


DOCUMENT = np.repeat(np.arange(125), 20)
SPLITS = np.where(np.arange(125) % 5 == 0, 2, 0)


@pytest.fixture(scope="module")
def dump(tmp_path_factory, data):
    return example.activations(tmp_path_factory.mktemp("dump"), data, DOCUMENT, SPLITS)


def folded(sae, folder):
    training.save(sae, folder)
    return saes.load(folder)


def best_cosines(sae, true):
    rows = sae.arrays["W_dec"] / sae.arrays["W_dec"].norm(dim=1, keepdim=True)
    return (torch.from_numpy(true).float() @ rows.T).max(1).values


def test_training_recovers_the_directions(tmp_path, dump, true):
    chosen = options(k=2, epochs=30, learning_rate=1e-2)
    sae = folded(training.train(dump, chosen, 0, CPU), tmp_path)
    found = encoding.quality(dump, sae, CPU)
    untrained = saes.random(WIDTH, 64, 2, seed=0)
    untrained.arrays["b_dec"][:] = torch.from_numpy(MEAN)
    before = encoding.quality(dump, untrained, CPU)
    assert found["fvu"] < 0.1
    assert found["fvu"] < 0.2 * before["fvu"]
    assert found["l0"] == pytest.approx(2, abs=0.1)
    assert best_cosines(sae, true).median() > 0.95
    assert best_cosines(untrained, true).median() < 0.8


@pytest.mark.parametrize("architecture", training.ARCHITECTURES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_architecture_trains(tmp_path, data, architecture, dtype):
    dump = example.activations(tmp_path, data, DOCUMENT, SPLITS, dtype=dtype)
    trained = training.train(dump, options(architecture, epochs=4), 0, CPU)
    sae = folded(trained, tmp_path / "sae")
    assert (sae.d_in, sae.d_sae) == (WIDTH, 64)
    found = encoding.quality(dump, sae, CPU)
    assert found["fvu"] < 0.7  # the mean row has 1
    assert found["l0"] > 1


def trained_arrays(folder, dump, seed=0, **changes):
    return folded(training.train(dump, options(**changes), seed, CPU), folder).arrays


@pytest.mark.parametrize("architecture", ["topk", "standard"])
def test_training_follows_its_seed(tmp_path, dump, architecture):
    first, again, other = (
        trained_arrays(tmp_path, dump, seed, architecture=architecture) for seed in (5, 5, 6)
    )
    for name, array in first.items():
        assert torch.equal(array, again[name])
    assert not torch.allclose(first["W_dec"], other["W_dec"], atol=0.1)


def test_only_usable_rows_of_the_train_split_count(tmp_path, data):
    special = np.arange(2500) % 7 == 0
    other = data.copy()
    other[special | (SPLITS[DOCUMENT] != 0)] = 333
    results = []
    for name, values in (("a", data), ("b", other)):
        dump = example.activations(tmp_path / name, values, DOCUMENT, SPLITS, special)
        results.append(trained_arrays(tmp_path / name / "sae", dump))
    for name, array in results[0].items():
        assert torch.equal(array, results[1][name])


class Recorder:
    """Stands in for sae-lens's trainer: keeps what it is given, trains nothing."""

    def __init__(self, cfg, sae, data_provider):
        Recorder.cfg, Recorder.batches, self.sae = cfg, list(data_provider), sae

    def fit(self):
        return self.sae


@pytest.mark.parametrize("batch", [64, 300, 2000])
def test_the_trainer_sees_each_row_once_an_epoch(monkeypatch, dump, data, batch):
    monkeypatch.setattr(sae_lens, "SAETrainer", Recorder)
    training.train(dump, options(batch=batch, epochs=3), 0, CPU)
    epoch = 2000 // batch
    assert [len(rows) for rows in Recorder.batches] == [batch] * (3 * epoch)
    assert Recorder.cfg.total_training_samples == 3 * epoch * batch
    assert Recorder.cfg.total_training_steps == 3 * epoch

    used = data[SPLITS[DOCUMENT] == 0].astype(np.float64)
    mean = used.mean(0)
    scale = np.sqrt(WIDTH / ((used - mean) ** 2).sum(1).mean())
    expected = (used - mean) * scale
    assert (expected**2).sum(1).mean() == pytest.approx(WIDTH)
    orders = []
    for i in range(3):
        seen = torch.cat(Recorder.batches[i * epoch : (i + 1) * epoch]).double().numpy()
        distance, order = nearest(seen, expected)
        assert distance.max() < 1e-4
        assert len(set(order)) == len(seen)
        orders.append(order)
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_both_the_start_and_the_order_of_rows_follow_the_seed(monkeypatch, dump):
    monkeypatch.setattr(sae_lens, "SAETrainer", Recorder)
    starts, orders = [], []
    for seed in (5, 5, 6):
        untrained = training.train(dump, options(epochs=1), seed, CPU)
        starts.append(torch.nn.functional.normalize(untrained.W_dec.detach()))
        orders.append(torch.cat(Recorder.batches))
    for same, again, other in (starts, orders):
        assert torch.equal(same, again)
        assert ((same - other).abs().amax(1) > 0.01).float().mean() > 0.9


def nearest(seen, rows):
    squared = (seen**2).sum(1)[:, None] + (rows**2).sum(1) - 2 * seen @ rows.T
    order = squared.argmin(1)
    return np.abs(seen - rows[order]).max(1), order.tolist()


def test_too_few_rows(dump):
    message = "train.batch: 2001 rows a step, but the train split has only 2000 rows"
    with pytest.raises(StudyError, match=message):
        training.train(dump, options(batch=2001), 0, CPU)


@pytest.mark.parametrize("value", [3.0, 0.1, 10000.3])
def test_rows_that_do_not_vary(tmp_path, value):
    constant = np.full((2500, WIDTH), value)
    dump = example.activations(tmp_path, constant, DOCUMENT, SPLITS)
    with pytest.raises(StudyError, match="do not vary: nothing to train on"):
        training.train(dump, options(), 0, CPU)


@pytest.mark.parametrize(
    ("architecture", "fields", "message"),
    [
        ("topk", {"l1_penalty": 3}, r"\['l1_penalty'\] do not fit sae-lens's TopKTraining"),
        ("standard", {"aux_loss_coefficient": 1}, "StandardTrainingSAEConfig .*aux_loss_coeff"),
        ("topk", {"dtype": "bfloat16"}, "multiple values for keyword argument 'dtype'"),
        ("topk", {"k": 4}, "multiple values for keyword argument 'k'"),
        ("topk", {"normalize_activations": "layer_norm"}, "argument 'normalize_activations'"),
        ("jumprelu", {"jumprelu_sparsity_loss_mode": "quadratic"}, "target_l0 must be set"),
    ],
)
def test_fields_that_sae_lens_does_not_take(dump, architecture, fields, message):
    with pytest.raises(StudyError, match=rf"train\.sae_lens: .*{message}"):
        training.train(dump, options(architecture, sae_lens=fields), 0, CPU)


def test_fields_of_sae_lens_reach_the_sae(dump):
    fields = {"l1_coefficient": 0.25, "apply_b_dec_to_input": False}
    trained = training.train(dump, options("standard", sae_lens=fields), 0, CPU)
    assert trained.cfg.l1_coefficient == 0.25
    assert trained.cfg.apply_b_dec_to_input is False
