"""Encoders, fusions and the network that holds them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.training import plugins
from edgefuse.training.data import Data
from edgefuse.training.export import Ensemble, export
from edgefuse.training.network import Design, Input, Network, Standardise
from edgefuse.training.recipe import TrainSpec
from edgefuse.training.train import Job, dropped, predict, train_one

WORDS = 20
SHAPES: dict[str, tuple[int, ...]] = {
    "sequence": (12, 3),
    "picture": (1, 12, 10),
    "colour": (3, 8, 8),
    "film": (4, 1, 8, 8),
    "text": (6,),
    "table": (4,),
}
TAKES = {
    "adapter": "table sequence picture film text",
    "bag": "text",
    "cnn1d": "sequence",
    "cnn2d": "sequence picture colour",
    "embedding": "text",
    "film": "film",
    "frames": "film",
    "gru": "sequence text",
    "linear": "table picture",
    "mlp": "table picture sequence",
    "transformer": "sequence text",
    "values": "table sequence",
}
FUSIONS = ["adversarial", "attention", "concat", "early", "gaussian", "hybrid", "late", "tensor", "vae", "weighted"]
FUSED = ("sequence:cnn1d", "text:embedding", "table:mlp")


def data_of(names: list[str], n: int = 24) -> Data:
    rng = np.random.default_rng(0)
    x: dict[str, Any] = {}
    for name in names:
        if name == "text":
            x[name] = rng.integers(0, WORDS, (n, *SHAPES[name]))
            x[name][0] = 0
        else:
            x[name] = rng.standard_normal((n, *SHAPES[name])).astype(np.float32)
    labels = np.arange(n, dtype=np.int64) % 3
    return Data(x, np.ones((n, len(names)), np.float32), labels, np.array(["g"] * n), n, ("a", "b", "c"))


def input_of(name: str, kind: str, **options: Any) -> Input:
    tokens = name == "text"
    own = {"vocabulary": WORDS} if tokens else {}
    return Input(name, SHAPES[name], kind, {**own, **options}, pixels=name in {"picture", "film"}, tokens=tokens)


def trained_on(design: Design, data: Data, epochs: int = 1, rate: float = 4e-3) -> Network:
    rows = np.arange(data.n)
    spec = TrainSpec(batch=12, rate=rate)
    return train_one(data, Job(design, rows, rows[:0], 0, epochs, spec, 0.4, "test")).network


def fused(kind: str, **options: Any) -> Design:
    inputs = tuple(input_of(*each.split(":"), width=8) for each in FUSED)
    return Design(inputs, 3, kind, options)


@pytest.mark.parametrize("kind", sorted(TAKES))
def test_every_encoder_trains_and_exports(kind: str, tmp_path: Path) -> None:
    """Each encoder takes what it says, and ONNX Runtime agrees with torch, present and masked."""
    for name in TAKES[kind].split():
        data = data_of([name])
        network = trained_on(Design((input_of(name, kind),), 3), data)
        assert export(Ensemble([network], np.ones(2)), data, tmp_path / f"{name}.onnx") <= 1e-4


@pytest.mark.parametrize("kind", FUSIONS)
def test_every_fusion_trains_and_exports_under_every_pattern(kind: str, tmp_path: Path) -> None:
    """Each fusion exports, agrees under every pattern with NaN where masked, and gives the prior for nothing."""
    data = data_of([each.split(":")[0] for each in FUSED])
    network = trained_on(fused(kind), data)
    assert export(Ensemble([network], np.ones(8)), data, tmp_path / "m.onnx") <= 1e-4
    nothing = predict(network, data, np.arange(3), np.zeros((1, 3), np.float32))[0]
    assert np.allclose(nothing, network.log_prior.numpy(), atol=1e-6)


@pytest.mark.parametrize("kind", FUSIONS)
def test_what_is_masked_does_not_count(kind: str) -> None:
    """Another value of a masked modality gives the same numbers; of a present one, others."""
    data = data_of([each.split(":")[0] for each in FUSED])
    network = trained_on(fused(kind), data)
    masks = np.float32([[1, 1, 0], [1, 1, 1]])
    before = predict(network, data, np.arange(8), masks)
    data.x["table"][:] += 3
    after = predict(network, data, np.arange(8), masks)
    assert np.array_equal(before[0], after[0])
    assert not np.allclose(before[1], after[1])


def test_common_space_is_exported(tmp_path: Path) -> None:
    """With `embedding` the file gives unit vectors of every modality and of all present ones, zeros where masked."""
    from edgefuse.engines.onnx import OnnxBackend

    data = data_of([each.split(":")[0] for each in FUSED])
    networks = [trained_on(fused("concat", embedding=4, contrastive=0.1), data) for _ in range(2)]
    assert export(Ensemble(networks, np.ones(8)), data, tmp_path / "m.onnx") <= 1e-4
    mask = np.tile(np.float32([1, 0, 1]), (data.n, 1))
    got = OnnxBackend().load(tmp_path / "m.onnx", {}).run({**data.x, "mask": mask})
    assert got["embedding_sequence"].shape == (data.n, 8)
    assert np.linalg.norm(got["embedding"], axis=1) == pytest.approx(1.0, abs=1e-4)
    assert np.linalg.norm(got["embedding_table"], axis=1) == pytest.approx(1.0, abs=1e-4)
    assert not got["embedding_text"].any()


def test_contrast_brings_modalities_of_one_sample_together() -> None:
    """Trained with the contrastive loss, vectors of one sample are closer than those of others."""
    data = data_of(["sequence", "table"])
    data.x["sequence"][:, :, 0] += 3 * data.labels[:, None]
    data.x["table"][:, 0] += 3 * data.labels
    inputs = (input_of("sequence", "linear"), input_of("table", "linear"))
    network = trained_on(Design(inputs, 3, "concat", {"embedding": 8, "contrastive": 1.0}), data, epochs=30).eval()
    with torch.no_grad():
        x = {name: torch.as_tensor(array) for name, array in data.x.items()}
        a, b = network.embed(network.encode(x)).values()
    near = a @ b.T
    same = torch.as_tensor(data.labels[:, None] == data.labels[None])
    assert float(near[same].mean()) > float(near[~same].mean()) + 0.3


def test_variational_fusion_fills_in_what_is_missing() -> None:
    """A table that follows from the sequence is filled in closer to the truth than its mean."""
    data = data_of(["sequence", "table"], 64)
    data.x["table"][:] = 5 + 2 * data.x["sequence"].mean(1)[:, :1]
    inputs = (input_of("sequence", "linear"), input_of("table", "linear"))
    network = trained_on(Design(inputs, 3, "vae", {"rebuild": 5.0}), data, epochs=40).eval()
    x = {name: torch.as_tensor(array) for name, array in data.x.items()}
    x["table"] = torch.full_like(x["table"], torch.nan)
    mask = torch.tensor([[1.0, 0.0]]).repeat(64, 1)
    made = network.fill(x, mask)["table"].numpy()
    truth = data.x["table"]
    assert np.square(made - truth).mean() < 0.7 * truth.var()


def test_only_a_variational_fusion_fills_in() -> None:
    """Another fusion says which one can."""
    network = Network(fused("concat"))
    with pytest.raises(ValueError, match="take 'vae'"):
        network.fill({}, torch.zeros(1, 3))


def test_unknown_kinds_and_options_are_told() -> None:
    """An unknown encoder names the known ones; a wrong option and a wrong shape name the encoder."""
    with pytest.raises(ConfigError, match=r"unknown kind 'cnn9' of encoders .known: adapter, bag, cnn1d"):
        plugins.encoder("cnn9", (3,), {})
    with pytest.raises(ConfigError, match=r"encoder 'mlp'.*depth"):
        plugins.encoder("mlp", (3,), {"depth": 3})
    with pytest.raises(ConfigError, match=r"encoder 'gru'.*got shape"):
        plugins.encoder("gru", (3,), {})


def test_a_loss_that_is_no_number_is_told() -> None:
    """A training that diverges ends with what to do about it."""
    data = data_of(["table"])
    with pytest.raises(ModelError, match=r"test: the loss is not a number .* lower train\.rate"):
        trained_on(Design((input_of("table", "linear"),), 3), data, 2, 1e30)


def test_modality_dropout_keeps_something() -> None:
    """Of several modalities 1 to all but one stay, all patterns occur, and what was missing stays missing."""
    present = np.ones((4000, 3), np.float32)
    present[:1000, 2] = 0
    masks = dropped(present, np.random.default_rng(0))
    assert set(masks[:1000].sum(1)) == {1}
    assert not masks[:1000, 2].any()
    assert set(masks[1000:].sum(1)) == {1, 2}
    assert len(np.unique(masks[1000:], axis=0)) == 6


def test_standardisation_bears_gaps_and_constants() -> None:
    """NaN becomes the mean, a constant zero, a far value is bounded."""
    layer = Standardise((2,), pixels=False)
    layer.fit(torch.tensor([[1.0, 5.0], [3.0, 5.0], [torch.nan, 5.0], [torch.inf, 5.0]]))
    got = layer(torch.tensor([[3.0, 5.0], [torch.nan, 5.0], [-torch.inf, 5.0]]))
    assert got.tolist() == [[1.0, 0.0], [0.0, 0.0], [-10.0, 0.0]]
