"""Sound against a written list of phrases: what the list does, and what it cannot do."""

from pathlib import Path

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.fusion.features.text import Tokens

torch = pytest.importorskip("torch")

from edgefuse.training import plugins  # noqa: E402
from edgefuse.training.data import Data  # noqa: E402
from edgefuse.training.export import Ensemble, export  # noqa: E402
from edgefuse.training.network import Design, Input, Network  # noqa: E402

WIDTHS = {"audio": 6, "text": 3 * 8}


def ids(*lists: str) -> "torch.Tensor":
    return torch.as_tensor(Tokens("characters", 8, phrases=3, buckets=255)(np.array(lists, dtype=object)))


def encoder(dropout: float = 0.1) -> "torch.nn.Module":
    torch.manual_seed(0)
    return plugins.encoder("phrases", (3, 8), {"vocabulary": 256, "size": 8, "width": 8, "dropout": dropout})


def fusion() -> "torch.nn.Module":
    torch.manual_seed(0)
    return plugins.fusion("phrases", WIDTHS, 5, {"phrases": 3}).eval()


def test_a_phrase_has_the_same_vector_in_every_place() -> None:
    """It depends on its own letters alone; what is not there is zeros."""
    made = encoder().eval()(ids("light on;off;stop", "stop;light on")).reshape(2, 3, 8)
    torch.testing.assert_close(made[0, 0], made[1, 1])
    torch.testing.assert_close(made[0, 2], made[1, 0])
    assert made[1, 2].abs().max() == 0
    assert (made[0, 0] - made[0, 1]).abs().max() > 1e-3


def test_spelling_has_an_order() -> None:
    """The same letters the other way round are another phrase."""
    made = encoder().eval()(ids("on;no")).reshape(3, 8)
    assert (made[0] - made[1]).abs().max() > 1e-3


def test_training_sees_every_phrase_of_a_batch_once() -> None:
    """And gives the same as when each is encoded on its own."""
    network, given = encoder(dropout=0), ids("a;b;c", "c;a;b", "a;a")
    torch.testing.assert_close(network.train()(given), network.eval()(given))


def test_the_nearest_phrase_has_the_highest_logit() -> None:
    """Moving a phrase in the list moves its logit; the classes that are no phrase do not see the list."""
    network, sound = fusion(), torch.randn(1, 6)
    text = torch.randn(1, 3, 8)
    turned = text[:, [2, 0, 1]]
    mask = torch.ones(1, 2)
    first = network({"audio": sound, "text": text.flatten(1)}, mask)["logits"]
    moved = network({"audio": sound, "text": turned.flatten(1)}, mask)["logits"]
    torch.testing.assert_close(first[:, [2, 0, 1, 3, 4]], moved)


def test_an_empty_place_is_never_the_answer() -> None:
    """Its probability is next to nothing."""
    network, text = fusion(), torch.randn(1, 3, 8)
    text[:, 1] = 0
    p = network({"audio": torch.randn(1, 6), "text": text.flatten(1)}, torch.ones(1, 2))["logits"].softmax(1)
    assert p[0, 1] < 1e-5


def test_without_a_list_learned_phrases_stand_in() -> None:
    """The masked text, zeros, makes no place empty."""
    found = fusion()({"audio": torch.randn(2, 6), "text": torch.zeros(2, 24)}, torch.tensor([[1.0, 0.0]] * 2))
    assert found["logits"].shape == (2, 5)
    assert found["logits"].min() > -14


def test_the_exported_model_gives_vectors_of_sounds(tmp_path: Path) -> None:
    """Of every member, of length 1."""
    inputs = (
        Input("audio", (4, 3), "cnn1d", {"width": 4, "layers": 1}),
        Input("text", (3, 8), "phrases", {"vocabulary": 256, "size": 8, "width": 8}, tokens=True),
    )
    torch.manual_seed(0)
    networks = [Network(Design(inputs, 5, "phrases", {"phrases": 3})).eval() for _ in range(2)]
    sounds = np.random.default_rng(0).standard_normal((6, 4, 3)).astype(np.float32)
    texts = ids(*["on;off"] * 6).numpy()
    labels = np.zeros(6, np.int64)
    data = Data(
        {"audio": sounds, "text": texts}, np.ones((6, 2), np.float32), labels, labels.astype(str), 6, tuple("abcde")
    )
    assert export(Ensemble(networks, np.ones(4)), data, tmp_path / "m.onnx") <= 1e-4
    told = OnnxBackend().load(tmp_path / "m.onnx", {}).run({**data.x, "mask": data.present})
    assert told["sound_members"].shape == (2, 6, 8)
    np.testing.assert_allclose(np.linalg.norm(told["sound_members"], axis=2), 1, rtol=1e-5)


@pytest.mark.parametrize("phrases", [0, 6, 5])
def test_numbers_that_do_not_fit_are_told(phrases: int) -> None:
    """More phrases than classes, or a width that they do not divide."""
    with pytest.raises(ConfigError, match="phrases"):
        plugins.fusion("phrases", WIDTHS, 5, {"phrases": phrases})
