"""Several microphones: what they hear of the same moment is one utterance, and one of them speaks for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edgefuse.config.models import Site
from edgefuse.core.types import SECOND, Json, Nanoseconds, Observation
from edgefuse.grounding.dialogue.seeing import works
from edgefuse.grounding.dialogue.state import Hearing, Held, Sight

_PATIENCE: Nanoseconds = 5 * SECOND // 2
"""How much longer than `together_s` to wait for a microphone whose recogniser is still at work."""
_WOKEN: Nanoseconds = 3 * SECOND
"""A microphone that heard the wake word no longer before the order may have heard the order too."""
NOT_UNDERSTOOD = "not_understood"


@dataclass(frozen=True)
class Microphones:
    """The sources that feed voice detectors."""

    listens: Mapping[str, tuple[str, ...]]
    """Voice detector -> its sources."""
    wakes: frozenset[str]
    """Voice detectors that wait for a wake word."""
    together: Nanoseconds

    @staticmethod
    def of(site: Site) -> "Microphones":
        """A voice detector is what has a wake word, if only none."""
        voices = {name: config for name, config in site.detectors.items() if hasattr(config, "wake_word")}
        return Microphones(
            {name: tuple(config.on) for name, config in voices.items()},
            frozenset(name for name, config in voices.items() if config.wake_word is not None),
            int(site.dialogue.together_s * SECOND),
        )

    @property
    def several(self) -> bool:
        """Whether there is anybody to wait for."""
        return len({source for sources in self.listens.values() for source in sources}) > 1 and self.together > 0

    def same(self, one: Observation, other: Observation) -> bool:
        """Whether two microphones heard one utterance."""
        if one.source == other.source:
            return False
        overlap = one.start < other.end and other.start < one.end
        return overlap or abs(one.start - other.start) <= self.together


@dataclass(frozen=True, slots=True)
class Gathered:
    """What can be answered now."""

    hearing: Hearing
    taken: tuple[Observation, ...] = ()
    unheeded: tuple[Observation, ...] = ()
    """Not for the rules: somebody else heard the same better."""


def gather(
    hearing: Hearing, heard: Sequence[Observation], now: Nanoseconds, microphones: Microphones, sight: Sight,
    peopled: frozenset[str],
) -> Gathered:  # fmt: skip
    """Take new utterances and those that waited. `peopled`: areas where somebody is seen."""
    held, late = list(hearing.held), []
    for each in heard:
        if hearing.answered and microphones.same(hearing.answered[0], each):
            late.append(_unheeded(each, hearing.answered[0]))
        else:
            held.append(Held(each, now + microphones.together + _PATIENCE))
    taken: list[Observation] = []
    while held:
        first = min(held, key=lambda each: (each.heard.end, each.heard.id))
        group = [first, *(each for each in held if each is not first and microphones.same(first.heard, each.heard))]
        if now < first.until and _awaited(hearing, [each.heard for each in group], microphones, sight):
            break
        held = [each for each in held if each not in group]
        best = max(group, key=lambda each: _nearness(each.heard, peopled)).heard
        others = [_unheeded(each.heard, best) for each in group if each.heard is not best]
        taken.append(_preferred(best, len(others), peopled))
        late += others
        hearing = replace(hearing, answered=(best, *(each.heard for each in group if each.heard is not best)))
    return Gathered(replace(hearing, held=tuple(held)), tuple(taken), tuple(late))


def _awaited(hearing: Hearing, group: Sequence[Observation], microphones: Microphones, sight: Sight) -> bool:
    """Whether a microphone that has not told yet may have heard it too."""
    first, told = group[0], {each.source for each in group}
    for detector, sources in microphones.listens.items():
        if hearing.far.get(detector, 0) >= first.end + microphones.together or not works(sight, detector):
            continue
        for source in sources:
            at = hearing.woken.get(source)
            woken = detector not in microphones.wakes or (at is not None and at >= first.start - _WOKEN)
            if source not in told and woken and works(sight, source):
                return True
    return False


def _nearness(heard: Observation, peopled: frozenset[str]) -> tuple[bool, bool, float, float, str]:
    data = heard.data
    return (
        understood(heard),
        heard.area in peopled,
        _number(data.get("level_db")),
        _number(data.get("wake")),
        heard.source,
    )


def understood(heard: Observation) -> bool:
    """Whether it means anything here."""
    return bool(heard.data.get("interpretations", heard.label != NOT_UNDERSTOOD))


def _number(value: Json) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("-inf")


def _preferred(best: Observation, others: int, peopled: frozenset[str]) -> Observation:
    if not others:
        return best
    why = "somebody is seen there" if best.area in peopled else "it heard it best"
    because = [*(best.data.get("because") or ()), f"{best.source} speaks for {others + 1} microphones: {why}"]
    return replace(best, data={**best.data, "because": because})


def _unheeded(heard: Observation, best: Observation) -> Observation:
    because = [*(heard.data.get("because") or ()), f"{best.source} heard the same and speaks for all"]
    return replace(heard, score=0.0, data={**heard.data, "p": 0.0, "refused": "elsewhere", "because": because})
