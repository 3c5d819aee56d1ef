"""The detector of sounds, over a model that calls by loudness, and over one shaped as YAMNet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from edgefuse.core.errors import ModelError
from edgefuse.core.health import PartHealth
from edgefuse.core.types import SAMPLE_RATE, SECOND, AudioChunk, Observation
from edgefuse.detectors.sounds import Sounds, SoundsConfig, called
from edgefuse.detectors.sounds.tagger import Trained, thresholds
from edgefuse.fusion.card import FusionCard
from edgefuse.testing import check_detector, make_context, run_all

CLASSES = ["alarm", "dog", "speech", "other"]
LOUD, MIDDLE, FAINT = 8000, 1000, 100
"""Amplitudes of noise: an alarm, speech, something else."""


def card(**changes: Any) -> dict[str, Any]:
    """Of a model that takes log-mel of one second."""
    operating = {
        "alarm": [(0.3, 0.9, 1.0), (0.6, 0.98, 0.9), (0.8, 1.0, 0.5)],
        "dog": [(0.1, 0.99, 1.0)],
    }
    return {
        "schema": 1,
        "name": "sounds",
        "what": "sounds",
        "task": "sounds",
        "classes": CLASSES,
        "modalities": {
            "audio_mel": {"raw": "waveform", "features": {"kind": "logmel", "options": {"bands": 8}}, "shape": [98, 8]}
        },
        "patterns": [{"present": ["audio_mel"], "n": 9, "metrics": {}, "operating": operating}],
        "data": {},
        "split": {},
        "seeds": [0],
        "licence": "none",
        "recipe": {"data": {"options": {"seconds": 1.0}}},
        **changes,
    }


@dataclass
class ByLoudness:
    """Calls a window by its mean log power: an alarm, then speech, then something else."""

    ran: int = 0
    closed: bool = False
    inputs: Mapping[str, tuple[int | str | None, ...]] = field(
        default_factory=lambda: {"audio_mel": (None, 98, 8), "mask": (None, 1)}
    )
    outputs: Mapping[str, tuple[int | str | None, ...]] = field(default_factory=lambda: {"probability": (None, 4)})
    runs_on: str = "the test"

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """(1, 4) probabilities."""
        self.ran += 1
        level = float(inputs["audio_mel"].mean())
        p = (
            [0.9, 0.02, 0.05, 0.03]
            if level > -7
            else [0.05, 0.05, 0.8, 0.1]
            if level > -11
            else [0.01, 0.01, 0.01, 0.97]
        )
        return {"probability": np.array([p], np.float32)}

    def example(self) -> dict[str, NDArray[Any]]:
        """Nothing is fed."""
        return {}

    def close(self) -> None:
        """Note it."""
        self.closed = True


@dataclass
class Tags:
    """Scores (frames, 4) as YAMNet gives them: the peak of the wave is the siren."""

    inputs: Mapping[str, tuple[int | str | None, ...]] = field(default_factory=lambda: {"waveform": (None,)})
    outputs: Mapping[str, tuple[int | str | None, ...]] = field(default_factory=lambda: {"scores": (None, 4)})
    runs_on: str = "the test"

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """One frame says siren, the other nothing."""
        (wave,) = inputs.values()
        assert wave.ndim == 1
        assert wave.dtype == np.float32
        peak = float(np.abs(wave).max())
        return {"scores": np.array([[0.0, peak, 0.0, 0.1], [0, 0, 0, 0]], np.float32)}

    def example(self) -> dict[str, NDArray[Any]]:
        """Nothing is fed."""
        return {}

    def close(self) -> None:
        """Nothing is held."""


@dataclass
class OneModel:
    """A store with one model."""

    model: Any
    given: Mapping[str, Any] = field(default_factory=card)
    asked: list[str] = field(default_factory=list)

    def path(self, name: str) -> Path:
        """Not asked for."""
        raise ModelError(name)

    def card(self, name: str) -> Mapping[str, Any]:
        """The card."""
        assert name
        return self.given

    def engine(self, name: str) -> tuple[str, str]:
        """The CPU."""
        return ("cpu", name)

    def load(self, name: str, health: PartHealth, threads: int | None = None) -> Any:
        """The model."""
        del health, threads
        self.asked.append(name)
        return self.model


def detector(network: Any = None, given: Mapping[str, Any] | None = None, **settings: Any) -> Sounds:
    """A detector of `mic`."""
    config = SoundsConfig(on=["mic"], **settings)
    return Sounds(config, make_context("ears", models=OneModel(network or ByLoudness(), given or card())))


def stream(*parts: tuple[float, int], chunk: int = 512, start: int = 0) -> list[AudioChunk]:
    """Noise of (seconds, amplitude) one after the other, in chunks."""
    rng = np.random.default_rng(0)
    pcm = np.concatenate([rng.normal(0, 1, round(s * SAMPLE_RATE)) * size for s, size in parts]).astype(np.int16)
    pcm.setflags(write=False)
    return [
        AudioChunk("mic", "hall", start + at * SECOND // SAMPLE_RATE, pcm[at : at + chunk])
        for at in range(0, len(pcm), chunk)
    ]


def hear(ears: Sounds, chunks: Sequence[AudioChunk]) -> list[Observation]:
    """All that it tells."""
    return [found for chunk in chunks for found in ears.detect(chunk)]


def test_an_event_is_told_at_its_onset_and_again_while_it_lasts() -> None:
    """An alarm of five seconds is told at once, then every two seconds, with the time of its onset."""
    found = hear(detector(repeat_s=2), stream((2, FAINT), (5, LOUD), (2, FAINT)))

    assert {(one.kind, one.label, one.area, one.score) for one in found} == {("sound", "alarm", "hall", 0.9)}
    assert [one.data["onset"] for one in found] == [True, False, False]
    assert 2 * SECOND <= found[0].end <= 3.1 * SECOND
    assert [one.end - found[0].end for one in found] == [0, 2 * SECOND, 4 * SECOND]
    assert {one.start for one in found} == {found[0].end - SECOND}


def test_two_events_are_two_onsets() -> None:
    """What has ended and begins again is told as new."""
    found = hear(detector(), stream((1, LOUD), (3, FAINT), (1, LOUD), (3, FAINT)))

    assert [one.data["onset"] for one in found if one.data["onset"]] == [True, True]
    assert found[0].start != found[-1].start


def test_speech_and_the_unknown_are_no_events() -> None:
    """Nothing is told of speech, of something else, or of silence; silence is not even looked at."""
    model = ByLoudness()
    ears = detector(model)
    ears.warm_up()

    assert hear(ears, stream((2, MIDDLE), (2, FAINT))) == []
    looked = model.ran
    assert hear(ears, stream((3, 0), start=100 * SECOND)) == []
    assert looked > 5
    assert model.ran == looked


def test_speech_wins_against_a_low_threshold() -> None:
    """A label that is less sure than speech is not told, however low its threshold."""
    assert called({"alarm": 0.4, "speech": 0.5}, {"alarm": 0.3}) == set()
    assert called({"alarm": 0.4, "speech": 0.3}, {"alarm": 0.3, "dog": 0.2}) == {"alarm"}


def test_chunks_of_any_size_give_the_same() -> None:
    """How the sound is cut into chunks changes no window, as long as a chunk ends where a look is due."""
    parts = ((1.5, FAINT), (2, LOUD), (1, FAINT))
    whole, small = (
        [(one.label, one.start, one.end) for one in hear(detector(), stream(*parts, chunk=size))]
        for size in (16000, 100)
    )

    assert whole == small


def test_a_gap_begins_anew() -> None:
    """After lost sound no window reaches over the gap, and it is counted."""
    ears = detector()
    before = hear(ears, stream((0.9, LOUD)))
    after = hear(ears, stream((0.9, LOUD), start=5 * SECOND))

    assert before == after == []
    assert ears._context.health.rejected == 1


def test_labels_and_scores_of_the_configuration() -> None:
    """Only what is asked for is told, from the score that is asked for."""
    loud = stream((2, LOUD))

    assert hear(detector(labels=["dog"]), loud) == []
    assert hear(detector(min_score=0.95), loud) == []
    assert hear(detector(min_score={"alarm": 0.95}), loud) == []
    assert hear(detector(min_score={"dog": 0.01}), loud)[0].label == "alarm"
    with pytest.raises(ValidationError, match="hound"):
        SoundsConfig(on=["mic"], min_score={"hound": 0.5})


def test_thresholds_come_from_the_card() -> None:
    """The lowest score with a precision of .95, but .5 to .9, and .9 where none has it; for its own classes alone."""
    assert thresholds(FusionCard.model_validate(card())) == {"alarm": 0.6, "dog": 0.5}
    assert thresholds(FusionCard.model_validate(card(patterns=[]))) == {"alarm": 0.9, "dog": 0.9}


def test_a_model_of_another_task_is_refused() -> None:
    """A model that classifies something else is no tagger of sounds."""
    with pytest.raises(ModelError, match="task sounds"):
        detector(given=card(task="classify")).warm_up()


def test_numbers_that_are_none_are_told() -> None:
    """A network that gives NaN stops the detector with the model's name."""

    class Broken(ByLoudness):
        def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
            del inputs
            return {"probability": np.full((1, 4), np.nan, np.float32)}

    with pytest.raises(ModelError, match="sounds"):
        detector(Broken()).warm_up()


def test_it_is_a_detector() -> None:
    """It keeps the contract of every detector."""
    run_all(check_detector(detector, stream((1, FAINT), (3, LOUD), (1, MIDDLE)), least=2))


def test_closing_frees_the_model() -> None:
    """Every loaded model is closed."""
    model = ByLoudness()
    ears = detector(model)
    ears.warm_up()
    assert isinstance(ears._tagger, Trained)
    ears.close()

    assert model.closed


@pytest.fixture
def class_map(tmp_path: Path) -> Path:
    """As YAMNet's."""
    path = tmp_path / "map.csv"
    path.write_text(
        'index,mid,display_name\n0,/m/1,Speech\n1,/m/2,Siren\n2,/m/3,"Smoke detector, smoke alarm"\n3,/m/4,Cat\n'
    )
    return path


def test_a_yamnet_shaped_file(class_map: Path) -> None:
    """Names of AudioSet become labels; the highest frame counts."""
    ears = detector(Tags(), model="/models/yamnet.onnx", classes=class_map)

    found = hear(ears, stream((2, LOUD)))

    assert {one.label for one in found} == {"siren"}
    assert found[0].score > 0.3


def test_a_yamnet_shaped_file_needs_its_classes(class_map: Path) -> None:
    """A file without class map, or a class map without a file, is a mistake of the configuration."""
    for wrong in ({"model": "x.onnx"}, {"classes": class_map}):
        with pytest.raises(ValidationError, match="classes"):
            SoundsConfig(on=["mic"], **wrong)


def test_a_class_map_of_something_else(class_map: Path) -> None:
    """What is no class map is named with its file."""
    for text in ("a,b\n1,2\n", "index,mid,display_name\n0,x,Piano\n", "index,mid,display_name\n"):
        class_map.write_text(text)
        with pytest.raises(ModelError, match=r"map\.csv"):
            detector(Tags(), model="x.onnx", classes=class_map).warm_up()


def test_its_models_are_named() -> None:
    """`models pull --config` fetches the embedding too; a file brings all it needs."""
    assert set(Sounds.models(SoundsConfig(on=["mic"]))) == {"sounds", "speech-embedding", "speech-embedding-mel"}
    assert Sounds.models(SoundsConfig(on=["mic"], model="x.onnx", classes=Path("m.csv"))) == ["x.onnx"]
