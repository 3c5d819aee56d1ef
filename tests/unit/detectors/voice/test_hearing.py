"""Voice activity, wake words and what the recogniser makes up."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError
from edgefuse.core.ports import Tensors
from edgefuse.detectors.voice.recogniser import Heard
from edgefuse.detectors.voice.vad import WINDOW, Vad
from edgefuse.detectors.voice.wake import MicroWakeWord, WakeGate
from edgefuse.detectors.voice.whisper import Whisper


class Counting:
    """A network that answers with how often it was asked, and keeps its feeds."""

    inputs: Mapping[str, tuple[int | str | None, ...]] = {"input": (1, 576), "state": (2, 1, 128), "sr": ()}
    outputs: Mapping[str, tuple[int | str | None, ...]] = {"output": (1, 1), "stateN": (2, 1, 128)}

    def __init__(self) -> None:
        self.feeds: list[dict[str, NDArray[np.generic]]] = []

    def run(self, inputs: Tensors) -> dict[str, NDArray[np.generic]]:
        self.feeds.append({name: np.array(value) for name, value in inputs.items()})
        n = np.float32(len(self.feeds))
        return {"output": np.full((1, 1), n / 10), "stateN": np.full((2, 1, 128), n, np.float32)}

    def close(self) -> None:
        pass


def test_vad_carries_context_and_state() -> None:
    """Each window comes after the last 64 samples of the one before, with the state that it left."""
    model = Counting()
    vad = Vad(model)
    first = np.arange(WINDOW, dtype=np.int16)

    assert vad.speech(first) == pytest.approx(0.1)
    assert vad.speech(first) == pytest.approx(0.2)
    assert model.feeds[1]["input"][0, :64] == pytest.approx(first[-64:] / 32768)
    assert model.feeds[1]["input"][0, 64:] == pytest.approx(first / 32768)
    assert (model.feeds[0]["state"].max(), model.feeds[1]["state"].max()) == (0, 1)


def test_vad_forgets() -> None:
    """After a reset the first window is like the first ever."""
    model = Counting()
    vad = Vad(model)
    vad.speech(np.full(WINDOW, 99, np.int16))
    vad.reset()
    vad.speech(np.zeros(WINDOW, np.int16))

    assert not model.feeds[1]["input"].any()
    assert not model.feeds[1]["state"].any()


class Script:
    """A wake word whose probabilities are given."""

    def __init__(self, *probabilities: float) -> None:
        self._left = list(probabilities)

    def hear(self, pcm: NDArray[np.int16]) -> float:
        del pcm
        return self._left.pop(0)

    def reset(self) -> None:
        self._left.clear()


def test_gate_opens_once_for_each_wake_word() -> None:
    """It opens above the threshold and again only after the probability fell to half."""
    gate = WakeGate(Script(0.1, 0.8, 0.9, 0.6, 0.8, 0.3, 0.2, 0.75), 0.7)
    quiet = np.zeros(WINDOW, np.int16)

    assert [gate.opens(quiet) for _ in range(8)] == [0, 0.8, 0, 0, 0, 0, 0, 0.75]


def test_wake_word_that_is_no_model_is_refused(tmp_path: Path) -> None:
    """The message names the file and what to do."""
    path = tmp_path / "alexa.json"
    path.write_text("{}", "utf-8")

    with pytest.raises(ModelError, match=r"alexa\.json: expected a microWakeWord model"):
        MicroWakeWord(path)
    with pytest.raises(ModelError, match="expected one microWakeWord"):
        MicroWakeWord(tmp_path / "..")


def test_recogniser_that_is_no_model_is_refused(tmp_path: Path) -> None:
    """The message names the folder and what to do."""
    with pytest.raises(ModelError, match="expected a faster-whisper model folder"):
        Whisper(tmp_path, "en", "")


@pytest.mark.parametrize(
    ("text", "repeats"),
    [
        ("Turn on the hall light.", False),
        ("Make me a small, medium roast, drip coffee with a little bit of sweetener and almond milk.", False),
        ("Turn on the light, turn on the light.", True),
        ("You can't get it, you can't get it, you can't get it, you can't get it, you can't get it", True),
        ("", False),
    ],
)
def test_text_that_goes_in_circles_is_noticed(text: str, repeats: bool) -> None:  # noqa: FBT001  a case's answer
    """Whisper repeats itself where there are no words."""
    assert Heard(text, -0.1, 0.0).repeats == repeats
