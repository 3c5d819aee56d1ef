"""Numbers with what follows them: percent, degrees, lengths of time, times of day."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from edgefuse.grounding.words.lexicon import Lexicon
from edgefuse.grounding.words.units import pieces

Span: TypeAlias = tuple[int, int]
_MOST_SECONDS = 31 * 24 * 3600.0
_NOON = 12
_MINUTES = 60


@dataclass(frozen=True, slots=True)
class Amount:
    """A number that was said."""

    start: int
    end: int
    number: float
    unit: str = ""
    """`percent`, `degrees`, `fahrenheit`, or nothing."""


def amounts(words: Sequence[str], lexicon: Lexicon) -> Iterable[Amount]:
    """Every number, the whole of it, alone and with its unit."""
    for start in range(len(words)):
        plain = number(words, start, lexicon)
        if plain is not None:
            yield Amount(start, plain[0], plain[1])
            yield from _after(words, start, plain, lexicon)
        for end, sense in lexicon.at(words, start):
            later = number(words, end, lexicon) if sense.role == "before" else None
            if later is not None:
                yield Amount(start, later[0], later[1], str(sense.features["unit"]))


def _after(words: Sequence[str], start: int, plain: tuple[int, float], lexicon: Lexicon) -> Iterable[Amount]:
    for end, sense in lexicon.at(words, plain[0]):
        if sense.role == "unit":
            half = _tail(words, end, lexicon)
            yield Amount(start, half[0], plain[1] + half[1], str(sense.features["unit"]))


def number(words: Sequence[str], start: int, lexicon: Lexicon) -> tuple[int, float] | None:
    """The longest number that begins here: index behind it, and value."""
    found = max(_plain(words, start, lexicon), default=None)
    if found is None:
        return None
    end, value = found
    point = max((e for e, s in lexicon.at(words, end) if s.role == "point"), default=None)
    if point is not None:
        digits = ""
        while (digit := max(_plain(words, point, lexicon), default=None)) is not None and digit[1] < 10:  # noqa: PLR2004
            digits += str(int(digit[1]))
            point = digit[0]
        return (point, value + float(f"0.{digits}")) if digits else found
    tail = _tail(words, end, lexicon, unit=False)
    return tail[0], value + tail[1]


def _plain(words: Sequence[str], start: int, lexicon: Lexicon) -> Iterable[tuple[int, float]]:
    return ((e, float(s.features["number"])) for e, s in lexicon.at(words, start) if s.role == "number")


def _tail(words: Sequence[str], start: int, lexicon: Lexicon, *, unit: bool = True) -> tuple[int, float]:
    """`and a half` behind a number or its unit; `unit` of an entry: only behind a unit."""
    tails = ((e, s) for e, s in lexicon.at(words, start) if s.role == "tail")
    found = ((e, float(s.features["number"])) for e, s in tails if unit or not s.features.get("unit"))
    return max(found, default=(start, 0.0))


def durations(words: Sequence[str], lexicon: Lexicon) -> dict[Span, float]:
    """Every length of time, in seconds; `one hour and ten minutes` is one."""
    single: dict[Span, float] = {}
    for start in range(len(words)):
        for end, sense in lexicon.at(words, start):
            if sense.role == "span":
                single[start, end] = float(sense.features["seconds"])
        plain = number(words, start, lexicon)
        for end, sense in lexicon.at(words, plain[0]) if plain else ():
            if sense.role == "duration" and plain and not (sense.features.get("whole") and plain[1] % 1):
                tail = _tail(words, end, lexicon)
                seconds = float(sense.features["seconds"])
                single[start, tail[0]] = plain[1] * seconds + tail[1] * seconds
    joined = _joined(words, single, lexicon)
    return {span: seconds for span, seconds in joined.items() if 0 < seconds <= _MOST_SECONDS}


def _joined(words: Sequence[str], single: Mapping[Span, float], lexicon: Lexicon) -> dict[Span, float]:
    every = dict(single)
    for (start, end), seconds in sorted(single.items(), reverse=True):
        begins = {end, *(e for e, s in lexicon.at(words, end) if s.role == "and")}
        for (other, last), more in list(every.items()):
            if other in begins and more < seconds:
                every[start, last] = seconds + more
    return every


def clocks(words: Sequence[str], lexicon: Lexicon) -> dict[Span, tuple[str, bool]]:
    """Every time of day as `07:30`, and whether half past seven in the evening may be meant as well."""
    found: dict[Span, tuple[str, bool]] = {}
    for start in range(len(words)):
        begins = [(start, 0), *_halves(words, start, lexicon)]
        said = [(early, one) for begin, early in begins for one in _said(words, begin, lexicon)]
        for early, (end, minutes, open_half) in [*said, *((0, one) for one in _named(words, start, lexicon))]:
            for last, shift in [(end, early)] if early else [(end, 0), *_halves(words, end, lexicon)]:
                later = minutes if not shift else minutes % (_NOON * _MINUTES) + (shift - 1) * _NOON * _MINUTES
                found[start, last] = (f"{later // 60:02d}:{later % 60:02d}", open_half and not shift)
    return found


def _halves(words: Sequence[str], end: int, lexicon: Lexicon) -> list[tuple[int, int]]:
    """1 in the morning, 2 in the afternoon."""
    return [(e, int(s.features["half"])) for e, s in lexicon.at(words, end) if s.role == "half_day"]


def _named(words: Sequence[str], start: int, lexicon: Lexicon) -> list[tuple[int, int, bool]]:
    """Noon, midnight."""
    return [(e, int(s.features["minutes"]), False) for e, s in lexicon.at(words, start) if s.role == "clock"]


def _said(words: Sequence[str], start: int, lexicon: Lexicon) -> list[tuple[int, int, bool]]:
    """`seven`, `seven o'clock`, `seven thirty`, `half past seven`, `ten to seven`."""
    found = []
    for middle, shift in [(start, 0), *_past(words, start, lexicon)]:
        for end, hour in _whole(words, middle, lexicon):
            if hour > 24:  # noqa: PLR2004
                continue
            minutes = (hour * 60 + shift) % (24 * 60)
            am_or_pm = 1 <= hour <= _NOON
            found.append((end, minutes, am_or_pm))
            behind = [e for e, s in lexicon.at(words, end) if s.role == "oclock"]
            found += [(e, minutes, am_or_pm) for e in behind]
            found += [
                (e, minutes + more, am_or_pm) for b in behind for e, more in _beyond(words, b, lexicon) if not shift
            ]
            if not shift and hour < 24:  # noqa: PLR2004
                found += [(e, hour * 60 + m, am_or_pm) for e, m in _minutes(words, end, lexicon)]
    return found


def _beyond(words: Sequence[str], start: int, lexicon: Lexicon) -> Iterable[tuple[int, int]]:
    """Minutes behind `o'clock`, in languages that go on there: a half, twenty, twenty minutes."""
    yield from ((e, int(s.features["minutes"])) for e, s in lexicon.at(words, start) if s.role == "quarter")
    for end, minutes in _minutes(words, start, lexicon):
        yield end, minutes
        yield from (
            (e, minutes)
            for e, s in lexicon.at(words, end)
            if s.role == "duration" and s.features["seconds"] == _MINUTES
        )


def _past(words: Sequence[str], start: int, lexicon: Lexicon) -> Iterable[tuple[int, int]]:
    """`half past`, `ten to`, `quarter to`: index behind, and minutes to add."""
    leads = [(e, int(v)) for e, v in _plain(words, start, lexicon) if v < _MINUTES]
    leads += [(e, int(s.features["minutes"])) for e, s in lexicon.at(words, start) if s.role == "quarter"]
    for end, minutes in leads:
        for last, sense in lexicon.at(words, end):
            if sense.role == "past":
                yield last, minutes * int(sense.features["sign"])


def _whole(words: Sequence[str], start: int, lexicon: Lexicon) -> list[tuple[int, int]]:
    found = [(e, s) for e, s in lexicon.at(words, start) if s.role == "number" and not s.cost]
    return [(e, int(s.features["number"])) for e, s in found]


def _minutes(words: Sequence[str], start: int, lexicon: Lexicon) -> list[tuple[int, int]]:
    """`thirty`, `oh five`, `thirty minutes` after an hour where the language says so."""
    begins = [start, *(e for e, s in lexicon.at(words, start) if s.role == "oh")]
    found = [(e, v, b) for b in begins for e, v in _whole(words, b, lexicon)]
    return [(e, v) for e, v, b in found if v < _MINUTES and (v >= 10 or b > start)]  # noqa: PLR2004


def fold(phrase: str, lexicon: Lexicon) -> tuple[str, ...]:
    """Units of a phrase, in the lexicon's language."""
    return pieces(phrase, lexicon.language)
