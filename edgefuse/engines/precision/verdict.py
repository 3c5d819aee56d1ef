"""Whether a model of less precision, or on another backend, still does what ONNX Runtime does in fp32."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError
from edgefuse.core.ports import Clock, Model, Precision, Tensors, Trial

_Outputs: TypeAlias = dict[str, NDArray[Any]]
_PAIRS = 16
"""Measurements of speed; where there are fewer feeds they are run again, where there are more each is measured."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What passes."""

    cosine: float
    """Least, of the output that fares worst."""
    error: float
    """Most, of any single number, as a share of its output's range."""


LIMITS: Mapping[Precision, Limits] = {
    "fp32": Limits(cosine=0.9999, error=0.01),
    "fp16": Limits(cosine=0.999, error=0.1),
    "int8": Limits(cosine=0.95, error=0.75),
}
"""fp32 allows for TF32 and other orders of summation; int8 shuts out what no task bears and the task says the rest."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a candidate compares with the reference on the samples."""

    ok: bool
    detail: str
    """What was found; what failed and by how much."""
    finite: bool
    cosine: float
    """Least over the outputs, each taken over all samples; 0 where it is not known."""
    max_error: float
    """Largest difference of two numbers as a share of the range of that output; inf where it is not known."""
    metric: str
    """What agreement is; empty where no task judges."""
    agreement: float
    """0..1; 1 where no task judges, 0 where it is not known."""
    speed: float
    """Time of the reference over time of the candidate; 0 where it is not known."""


def compare(
    reference: Model,
    candidate: Model,
    feeds: Sequence[Tensors],
    trial: Trial | None,
    precision: Precision,
    clock: Clock,
) -> Verdict:
    """Run both in turns on all feeds; pass by `LIMITS` and the trial's floor. Speed is told, and is no condition.

    A feed may lack an input of `trial.carried`: each model then takes it from its own run before. Speed is the median
    of the ratios of single runs, of CPU time where the same runtime runs both, else of wall time.
    Raises ModelError without feeds; ValueError when the reference does not take them.
    """
    if not feeds:
        raise ModelError("a verdict needs samples, got none; next: name a folder of samples")
    race = _Race(reference, candidate, {} if trial is None else trial.carried, clock)
    metric = "" if trial is None else trial.metric
    try:
        wanted, got = race.outputs(feeds)
        _comparable(wanted, got)
    except _Unfit as flaw:
        return Verdict(False, str(flaw), flaw.finite, 0.0, math.inf, metric, 0.0, 0.0)  # noqa: FBT003
    cosine, least = min((_cosine(wanted, got, name), name) for name in wanted[0])
    error, most = max((_error(wanted, got, name), name) for name in wanted[0])
    limits, agreement = LIMITS[precision], 1.0
    checks = [
        (cosine >= limits.cosine, f"cosine {cosine:.5f} of '{least}' (least {limits.cosine})"),
        (error <= limits.error, f"error {error:.4f} of the range of '{most}' (most {limits.error})"),
    ]
    if trial is not None:
        agreement = float(trial.agreement(wanted, got))
        checks.append((agreement >= trial.floor, f"{metric} {agreement:.4f} (least {trial.floor})"))
    failed = [text for passed, text in checks if not passed]
    detail = f"fails by {'; '.join(failed)}" if failed else "; ".join(text for _, text in checks)
    race.repeat(feeds)
    return Verdict(not failed, detail, True, cosine, error, metric, agreement, race.speed)  # noqa: FBT003


class _Unfit(Exception):  # noqa: N818  caught beside where it is raised
    """The candidate cannot be compared."""

    def __init__(self, why: str, *, finite: bool) -> None:
        super().__init__(why)
        self.finite = finite


class _Race:
    """Runs two models in turns and measures both."""

    def __init__(self, reference: Model, candidate: Model, carried: Mapping[str, str], clock: Clock) -> None:
        self._models = (reference, candidate)
        self._carried = carried
        self._time = clock.cpu if reference.runs_on == candidate.runs_on else clock.now
        self._last: tuple[_Outputs, _Outputs] = ({}, {})
        self._ratios: list[float] = []

    def outputs(self, feeds: Sequence[Tensors]) -> tuple[list[_Outputs], list[_Outputs]]:
        """Of the reference and of the candidate, one mapping per feed. Raises _Unfit."""
        self.pair(feeds[0])  # the first runs are slow
        self._ratios.clear()
        pairs = [self.pair(feed) for feed in feeds]
        return [first for first, _ in pairs], [second for _, second in pairs]

    def repeat(self, feeds: Sequence[Tensors]) -> None:
        """Run until there are enough measurements."""
        for n in range(_PAIRS - len(feeds)):
            self.pair(feeds[n % len(feeds)])

    def pair(self, feed: Tensors) -> tuple[_Outputs, _Outputs]:
        """One run of each, with copies of what they gave."""
        wanted, spent = self._timed(0, feed)
        try:
            got, spent_too = self._timed(1, feed)
        except ValueError as error:
            raise _Unfit(f"it does not take the samples: {error}", finite=True) from error
        if spent > 0 and spent_too > 0:
            self._ratios.append(spent / spent_too)
        self._last = (wanted, got)
        return wanted, got

    @property
    def speed(self) -> float:
        """Median of the ratios; 0 without any."""
        return float(median(self._ratios)) if self._ratios else 0.0

    def _timed(self, which: int, feed: Tensors) -> tuple[_Outputs, int]:
        full = with_state(feed, self._carried, self._last[which])
        begin = self._time()
        outputs = self._models[which].run(full)
        spent = self._time() - begin
        return {name: np.array(array) for name, array in outputs.items()}, spent


def with_state(feed: Tensors, carried: Mapping[str, str], last: Tensors) -> dict[str, NDArray[Any]]:
    """The feed, and what it lacks of `carried` (input -> output) from the outputs of the run before.

    Raises ModelError where nothing ran before.
    """
    missing = {name: output for name, output in carried.items() if name not in feed}
    absent = [output for output in missing.values() if output not in last]
    if absent:
        raise ModelError(f"samples: the first must name every input; nothing has given {', '.join(absent)} yet")
    return {**feed, **{name: last[output] for name, output in missing.items()}}


def filled(model: Model, feeds: Sequence[Tensors], carried: Mapping[str, str]) -> list[Tensors]:
    """The feeds with every input: what they lack of `carried` comes from runs of the model. Raises ModelError."""
    if not carried:
        return list(feeds)
    full: list[Tensors] = []
    last: Tensors = {}
    for feed in feeds:
        full.append(with_state(feed, carried, last))
        last = {name: np.array(array) for name, array in model.run(full[-1]).items()}
    return full


def _comparable(wanted: Sequence[_Outputs], got: Sequence[_Outputs]) -> None:
    """Raises _Unfit for other names, other shapes, or numbers that are none where the reference's are."""
    for number, (first, second) in enumerate(zip(wanted, got, strict=True)):
        if first.keys() != second.keys():
            raise _Unfit(f"expected outputs {sorted(first)}, got {sorted(second)}", finite=True)
        for name, array in first.items():
            if array.shape != second[name].shape:
                shapes = f"expected shape {array.shape}, got {second[name].shape}"
                raise _Unfit(f"'{name}' of sample {number}: {shapes}", finite=True)
            bad = int(np.sum(np.isfinite(array) & ~np.isfinite(second[name])))
            if bad:
                raise _Unfit(
                    f"{bad} of {array.size} numbers of '{name}' are not finite in sample {number}", finite=False
                )


def _cosine(wanted: Sequence[_Outputs], got: Sequence[_Outputs], name: str) -> float:
    """Between two vectors: all samples of one output, end to end; 1 where both are zero."""
    sums = np.zeros(3)
    for first, second in _numbers(wanted, got, name):
        sums += (first @ second, first @ first, second @ second)
    length = math.sqrt(sums[1] * sums[2])
    return float(sums[0] / length) if length else float(sums[1] == sums[2])


def _error(wanted: Sequence[_Outputs], got: Sequence[_Outputs], name: str) -> float:
    low, high, error = math.inf, -math.inf, 0.0
    for first, second in _numbers(wanted, got, name):
        if first.size:
            low, high = min(low, float(first.min())), max(high, float(first.max()))
            error = max(error, float(np.abs(first - second).max()))
    if not error:
        return 0.0
    return error / (high - low) if high > low else math.inf


def _numbers(
    wanted: Sequence[_Outputs], got: Sequence[_Outputs], name: str
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """What is finite in the reference."""
    for first, second in zip(wanted, got, strict=True):
        finite = np.isfinite(first[name])
        yield first[name][finite].astype(np.float64), second[name][finite].astype(np.float64)
