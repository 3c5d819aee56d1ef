"""Whisper as ONNX, against the same network written down in numpy."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError
from edgefuse.engines.onnx import OnnxBackend, OnnxModel
from edgefuse.engines.whisper_graph import decoder, encoder

Floats = NDArray[np.float32]
Pack = Callable[..., bytes]
Feed = dict[str, NDArray[Any]]
HEADS, LAYERS, MELS, TOKENS, SOUND, TEXT = 2, 2, 4, 11, 20, 16
WIDTH = 64 * HEADS
MASKED = -1e4


def _linear(random: np.random.Generator, name: str, outputs: int, inputs: int) -> dict[str, Floats]:
    weight = random.normal(0, inputs**-0.5, (outputs, inputs)).astype(np.float32)
    return {f"{name}/weight": weight, f"{name}/bias": random.normal(0, 0.1, outputs).astype(np.float32)}


def _norm(random: np.random.Generator, name: str) -> dict[str, Floats]:
    gamma, beta = random.normal((1, 0), 0.1, (WIDTH, 2)).astype(np.float32).T
    return {f"{name}/gamma": gamma, f"{name}/beta": beta}


def _block(random: np.random.Generator, at: str, *, listens: bool) -> dict[str, Floats]:
    made = _norm(random, f"{at}/self_attention/layer_norm") | _norm(random, f"{at}/ffn/layer_norm")
    made |= _linear(random, f"{at}/self_attention/linear_0", 3 * WIDTH, WIDTH)
    made |= _linear(random, f"{at}/self_attention/linear_1", WIDTH, WIDTH)
    made |= _linear(random, f"{at}/ffn/linear_0", 4 * WIDTH, WIDTH) | _linear(
        random, f"{at}/ffn/linear_1", WIDTH, 4 * WIDTH
    )
    if listens:
        made |= _norm(random, f"{at}/attention/layer_norm") | _linear(random, f"{at}/attention/linear_0", WIDTH, WIDTH)
        made |= _linear(random, f"{at}/attention/linear_1", 2 * WIDTH, WIDTH)
        made |= _linear(random, f"{at}/attention/linear_2", WIDTH, WIDTH)
    return made


def _weights(seed: int = 5) -> dict[str, NDArray[np.generic]]:
    """A Whisper of two layers that has learnt nothing."""
    random = np.random.default_rng(seed)
    made: dict[str, NDArray[np.generic]] = {}
    for number in range(LAYERS):
        made |= _block(random, f"encoder/layer_{number}", listens=False)
        made |= _block(random, f"decoder/layer_{number}", listens=True)
    made |= _norm(random, "encoder/layer_norm") | _norm(random, "decoder/layer_norm")
    for name, inputs in (("conv1", MELS), ("conv2", WIDTH)):
        made[f"encoder/{name}/weight"] = random.normal(0, 0.3, (WIDTH, inputs, 3)).astype(np.float32)
        made[f"encoder/{name}/bias"] = random.normal(0, 0.1, WIDTH).astype(np.float32)
    made["encoder/position_encodings/encodings"] = random.normal(0, 0.3, (SOUND, WIDTH)).astype(np.float32)
    made["decoder/position_encodings/encodings"] = random.normal(0, 0.3, (TEXT, WIDTH)).astype(np.float32)
    made["decoder/embeddings/weight"] = random.normal(0, 1, (TOKENS, WIDTH)).astype(np.float16)
    made["encoder/num_heads"] = made["decoder/num_heads"] = np.array(HEADS, np.int16)
    made["decoder/pre_norm"], made["decoder/activation"] = np.array(1, np.int8), np.array(3, np.int8)
    return made


class Plain:
    """Whisper without cache, one position after the other where that is simplest."""

    def __init__(self, weights: Mapping[str, NDArray[np.generic]]) -> None:
        self._weights = {name: array.astype(np.float64) for name, array in weights.items()}

    def encode(self, mel: Floats) -> NDArray[np.float64]:
        """(mels, t) -> (t / 2, width)."""
        x: NDArray[np.float64] = mel.astype(np.float64)
        for name, stride in (("conv1", 1), ("conv2", 2)):
            weight, bias = (self._weights[f"encoder/{name}/{part}"] for part in ("weight", "bias"))
            wide = np.pad(x, ((0, 0), (1, 1)))
            starts = range(0, x.shape[1], stride)
            x = _gelu(np.stack([np.tensordot(weight, wide[:, at : at + 3], 2) + bias for at in starts], axis=1))
        x = x.T + self._weights["encoder/position_encodings/encodings"][: x.shape[1]]
        for number in range(LAYERS):
            at = f"encoder/layer_{number}"
            x = self._fed(self._attended(x, at, np.zeros((len(x), len(x)))), at)
        return self._norm(x, "encoder/layer_norm")

    def decode(self, tokens: list[int], sound: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logits (n, tokens)."""
        words = self._weights["decoder/embeddings/weight"]
        x = words[tokens] + self._weights["decoder/position_encodings/encodings"][: len(tokens)]
        mask = np.where(np.tri(len(tokens)) > 0, 0.0, -np.inf)
        for number in range(LAYERS):
            at = f"decoder/layer_{number}"
            x = self._attended(x, at, mask)
            q = self._linear(self._norm(x, f"{at}/attention/layer_norm"), f"{at}/attention/linear_0")
            k, v = np.split(self._linear(sound, f"{at}/attention/linear_1"), 2, axis=1)
            x = x + self._linear(_attention(q, k, v, np.zeros((len(q), len(k)))), f"{at}/attention/linear_2")
            x = self._fed(x, at)
        return np.asarray(self._norm(x, "decoder/layer_norm") @ words.T)

    def _attended(self, x: NDArray[np.float64], at: str, mask: NDArray[np.float64]) -> NDArray[np.float64]:
        at = f"{at}/self_attention"
        q, k, v = np.split(self._linear(self._norm(x, f"{at}/layer_norm"), f"{at}/linear_0"), 3, axis=1)
        return x + self._linear(_attention(q, k, v, mask), f"{at}/linear_1")

    def _fed(self, x: NDArray[np.float64], at: str) -> NDArray[np.float64]:
        hidden = _gelu(self._linear(self._norm(x, f"{at}/ffn/layer_norm"), f"{at}/ffn/linear_0"))
        return x + self._linear(hidden, f"{at}/ffn/linear_1")

    def _linear(self, x: NDArray[np.float64], at: str) -> NDArray[np.float64]:
        return np.asarray(x @ self._weights[f"{at}/weight"].T + self._weights[f"{at}/bias"])

    def _norm(self, x: NDArray[np.float64], at: str) -> NDArray[np.float64]:
        scaled = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
        return np.asarray(scaled * self._weights[f"{at}/gamma"] + self._weights[f"{at}/beta"])


def _gelu(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2)


def _attention(
    q: NDArray[np.float64], k: NDArray[np.float64], v: NDArray[np.float64], mask: NDArray[np.float64]
) -> NDArray[np.float64]:
    found = []
    for head in range(HEADS):
        part = slice(64 * head, 64 * head + 64)
        scores = q[:, part] @ k[:, part].T / 8 + mask
        p = np.exp(scores - scores.max(1, keepdims=True))
        found.append(p / p.sum(1, keepdims=True) @ v[:, part])
    return np.concatenate(found, axis=1)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory, pack_ct2: Pack) -> tuple[OnnxModel, OnnxModel]:
    """Encoder and decoder, loaded."""
    folder = tmp_path_factory.mktemp("whisper")
    (folder / "model.bin").write_bytes(pack_ct2("WhisperSpec", _weights()))
    (folder / "encoder.onnx").write_bytes(encoder(folder / "model.bin"))
    (folder / "decoder.onnx").write_bytes(decoder(folder / "model.bin"))
    backend = OnnxBackend()
    return backend.load(folder / "encoder.onnx", {}), backend.load(folder / "decoder.onnx", {})


def _sound(frames: int) -> Floats:
    return np.random.default_rng(1).normal(size=(MELS, frames)).astype(np.float32)


def _feed(
    tokens: list[int], positions: list[int], seen: Floats, cross: Mapping[str, Floats], room: int
) -> dict[str, NDArray[np.generic]]:
    past = {
        f"past_{kind}_{n}": np.zeros((HEADS, room, 64), np.float32) for n in range(LAYERS) for kind in ("key", "value")
    }
    return {
        "tokens": np.array(tokens, np.int32),
        "positions": np.array(positions, np.int32),
        "mask": np.where(seen > 0, 0, MASKED).astype(np.float32),
        "pick": np.arange(len(tokens), dtype=np.int32),
        **past,
        **cross,
    }


@pytest.mark.parametrize("frames", [8, 2 * SOUND])
def test_the_encoder_gives_what_the_decoder_attends_to(parts: tuple[OnnxModel, OnnxModel], frames: int) -> None:
    """Sounds of two lengths give every layer's keys and values as plain arithmetic does."""
    mel, weights = _sound(frames), _weights()
    plain = Plain(weights).encode(mel)

    found = parts[0].run({"mel": mel[None]})

    for number in range(LAYERS):
        at = f"decoder/layer_{number}/attention/linear_1"
        both = plain @ weights[f"{at}/weight"].T + weights[f"{at}/bias"]
        key, value = np.split(both.reshape(-1, 2 * HEADS, 64), 2, axis=1)
        assert found[f"cross_key_{number}"] == pytest.approx(key.transpose(1, 2, 0), abs=1e-4)
        assert found[f"cross_value_{number}"] == pytest.approx(value.transpose(1, 0, 2), abs=1e-4)


def test_the_decoder_gives_logits(parts: tuple[OnnxModel, OnnxModel]) -> None:
    """A text at once, behind an empty cache of two places, has the logits of plain arithmetic."""
    mel, text = _sound(24), [3, 1, 4, 1, 5]
    cross = parts[0].run({"mel": mel[None]})
    plain = Plain(_weights())
    seen = np.hstack([np.zeros((5, 2)), np.tri(5)])

    found = parts[1].run(_feed(text, [0, 1, 2, 3, 4], seen, cross, 2))

    assert found["logits"] == pytest.approx(plain.decode(text, plain.encode(mel)), abs=1e-4)


def test_the_cache_stands_for_what_was_read(parts: tuple[OnnxModel, OnnxModel]) -> None:
    """Three tokens first, then two behind a cache with a place too many, give the same logits as five at once."""
    mel, text = _sound(24), [3, 1, 4, 1, 5]
    cross = parts[0].run({"mel": mel[None]})
    plain = Plain(_weights())
    first = parts[1].run(_feed(text[:3], [0, 1, 2], np.hstack([np.zeros((3, 1)), np.tri(3)]), cross, 1))
    feed = _feed(text[3:], [3, 4], np.hstack([np.ones((2, 3)), np.zeros((2, 1)), np.tri(2)]), cross, 4)
    for name in [name for name in feed if name.startswith("past_")]:
        feed[name][:, :3] = first[name.removeprefix("past_")]

    found = parts[1].run({**feed, "pick": np.array([1], np.int32)})

    assert found["logits"] == pytest.approx(plain.decode(text, plain.encode(mel))[4:], abs=1e-4)


def test_a_tree_is_read_at_once(parts: tuple[OnnxModel, OnnxModel]) -> None:
    """Two texts with a common beginning in one run have the logits that each has alone."""
    mel = _sound(24)
    cross = parts[0].run({"mel": mel[None]})
    plain = Plain(_weights())
    sound = plain.encode(mel)
    seen = np.array([[0, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 1, 0, 1, 0], [0, 1, 0, 1, 1]])

    found = parts[1].run(_feed([7, 2, 9, 8], [0, 1, 1, 2], seen, cross, 1))["logits"]

    assert found[:2] == pytest.approx(plain.decode([7, 2], sound), abs=1e-4)
    assert found[[0, 2, 3]] == pytest.approx(plain.decode([7, 9, 8], sound), abs=1e-4)


def test_the_same_weights_give_the_same_bytes(tmp_path: Path, pack_ct2: Pack) -> None:
    """The order of the variables in the file does not matter; other weights give other bytes."""
    one, two, other = (tmp_path / name for name in ("one.bin", "two.bin", "other.bin"))
    one.write_bytes(pack_ct2("WhisperSpec", _weights()))
    two.write_bytes(pack_ct2("WhisperSpec", dict(reversed(_weights().items()))))
    other.write_bytes(pack_ct2("WhisperSpec", _weights(seed=6)))

    for convert in (encoder, decoder):
        assert convert(one) == convert(two)
        assert convert(one) != convert(other)


def test_embeddings_that_half_precision_cannot_hold_are_kept(tmp_path: Path, pack_ct2: Pack) -> None:
    """A table with other numbers than those of half precision is written out in full."""
    path = tmp_path / "model.bin"
    weights = _weights()
    path.write_bytes(pack_ct2("WhisperSpec", weights))
    small = len(decoder(path))
    weights["decoder/embeddings/weight"] = np.full((TOKENS, WIDTH), 0.1, np.float32)
    path.write_bytes(pack_ct2("WhisperSpec", weights))

    assert len(decoder(path)) - small == pytest.approx(2 * TOKENS * WIDTH, abs=150)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"decoder/activation": np.array(0, np.int8)},
            r"activation, width\) \(1, 3, 128\), got \(1, 0, 128\)",
        ),
        ({"decoder/num_heads": np.array(3, np.int16)}, r"got \(1, 3, 128\)"),
        ({"decoder/layer_norm/gamma": np.ones(5, np.float32)}, "not a Whisper that can be converted"),
        ({"decoder/layer_1/ffn/linear_0/bias": np.ones(5, np.float32)}, "not a Whisper that can be converted"),
        ({"decoder/embeddings/weight": np.ones(5, np.float32)}, "expected 2 dimensions of decoder/embeddings/weight"),
    ],
)
def test_other_networks_are_refused(
    tmp_path: Path, pack_ct2: Pack, changed: Mapping[str, NDArray[np.generic]], said: str
) -> None:
    """Another activation, other heads and weights that do not fit together are told, not converted."""
    path = tmp_path / "model.bin"
    path.write_bytes(pack_ct2("WhisperSpec", _weights() | changed))

    with pytest.raises(ModelError, match=said):
        decoder(path)


def test_a_translator_is_refused(tmp_path: Path, pack_ct2: Pack) -> None:
    """A model of CTranslate2 that is no Whisper says what it is."""
    path = tmp_path / "model.bin"
    path.write_bytes(pack_ct2("TransformerSpec", {"decoder/num_heads": np.array(8, np.int16)}))

    with pytest.raises(ModelError, match="expected the weights of a Whisper, got a TransformerSpec"):
        encoder(path)
