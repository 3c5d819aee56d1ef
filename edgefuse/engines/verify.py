"""Loads a model and runs it once, to know that it works on this machine."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgefuse.core.errors import ModelError, needs
from edgefuse.core.ports import Backend
from edgefuse.engines.catalogue import Entry

_UNTRIED = "sha256 matches, but to run it"


def trial(entry: Entry, path: Path, backend: Backend) -> str:
    """One sentence about a model that gives finite numbers here. Raises ModelError; ConfigError without its library."""
    kind = str(entry.card.get("format", "none"))
    if kind == "onnx":
        return _onnx(path, entry.card, backend)
    if kind not in _TRIALS:
        return "sha256 matches"
    return _TRIALS[kind](path, entry.card)


def _onnx(path: Path, card: Mapping[str, Any], backend: Backend) -> str:
    model = backend.load(path, card)
    try:
        outputs = model.run(model.example())
    except ValueError as error:
        raise ModelError(f"sha256 matches, but the card does not fit: {error}") from error
    finally:
        model.close()
    bad = [name for name, array in outputs.items() if not np.isfinite(array).all()]
    if bad:
        raise ModelError(f"sha256 matches, but a run gave no finite numbers in {', '.join(bad)}")
    return f"sha256 matches, runs on {model.runs_on}"


def _ctranslate2(path: Path, card: Mapping[str, Any]) -> str:
    """Encodes 30 s of silence: features of shape (mels, 3000)."""
    with needs("voice", _UNTRIED):
        from faster_whisper import WhisperModel

    try:
        model = WhisperModel(str(path), device="cpu", compute_type="int8", cpu_threads=1)
        encoded = np.asarray(model.encode(np.zeros((int(card.get("mels", 80)), 3000), np.float32)))
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelError(f"sha256 matches, but CTranslate2 cannot run it: {error}") from error
    if not np.isfinite(encoded).all():
        raise ModelError("sha256 matches, but the encoder gave no finite numbers")
    return "sha256 matches, runs on CTranslate2, cpu, int8"


def _microwakeword(path: Path, _card: Mapping[str, Any]) -> str:
    """Hears a second of silence, which holds no wake word."""
    with needs("voice", _UNTRIED):
        from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures

    try:
        model = MicroWakeWord.from_config(path)
    except (KeyError, ValueError, OSError) as error:
        raise ModelError(f"sha256 matches, but it cannot be loaded: {error!r}") from error
    features = MicroWakeWordFeatures().process_streaming(bytes(32_000))
    if any(model.process_streaming(frame) for frame in features):
        raise ModelError("sha256 matches, but it hears its word in silence")
    return "sha256 matches, runs on TensorFlow Lite"


_TRIALS: Mapping[str, Callable[[Path, Mapping[str, Any]], str]] = {
    "ctranslate2": _ctranslate2,
    "microwakeword": _microwakeword,
}
