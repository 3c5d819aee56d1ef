"""How copies of Silero are judged."""

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ModelError
from edgefuse.core.ports import Tensors
from edgefuse.detectors.voice import Voice
from edgefuse.detectors.voice.vad_trial import VadTrial
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.engines.precision import compare, convert, filled
from edgefuse.engines.store import Store
from edgefuse.pipeline.clock import SystemClock


def said(*probabilities: float) -> Sequence[Tensors]:
    return [{"output": np.array([[p]], np.float32)} for p in probabilities]


def write(path: Path, values: Sequence[int], *, rate: int = 16_000, width: int = 2) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(np.array(values, "<i2" if width == 2 else np.uint8).tobytes())


def test_agreement_is_of_windows_of_speech() -> None:
    """Silence in common is worth nothing; speech goes on down to .35."""
    trial = VadTrial()
    assert trial.agreement(said(0, 0.9, 0.4, 0.1), said(0, 0.6, 0.36, 0.2)) == 1
    assert trial.agreement(said(0, 0.9, 0.4, 0.1), said(0, 0.6, 0.3, 0.2)) == 0.5
    assert trial.agreement(said(0, 0), said(0.1, 0.2)) == 1


def test_the_state_starts_once_for_every_hearing() -> None:
    """The bundled speech is heard clear, quiet and noisy; between windows of one hearing the state is carried."""
    feeds = VadTrial().feeds(None)
    starts = [n for n, feed in enumerate(feeds) if "state" in feed]
    assert starts == [0, len(feeds) // 3, len(feeds) // 3 * 2]
    clear, quiet = feeds[40]["input"], feeds[len(feeds) // 3 + 40]["input"]
    assert np.allclose(quiet, clear * 0.1)
    assert np.array_equal(feeds[41]["input"][0, :64], feeds[40]["input"][0, -64:])


def test_own_sounds_are_used_instead(tmp_path: Path) -> None:
    """WAV files of 8 or 16 bits at 16 kHz are fed as they are; anything else is an error that says so."""
    with pytest.raises(ModelError, match="found none"):
        VadTrial().feeds(tmp_path)
    with pytest.raises(ModelError, match="expected a folder"):
        VadTrial().feeds(tmp_path / "nothing")
    write(tmp_path / "a.wav", [16384] * 512)
    write(tmp_path / "b.wav", [192] * 512, width=1)
    assert [feed["input"][0, -1] for feed in VadTrial().feeds(tmp_path)[:2]] == [0.5, 0.5]
    write(tmp_path / "c.wav", [0] * 512, rate=8000)
    with pytest.raises(ModelError, match=r"c\.wav: expected 16000 Hz, one channel, 8 or 16 bits; got 8000 Hz"):
        VadTrial().feeds(tmp_path)
    (tmp_path / "c.wav").write_bytes(b"none")
    with pytest.raises(ModelError, match="cannot be read as WAV"):
        VadTrial().feeds(tmp_path)


def test_only_voice_activity_is_judged_so() -> None:
    """Silero has this trial, another model has not."""
    assert isinstance(Voice.trial("silero-vad"), VadTrial)
    assert not isinstance(Voice.trial("alexa"), VadTrial)


@pytest.mark.models
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_silero_passes_in_less_precision(tmp_path: Path, precision: str) -> None:
    """Copies of the real model, each carrying a state of its own, hear the same windows of speech."""
    backend, trial = OnnxBackend(), VadTrial()
    source, target = Store(ModelsConfig(), SystemClock()).path("silero-vad"), tmp_path / "copy.onnx"
    reference = backend.load(source, {})
    feeds = trial.feeds(None)

    full = filled(reference, feeds, trial.carried)
    convert(source, target, precision, "asymmetric", full, {}, lambda *_: True)  # type: ignore[arg-type]

    verdict = compare(reference, backend.load(target, {}), feeds, trial, precision, SystemClock())  # type: ignore[arg-type]
    assert verdict.ok, verdict.detail
