"""What somebody would write by hand on windows of the corpus `incidents`: one condition for each incident."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
_HEARD = 0.5
"""Least score."""
_SURE = 0.9
_STEEP = 3.0
"""K/min."""
_JOLT = 2.5
"""g."""


class _View:
    """Windows by channel, (n, steps); unknown is NaN."""

    def __init__(self, raws: Mapping[str, NDArray[np.float32]], channels: Mapping[str, Sequence[str]]) -> None:
        self.by_name = {name: raws[m][:, :, n] for m, names in channels.items() for n, name in enumerate(names)}

    def most(self, name: str, since: int, until: int = 0) -> NDArray[np.float32]:
        """Highest from `since` to `until` seconds ago, -1 where unknown, (n,)."""
        values = self.by_name[name]
        part = values[:, values.shape[1] - since : values.shape[1] - until]
        highest: NDArray[np.float32] = np.where(np.isnan(part), np.float32(-1), part).max(axis=1)
        return highest

    def was(self, name: str, since: int, until: int = 0, above: float = _HEARD) -> Bools:
        """Whether it was."""
        return np.asarray(self.most(name, since, until) > above)

    def opened(self, name: str, since: int) -> Bools:
        """Whether a contact, 0 while open, is open within `since` seconds."""
        values = self.by_name[name][:, -since:]
        return np.asarray((values == 0).any(axis=1))

    def share(self, name: str, since: int) -> NDArray[np.float64]:
        """Share of the last seconds in which it was heard."""
        return np.asarray((self.by_name[name][:, -since:] > _HEARD).mean(axis=1))


def rule(raws: Mapping[str, NDArray[np.float32]], channels: Mapping[str, Sequence[str]]) -> NDArray[np.float64]:
    """(n, 1 + incidents) rows that sum to 1, of raw windows per modality (n, steps, channels) and their channels."""
    view = _View(raws, channels)
    here = view.was("person", 12) | view.was("motion", 12)
    before = view.was("person", 40, 15) | view.was("motion", 40, 15)
    television = view.was("tv", 5)
    hot, smoke, alarm = view.was("temperature_slope", 10, above=_STEEP), view.was("smoke", 10), view.was("alarm", 10)
    broken = view.was("glass", 15) | view.was("knock", 15) | view.opened("window", 15)
    signs = view.was("lying", 10).astype(int) + view.was("jolt", 15, above=_JOLT) + view.was("knock", 15)
    stop = view.was("stop", 6) | view.was("wrist", 6)
    conditions = [
        broken & here & ~before & ~television,
        (view.share("alarm", 10) >= _HEARD) & ~here & ~television & ~hot & ~smoke,
        (view.share("cry", 10) >= _HEARD) & ~here & ~television & ~view.was("speech", 10),
        (signs >= 2) & ~view.was("motion", 3),  # noqa: PLR2004  two of three
        hot & (smoke | alarm),
        view.was("command", 5) & stop & ~television,
    ]
    told = np.stack(conditions, axis=1)
    first = np.where(told.any(axis=1), 1 + told.argmax(axis=1), 0)
    rows = np.full((len(told), told.shape[1] + 1), (1 - _SURE) / told.shape[1])
    rows[np.arange(len(rows)), first] = _SURE
    return rows
