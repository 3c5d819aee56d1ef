"""Which conditions a model is tried under, and how the loss under them is summed up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from edgefuse.corpora.corpus import RawKind
from edgefuse.evaluation.corruption import Corruption, Kind, applies

SEVERITIES = (0.0, 0.25, 0.5, 0.75, 1.0)
_FEW = 4
"""Up to so many modalities, every pair of missing ones and each alone are tried."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What is gone and what is wrong."""

    name: str
    hidden: frozenset[str] = frozenset()
    wrong: Mapping[str, Corruption] = field(default_factory=dict)
    """Modality -> what is done to it."""


def conditions(kinds: Mapping[str, RawKind], noise: Mapping[str, Mapping[str, Any]]) -> list[Condition]:
    """All conditions of a report; `noise` has the recipe's options by modality.

    `clean`; `without_<m>`; `noise_<m>`; `only_<m>` and `without_<a>_<b>` for up to four modalities; `delayed_<m>` and
    `frozen_<m>` for what has a time; `desynchronised` where two have: they are shifted evenly from one delay early to
    one delay late. What would leave nothing is not tried.
    """
    names = list(kinds)
    gone: list[tuple[str, ...]] = [(m,) for m in names] if len(names) > 1 else []
    if 2 < len(names) <= _FEW:  # noqa: PLR2004  of two, both gone would leave nothing
        gone += list(combinations(names, 2))
    found = [Condition("clean"), *(Condition("without_" + "_".join(m), frozenset(m)) for m in gone)]
    if len(names) <= _FEW:
        found += only(names)
    for kind in ("noise", "delayed", "frozen"):
        found += [wrong(kind, m, noise.get(m, {})) for m in names if applies(kind, kinds[m])]
    timed = [m for m in names if applies("delayed", kinds[m])]
    if len(timed) > 1:
        shifts = np.linspace(-1, 1, len(timed))
        late = {m: Corruption("delayed", float(s), noise.get(m, {})) for m, s in zip(timed, shifts, strict=True)}
        found.append(Condition("desynchronised", wrong=late))
    return found


def only(names: Sequence[str]) -> list[Condition]:
    """Each modality with all others gone."""
    return [Condition(f"only_{m}", frozenset(names) - {m}) for m in names] if len(names) > 1 else []


def wrong(kind: Kind, modality: str, options: Mapping[str, Any], severity: float = 1.0) -> Condition:
    """One corruption of one modality."""
    return Condition(f"{kind}_{modality}", wrong={modality: Corruption(kind, severity, options)})


def relative_robustness(curve: Sequence[float], severities: Sequence[float] = SEVERITIES) -> float:
    """Area under accuracy over severity, severities spanning 0..1: the mean accuracy while it gets worse.

    The relative robustness of MultiBench (Liang et al., 2021), by the trapezium rule. 0..1, higher is better.
    """
    heights = np.asarray(curve, np.float64)
    return float((np.diff(severities) * (heights[1:] + heights[:-1]) / 2).sum())


def effective_robustness(
    curve: Sequence[float], baseline: Sequence[float], severities: Sequence[float] = SEVERITIES
) -> float:
    """Area between the curve and the baseline's once the baseline is raised to the same accuracy at severity 0.

    The effective robustness of MultiBench (Liang et al., 2021, after Taori et al., 2020), with late fusion by
    log-odds as baseline: relative(curve) - relative(baseline + curve[0] - baseline[0]). Positive: it loses less than
    the baseline as the severity grows; 0.05 is 5 points of accuracy on average.
    """
    equalised = np.asarray(baseline, np.float64) + curve[0] - baseline[0]
    return relative_robustness(curve, severities) - relative_robustness(list(equalised), severities)
