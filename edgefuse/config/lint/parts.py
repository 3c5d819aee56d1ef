"""Checks of sources, detectors, things and beliefs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from edgefuse.config.lint.scope import Remark, Scope, evidence_from, evidence_of
from edgefuse.config.wording import nearest
from edgefuse.config.yaml import Path

_RESERVED = ("broker", "outbox")
_SMALLEST_AREA = 1e-5
"""Share of the picture; three pixels of 640x480."""
_PAIRS = {"[": "]", "(": ")", "{": "}", "<": ">"}
_PASSWORD = re.compile(r"//[^/@\s:]*:[^/@\s]+@")


def part_remarks(scope: Scope) -> Iterator[Remark]:
    """Everything that is wrong outside of the rules."""
    yield from _names(scope)
    for name, source in scope.site.sources.items():
        yield from _polygons(source, ("sources", name))
        yield from _passwords(source, ("sources", name))
    if fault := _broker(scope.site.mqtt.url):
        yield Remark(("mqtt", "url"), fault)
    for name, detector in scope.site.detectors.items():
        yield from _inputs(scope, name, detector)
        yield from _polygons(detector, ("detectors", name))
    yield from _things(scope)
    yield from _intents(scope)
    for name, belief in scope.site.beliefs.items():
        yield from _belief(scope, name, belief)


def _names(scope: Scope) -> Iterator[Remark]:
    sources = set(scope.names("sources"))
    for section, taken in (("sources", set(_RESERVED)), ("detectors", sources | set(_RESERVED))):
        for name in scope.names(section):
            if name in taken:
                owner = "edgefuse itself" if name in _RESERVED else "a source"
                yield Remark(
                    (section, name), f"expected a name of its own, got '{name}', which is taken by {owner}", key=True
                )


def _polygons(part: Any, path: Path) -> Iterator[Remark]:
    for field in ("zones", "masks"):
        named = getattr(part, field, None) or {}
        items = named.items() if isinstance(named, Mapping) else enumerate(named)
        for name, points in items:
            if fault := _fault(points):
                yield Remark((*path, field, name), fault)


def _fault(points: Sequence[Sequence[float]]) -> str:
    outside = next((p for p in points if not all(0 <= c <= 1 for c in p)), None)
    if outside is not None:
        return f"expected points in the picture (fractions 0 to 1), got [{', '.join(f'{c:g}' for c in outside)}]"
    if len({tuple(p) for p in points}) < 3:  # noqa: PLR2004  a triangle
        return f"expected at least 3 different points, got {len({tuple(p) for p in points})}"
    doubled = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]], strict=True))
    return "" if abs(doubled) / 2 >= _SMALLEST_AREA else "expected an area, got points on one line"


def _passwords(part: Any, path: Path) -> Iterator[Remark]:
    for field in type(part).model_fields:
        value = getattr(part, field)
        if isinstance(value, str) and _PASSWORD.search(value):
            instead = f"; put it in a file and name that with {field}_file" if hasattr(part, f"{field}_file") else ""
            yield Remark(
                (*path, field), f"a password in this file is seen by everyone who can read it{instead}", warning=True
            )


def _broker(url: str) -> str:
    if _PASSWORD.search(url):
        return "expected no password here, as files are copied and shown; use password_file"
    if "@" in url:
        return "expected no user here; use username_file"
    try:
        address = urlsplit(re.sub(r"^embedded", "mqtt://embedded", url))
        good = bool(address.hostname) and address.port != 0  # a port that is none raises ValueError
    except ValueError:
        good = False
    return "" if good else f"expected a host, and a port from 1 to 65535, got '{url}'"


def topic_remarks(path: Path, topic: str | None) -> Iterator[Remark]:
    """Say so where nothing can be published on this topic, or one was meant and it is many."""
    if topic is not None and (not topic or set("+#") & set(topic)):
        yield Remark(path, f"expected a topic without '+' and '#', got '{topic}'")


def _inputs(scope: Scope, name: str, detector: Any) -> Iterator[Remark]:
    wanted = scope.modality_of("detector", detector)
    for i, source in enumerate(detector.on):
        path = ("detectors", name, "on", i)
        yield from scope.refers(path, source, "a source", "sources")
        if source in detector.on[:i]:
            yield Remark(path, f"expected each source once, got '{source}' again")
        config = scope.site.sources.get(source)
        given = config and scope.modality_of("source", config)
        if wanted and given and given != wanted:
            yield Remark(
                path, f"expected a source of {wanted} for a detector of type {detector.type}, got '{source}' ({given})"
            )


def _things(scope: Scope) -> Iterator[Remark]:
    spoken: dict[tuple[str | None, str], str] = {}
    for name, thing in scope.site.things.items():
        area = scope.area_of(thing)
        words: dict[str, Path] = {_spoken(name): ("things", name)}
        words |= {_spoken(word): ("things", name, "names", i) for i, word in enumerate(thing.names)}
        for word, path in words.items():
            other = spoken.setdefault((area, word), name)
            if other != name:
                place = f" in {area}" if area else ""
                message = f"expected a spoken name of its own{place}, got '{word}', which {other} has too"
                yield Remark(path, message, key="names" not in path)
        yield from topic_remarks(("things", name, "set"), thing.set)
        yield from topic_remarks(("things", name, "state"), thing.state)
        for camera in thing.seen:
            yield from scope.refers(("things", name, "seen", camera), camera, "a source", "sources")


def _intents(scope: Scope) -> Iterator[Remark]:
    for name, intent in scope.site.intents.items():
        path = ("intents", name)
        for i, sentence in enumerate(intent.sentences):
            if fault := _unbalanced(sentence):
                yield Remark((*path, "sentences", i), f"expected brackets in pairs, got {fault}")
        for slot in intent.slots:
            if not any(f"{{{slot}}}" in sentence for sentence in intent.sentences):
                yield Remark((*path, "slots", slot), f"no sentence has {{{slot}}}", warning=True, key=True)


def _unbalanced(sentence: str) -> str:
    """The first bracket without its partner; empty when there is none."""
    left: list[str] = []
    for character in sentence:
        if character in _PAIRS:
            left.append(character)
        elif character in _PAIRS.values() and (not left or _PAIRS[left.pop()] != character):
            return f"'{character}' without its opening one"
    return f"'{left[-1]}' without its closing one" if left else ""


def _spoken(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())


def _belief(scope: Scope, name: str, belief: Any) -> Iterator[Remark]:
    items = evidence_of(belief)
    if not items and hasattr(belief, "evidence"):
        yield Remark(("beliefs", name), "has no evidence and stays at its prior for ever", warning=True, key=True)
    for place, item in items:
        path = ("beliefs", name, *place)
        part = evidence_from(item)
        yield from scope.refers((*path, "from"), part, "a source or detector", "sources", "detectors")
        zone, label = getattr(item, "zone", None), getattr(item, "label", None)
        detector = scope.site.detectors.get(part)
        classes = getattr(detector, "classes", None)
        if classes and label not in classes:
            yield Remark((*path, "label"), f"expected what {part} looks for ({', '.join(classes)}), got '{label}'")
        if zone and detector is not None and not scope.broken.get("sources"):
            yield from zone_remarks(scope, (*path, "zone"), zone, detector.on)


def zone_remarks(scope: Scope, path: Path, zone: str, sources: list[str]) -> Iterator[Remark]:
    """Say so where none of these sources has the zone."""
    known = scope.zones(sources)
    cameras = " or ".join(dict.fromkeys(source for source in sources if source in scope.site.sources))
    if zone not in known:
        yield Remark(path, f"expected a zone of {cameras or 'a camera'}, got '{zone}'{nearest(zone, known)}")
