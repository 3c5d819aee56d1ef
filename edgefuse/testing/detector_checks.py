"""Checks of detectors."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from edgefuse.core.ports import Detector
from edgefuse.core.types import SECOND, AudioChunk, Frame, Observation, Reading, Sample
from edgefuse.testing.config_checks import Check, check_config
from edgefuse.testing.samples import odd

_MODALITY = {AudioChunk: "audio", Frame: "vision", Reading: "sensor"}


def check_detector(make: Callable[[], Detector], samples: Sequence[Sample], *, least: int = 0) -> Iterator[Check]:
    """Facts that hold for every detector.

    `make` gives a fresh one each time; `samples` are what it is made for, and give at least `least` observations.
    """
    first = make()
    yield from check_config(type(first).Config)
    yield Check("declares modality and sample types", lambda: _declares(first))
    yield Check("same again after reset", lambda: _resets(make(), samples))
    yield Check("same again in another instance and thread", lambda: _repeats(make, samples))
    yield Check("never changes a sample", lambda: _leaves_alone(make(), samples))
    yield Check("observations are well-formed", lambda: _well_formed(make(), samples, least))
    yield Check("takes broken samples", lambda: _survives(make()))
    yield Check("takes gaps and time that steps back", lambda: _survives_gaps(make(), samples))
    yield Check("resets before the first sample", lambda: _resets_early(make(), samples))
    yield Check("closes twice", lambda: _closes(make()))


def _run(detector: Detector, samples: Sequence[Sample]) -> list[Observation]:
    return [observation for sample in samples for observation in detector.detect(sample)]


def _declares(detector: Detector) -> None:
    assert isinstance(detector, Detector), f"{type(detector).__name__} lacks a method of edgefuse.core.ports.Detector"
    assert detector.accepts, "`accepts` is empty"
    wrong = [kind.__name__ for kind in detector.accepts if kind not in _MODALITY]
    assert not wrong, f"`accepts` has {wrong}; a sample is an AudioChunk, a Frame or a Reading"
    modalities = {_MODALITY[kind] for kind in detector.accepts}
    assert detector.modality in modalities, f"modality {detector.modality!r}, but it accepts {sorted(modalities)}"
    detector.close()


def _resets(detector: Detector, samples: Sequence[Sample]) -> None:
    detector.warm_up()
    first = _run(detector, samples)
    detector.reset()
    again = _run(detector, samples)
    detector.close()
    assert first == again, _difference(first, again)


def _repeats(make: Callable[[], Detector], samples: Sequence[Sample]) -> None:
    """The pipeline builds in one thread and detects in another."""
    one, other = make(), make()
    one.warm_up()
    first = _run(one, samples)
    with ThreadPoolExecutor(1) as executor:
        executor.submit(other.warm_up).result()
        again = executor.submit(_run, other, samples).result()
    one.close()
    other.close()
    assert first == again, _difference(first, again)


def _difference(first: list[Observation], again: list[Observation]) -> str:
    for one, other in zip(first, again, strict=False):
        if one != other:
            return f"first {one}, then {other}"
    return f"first {len(first)} observations, then {len(again)}"


def _leaves_alone(detector: Detector, samples: Sequence[Sample]) -> None:
    detector.warm_up()
    for sample in samples:
        before = _content(sample)
        list(detector.detect(sample))
        assert before == _content(sample), f"{type(sample).__name__} at {sample.t} was changed"
    detector.close()


def _content(sample: Sample) -> bytes:
    """What must stay as it is."""
    if isinstance(sample, AudioChunk):
        return sample.pcm.tobytes()
    return sample.image.tobytes() if isinstance(sample, Frame) else repr(sample).encode()


def _well_formed(detector: Detector, samples: Sequence[Sample], least: int) -> None:
    detector.warm_up()
    seen: set[str] = set()
    for sample in samples:
        for observation in detector.detect(sample):
            assert observation.id not in seen, f"two observations are called {observation.id}"
            seen.add(observation.id)
            _check_observation(observation, sample, detector)
    detector.close()
    assert len(seen) >= least, f"expected at least {least} observations, got {len(seen)}"


def _check_observation(observation: Observation, sample: Sample, detector: Detector) -> None:
    what = f"{observation.kind}/{observation.label}"
    assert observation.kind, "an observation has no kind"
    assert observation.label, f"{what} has no label"
    assert 0 <= observation.score <= 1, f"{what}: score {observation.score} is outside 0..1"
    assert observation.start <= observation.end, f"{what} ends before it starts"
    assert observation.end <= sample.end, f"{what} ends {observation.end - sample.end} ns after its sample"
    assert observation.source == sample.source, f"{what}: source {observation.source!r}, expected {sample.source!r}"
    assert observation.modality == detector.modality, f"{what}: modality {observation.modality!r}"
    try:
        json.dumps(dict(observation.data), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{what}: data is not ready for JSON: {error}") from error


def _survives(detector: Detector) -> None:
    detector.warm_up()
    for kind in _MODALITY:
        for sample in odd(kind):
            for observation in detector.detect(sample):
                assert kind in detector.accepts, f"it accepts no {kind.__name__} and made {observation.kind} of one"
                _check_observation(observation, sample, detector)
    detector.close()


def _survives_gaps(detector: Detector, samples: Sequence[Sample]) -> None:
    detector.warm_up()
    half = len(samples) // 2
    _run(detector, samples)
    _run(detector, [replace(sample, t=sample.t + 86_400 * SECOND) for sample in samples[:half]])
    _run(detector, samples[half:])
    _run(detector, [*samples[:1], *samples[:1]])
    detector.close()


def _resets_early(detector: Detector, samples: Sequence[Sample]) -> None:
    detector.reset()
    detector.warm_up()
    detector.reset()
    _run(detector, samples[:1])
    detector.close()


def _closes(detector: Detector) -> None:
    detector.warm_up()
    detector.close()
    detector.close()
