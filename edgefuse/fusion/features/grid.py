"""The latest value of each channel at regular steps: the same for corpora and for what the daemon observes."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from edgefuse.core.ports import Model
from edgefuse.core.types import SECOND, Nanoseconds

Summary = Literal["last"] | dict[Literal["mean", "max", "min", "change", "slope"], Annotated[float, Field(gt=0)]]
"""`last`, or `{mean: 600}`: what is taken of each channel, over the last so many seconds."""
_MINUTE = 60.0


class GridOptions(BaseModel):
    """`{channels: [co2], steps: 20, step_s: 60, hold_s: 300, summary: [last, {slope: 600}]}`."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    channels: Annotated[list[str], Field(min_length=1)]
    """Names of the columns of the raw input; at run time each is fed by one kind of observation."""
    steps: Annotated[int, Field(ge=1, le=1000)]
    """How many, the last one being now."""
    step_s: Annotated[float, Field(gt=0)]
    """Seconds from one to the next."""
    hold_s: Annotated[float, Field(gt=0)]
    """How long a value counts as what is there."""
    rest: dict[str, float] = Field(default_factory=dict)
    """Channel -> its value while its part works and has told nothing for longer than `hold_s`: 0 for a detector that
    speaks only when there is something. Channels that are not named are unknown then."""
    valid: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """Channel -> least and greatest value that is believed at run time; default: as far again as the training data
    reach."""
    partial: bool = False
    """Whether some known channels are enough: otherwise the modality is absent as soon as one of them is unknown."""
    log: list[str] = Field(default_factory=list)
    """Channels of which log(1 + value) is taken, values below 0 counting as 0."""
    summary: list[Summary] = Field(default_factory=list)
    """Instead of every step: `last`, `mean`, `max`, `min`, `change` (last minus first), `slope` (least squares, per
    minute)."""
    known: bool = True
    """Add what is known: 1 or 0 per step and channel; with a summary the share of the steps per channel."""
    flat: bool = False
    """(n, steps * columns) instead of (n, steps, columns)."""

    @model_validator(mode="after")
    def _names_are_channels(self) -> "GridOptions":
        unknown = sorted({*self.rest, *self.log, *self.valid} - set(self.channels))
        if unknown:
            raise ValueError(f"expected rest, log and valid of channels {self.channels}, got {unknown}")
        if any(len(each) != 1 for each in self.summary if isinstance(each, dict)):
            raise ValueError("expected one kind per summary, such as {mean: 600}")
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the features of one window."""
        columns = len(self.channels)
        if self.summary:
            return (columns * (len(self.summary) + self.known),)
        columns *= 1 + self.known
        return (self.steps * columns,) if self.flat else (self.steps, columns)

    @property
    def span(self) -> Nanoseconds:
        """From the first step to the last."""
        return round((self.steps - 1) * self.step_s * SECOND)

    def times(self, now: Nanoseconds) -> NDArray[np.int64]:
        """(steps,) the moments that are looked at, the last one `now`."""
        return now - _back(self.steps, self.step_s)


Buffer: TypeAlias = "array[int] | array[float] | memoryview"
_NOTHING = bytes(8)
_APART = 1 << 50
"""Nanoseconds between the channels of one search, 13 days: more than any window is long."""


def sample(
    times_ns: ArrayLike, values: ArrayLike, steps_ns: ArrayLike, hold_ns: Nanoseconds, rest: float = float("nan")
) -> NDArray[np.float32]:
    """The latest of `values` at or before each step, (steps,).

    `times_ns`, (n,), never fall; of equal times the last counts. NaN where nothing was told yet; `rest` where the
    latest value is older than `hold_ns`, or itself NaN.
    """
    at, told = np.ascontiguousarray(times_ns, np.int64), np.ascontiguousarray(values, np.float64)
    return sample_all([at.data], [told.data], np.asarray(steps_ns, dtype=np.int64), hold_ns, [rest])[:, 0]


def sample_all(
    times_ns: Sequence[Buffer],
    values: Sequence[Buffer],
    steps_ns: NDArray[np.int64],
    hold_ns: Nanoseconds,
    rests: Sequence[float],
) -> NDArray[np.float32]:
    """The same of several channels, (steps, channels): one search, each channel moved out of the way of the others.

    Times are int64, values float64, as `array.array` keeps them; none further apart than 13 days where there
    is more than one channel.
    """
    lengths = np.array([len(each) for each in times_ns])
    ends, apart = lengths.cumsum(), np.arange(len(lengths)) * _APART
    steps = steps_ns[:, None] - steps_ns[-1]
    at = np.frombuffer(b"".join(times_ns) or _NOTHING, np.int64) - steps_ns[-1]
    told = np.frombuffer(b"".join(values) or _NOTHING, np.float64)
    latest = np.searchsorted(at[: ends[-1]] + np.repeat(apart, lengths), steps + apart, side="right") - 1
    found = told.take(latest, mode="clip")
    stale = np.isnan(found) | (steps - at.take(latest, mode="clip") > hold_ns)
    found = np.where(stale, rests, found)
    found[latest < ends - lengths] = np.nan
    return found.astype(np.float32)


def present(raw: NDArray[Any], *, partial: bool = False) -> NDArray[np.bool_]:
    """Whether (n, steps, channels) tells of now, (n,): the last step of every channel, or of one, is known."""
    now = ~np.isnan(raw[:, -1])
    return np.asarray(now.any(axis=1) if partial else now.all(axis=1))


def patched(raw: NDArray[Any]) -> NDArray[np.float32]:
    """(n, steps, channels) with gaps closed: the value before in the window, else the one after; NaN where is none."""
    known = ~np.isnan(raw)
    if known.all():
        return raw.astype(np.float32, copy=False)
    steps = np.arange(raw.shape[1])[None, :, None]
    before = np.maximum.accumulate(np.where(known, steps, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, steps, len(steps[0]))[:, ::-1], axis=1)[:, ::-1]
    nearest = np.where(before >= 0, before, np.minimum(after, raw.shape[1] - 1))
    return np.take_along_axis(raw, nearest, axis=1).astype(np.float32)


def make(
    kind: str, options: Mapping[str, Any], load: Callable[[str], Model] | None = None
) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """Features of kind `grid`: (n, steps, channels) -> (n, *GridOptions.shape), NaN where a whole window is unknown.

    Raises ValueError for wrong options, and for raw input of other steps or channels.
    """
    del kind, load
    chosen = GridOptions.model_validate(dict(options))
    logged = np.array([name in chosen.log for name in chosen.channels])
    expected = (chosen.steps, len(chosen.channels))

    def features(raw: NDArray[Any]) -> NDArray[np.float32]:
        if raw.shape[1:] != expected:
            raise ValueError(f"expected (n, steps, channels) = (n, {expected[0]}, {expected[1]}), got {raw.shape}")
        values = patched(raw)
        if logged.any():
            values = np.where(logged, np.log1p(np.maximum(values, 0)), values)
        known = [(~np.isnan(raw)).astype(np.float32)] if chosen.known else []
        if chosen.summary:
            columns = [_summary(values, each, chosen.step_s) for each in chosen.summary]
            return np.concatenate([*columns, *(each.mean(axis=1) for each in known)], axis=1)
        both = np.concatenate([values, *known], axis=2)
        return both.reshape(len(raw), -1) if chosen.flat else both

    return features


def _summary(values: NDArray[np.float32], what: Summary, step_s: float) -> NDArray[np.float32]:
    """(n, channels) of (n, steps, channels)."""
    if not isinstance(what, dict):
        return values[:, -1]
    ((kind, seconds),) = what.items()
    steps = max(1, round(seconds / step_s))
    part = values[:, -(steps + (kind in {"change", "slope"})) :]
    if kind == "change":
        return part[:, -1] - part[:, 0]
    if kind == "slope":
        return _slope(part, step_s)
    if kind == "mean":
        return np.asarray(part.mean(axis=1, dtype=np.float32))
    return np.asarray(part.max(axis=1) if kind == "max" else part.min(axis=1))


def _slope(part: NDArray[np.float32], step_s: float) -> NDArray[np.float32]:
    """Least squares, per minute; 0 of a single step."""
    return np.asarray(part.transpose(0, 2, 1) @ _weights(part.shape[1], step_s))


@lru_cache(maxsize=64)
def _weights(steps: int, step_s: float) -> NDArray[np.float32]:
    """(steps,) with which a slope is a sum of the values."""
    minutes = np.arange(steps) * (step_s / _MINUTE)
    centred = minutes - minutes.mean()
    return np.asarray(centred / max(float(centred @ centred), np.finfo(np.float64).tiny), np.float32)


@lru_cache(maxsize=64)
def _back(steps: int, step_s: float) -> NDArray[np.int64]:
    """(steps,) how long ago each is, in nanoseconds."""
    return np.round(np.arange(steps - 1, -1, -1) * (step_s * SECOND)).astype(np.int64)
