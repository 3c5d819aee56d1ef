"""The cases of `edgefuse evaluate grounding` through edgefuse and through two open matchers, side by side.

`python tests/bench/grounding.py [FILE ...] [--split held] [--details SYSTEM]`; default tests/data/grounding/en*.yaml.
hassil comes with the extra `voice`. The others are no dependencies: `pip install --target DIR --no-deps
home-assistant-intents gazetteer-matcher==1.2.0`, and DIR in PYTHONPATH; what is not there is left out.

They get what they can take: every name, alias, area and kind of the home, and the area of the microphone; one of them
also what the sentence before spoke of. What they find is read as Home Assistant reads it: an area with a kind is every
thing of this kind in it, a name that several things have is the one in the area of the microphone, locks are locked by
turning on, covers opened. States, cameras and persons are nothing they know of; neither asks back, but a rejection of
gazetteer-matcher that says that several things are meant counts as a question. What they do that edgefuse has no word
for (a shopping list, music) is something done. Whether a query is answered rightly is not looked at: that it is the
right query is enough.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from edgefuse.config.models import Site, Thing
from edgefuse.core.types import Nanoseconds
from edgefuse.evaluation.grounding import Judged, failure, figures, judged, listener
from edgefuse.evaluation.grounding_cases import Cases, ReadCase, read_cases
from edgefuse.evaluation.grounding_format import Expectation
from edgefuse.evaluation.grounding_judge import Act, Came
from edgefuse.evaluation.grounding_scene import areas, here

DOMAINS = {
    "light": ("light", None),
    "switch": ("switch", None),
    "socket": ("switch", "outlet"),
    "fan": ("fan", None),
    "blind": ("cover", "blind"),
    "curtain": ("cover", "curtain"),
    "awning": ("cover", "awning"),
    "door": ("cover", "door"),
    "window": ("cover", "window"),
    "lock": ("lock", None),
    "heater": ("climate", None),
    "media": ("media_player", "tv"),
    "siren": ("siren", None),
}
"""Kind of a thing -> domain and device class of Home Assistant."""
DONE = {"cover": ("open", "close"), "lock": ("lock", "unlock")}
PLAIN = {
    "HassToggle": "toggle",
    "HassClimateSetTemperature": "set_temperature",
    "HassSetPosition": "set_level",
    "HassFanSetSpeed": "set_level",
    "HassSetVolume": "set_level",
    "HassGetState": "query_state",
    "HassClimateGetTemperature": "query_value",
    "HassStartTimer": "set_timer",
    "HassCancelTimer": "cancel_timer",
    "HassCancelAllTimers": "cancel_timer",
    "HassTimerStatus": "query_timer",
    "HassGetCurrentTime": "query_time",
    "HassNevermind": "cancel",
}
TELLS = {"HassRespond", "HassGetWeather", "HassGetCurrentDate"}
ONLY = {
    "HassLightSet": "light",
    "HassClimateSetTemperature": "climate",
    "HassClimateGetTemperature": "climate",
    "HassFanSetSpeed": "fan",
    "HassSetPosition": "cover",
    "HassSetVolume": "media_player",
    "HassSetVolumeRelative": "media_player",
}
"""Intent -> the only domain that it is about."""


@dataclass(frozen=True)
class Found:
    """What a matcher made of a sentence."""

    frames: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    several: bool = False
    """Rejected because several things could be meant."""


class World:
    """A home as Home Assistant has it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.areas = {key: [key.replace("_", " "), *_other_names(site, key)] for key in areas(site)}
        self.names = {key: [*thing.names, key.replace("_", " ")] for key, thing in site.things.items()}

    def domain(self, key: str) -> tuple[str, str | None]:
        """Domain and device class of a thing."""
        domain, kind = DOMAINS.get(self.site.things[key].kind, ("switch", None))
        garage = kind == "door" and any("garage" in name for name in self.names[key])
        return domain, "garage" if garage else kind

    def act(self, intent: str, slots: Mapping[str, Any], area: str | None) -> list[Act]:
        """What a frame does here."""
        found = {key: self.domain(key)[0] for key in self._targets(slots, area)}
        targets = tuple(key for key, domain in found.items() if domain == ONLY.get(intent, domain))
        if not targets and {"name", "area", "domain", "device_class"} & set(slots):
            return []
        if intent in {"HassTurnOn", "HassTurnOff"}:
            return self._switched(intent == "HassTurnOn", targets)
        if intent == "HassLightSet":
            level = self._lit("set_level", "level", slots.get("brightness"), targets)
            return [*level, *self._lit("set_colour", "colour", slots.get("color"), targets)]
        if intent == "HassSetVolumeRelative":
            up = str(slots.get("volume_step")) == "up" or _above(slots.get("volume_step"))
            return [Act("raise" if up else "lower", targets)]
        return [self._plain(intent, slots, targets)]

    def _plain(self, intent: str, slots: Mapping[str, Any], targets: tuple[str, ...]) -> Act:
        values = {"level": slots.get("position", slots.get("percentage", slots.get("volume_level")))}
        values["temperature"] = slots.get("temperature")
        if intent == "HassStartTimer":
            parts = {"hours": 3600, "minutes": 60, "seconds": 1}
            values["duration_s"] = sum(float(slots.get(name, 0)) * size for name, size in parts.items())
        known = {name: str(value) for name, value in values.items() if value is not None}
        name = PLAIN.get(intent, "query_other" if intent in TELLS else intent)
        return Act(name, targets if intent in PLAIN else (), known)

    @staticmethod
    def _lit(intent: str, slot: str, value: Any, targets: tuple[str, ...]) -> list[Act]:
        return [] if value is None else [Act(intent, targets, {slot: str(value)})]

    def _switched(self, on: bool, targets: tuple[str, ...]) -> list[Act]:  # noqa: FBT001
        acts: dict[str, list[str]] = {}
        for key in targets:
            intents = DONE.get(self.domain(key)[0], ("turn_on", "turn_off"))
            acts.setdefault(intents[not on], []).append(key)
        return [Act(intent, tuple(keys)) for intent, keys in acts.items()]

    def _targets(self, slots: Mapping[str, Any], area: str | None) -> tuple[str, ...]:
        things = self.site.things
        if "name" in slots:
            said = str(slots["name"])
            called = [key for key in things if key == said or said.casefold() in map(str.casefold, self.names[key])]
            near = [key for key in called if things[key].area == slots.get("area", area)]
            return tuple(near[:1] if len(called) > 1 and near else called[:1])
        if not {"area", "domain", "device_class", "floor"} & set(slots):
            return ()
        return tuple(key for key, thing in things.items() if self._is(key, thing, slots))

    def _is(self, key: str, thing: Thing, slots: Mapping[str, Any]) -> bool:
        domain, kind = self.domain(key)
        wanted, classes = _listed(slots.get("domain")), _listed(slots.get("device_class"))
        inside = "area" not in slots or thing.area == slots["area"]
        return inside and (not wanted or domain in wanted) and (not classes or kind in classes)


def _other_names(site: Site, key: str) -> list[str]:
    return list(site.areas[key].names) if key in site.areas else []


def _listed(value: Any) -> list[str]:
    return [] if value is None else [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _above(value: Any) -> bool:
    try:
        return float(value) > 0
    except (TypeError, ValueError):
        return False


class Hassil:
    """hassil with the sentences of home-assistant-intents."""

    def __init__(self, world: World) -> None:
        from hassil.intents import Intents, TextSlotList
        from home_assistant_intents import get_intents

        data = get_intents("en")
        assert data is not None
        self._intents = Intents.from_dict(data)
        names = [(name, key, self._context(world, key)) for key, names in world.names.items() for name in names]
        places = [(name, key) for key, names in world.areas.items() for name in names]
        self._lists = {
            "name": TextSlotList.from_tuples(names, allow_template=False),
            "area": TextSlotList.from_tuples(places, allow_template=False),
            "floor": TextSlotList.from_tuples([], allow_template=False),
        }

    @staticmethod
    def _context(world: World, key: str) -> dict[str, Any]:
        domain, kind = world.domain(key)
        return {"domain": domain, **({"device_class": kind} if kind else {})}

    def __call__(self, words: str, area: str | None, _: Any) -> tuple[Found, Any]:
        from hassil import recognize_best

        found = recognize_best(
            words,
            self._intents,
            slot_lists=self._lists,  # type: ignore[arg-type]
            intent_context={"area": area} if area else {},
            language="en",
            best_slot_name="name",
        )
        if found is None:
            return Found(), None
        slots = {name: entity.value for name, entity in found.entities.items()}
        return Found(((found.intent.name, slots),)), None


class Gazetteer:
    """gazetteer-matcher."""

    def __init__(self, world: World) -> None:
        from gazetteer_matcher import GazetteerMatcher

        entities = {}
        for key, names in world.names.items():
            domain, kind = world.domain(key)
            entities[key] = {"name": names[0], "aliases": names[1:], "domain": domain}
            entities[key] |= {"area": world.site.things[key].area} | ({"device_class": kind} if kind else {})
        places = {key: {"name": names[0], "aliases": names[1:]} for key, names in world.areas.items()}
        self._matcher = GazetteerMatcher(home={"areas": places, "floors": {}, "entities": entities})
        self._areas = world.areas

    def __call__(self, words: str, area: str | None, before: Any) -> tuple[Found, Any]:
        place = self._areas[area][0] if area else None
        found = self._matcher.interpret(words, context_area=place, previous_targets=before or ())
        if not found.accepted:
            several = bool(found.ambiguous) or "ambig" in str(found.rejection_code)
            return Found(several=several), before
        return Found(tuple((frame.intent, frame.slots) for frame in found.frames)), found.targets or before


def other(
    cases: Cases, matcher: Callable[[World], Any]
) -> Callable[[ReadCase], tuple[Came, Nanoseconds, Sequence[str]]]:
    """A system that is not ours, on the same cases."""
    world = World(cases.site)
    match = matcher(world)

    def listen(case: ReadCase) -> tuple[Came, Nanoseconds, Sequence[str]]:
        before, came, took = None, Came(), 0
        for turn in case.turns:
            area = here(turn.scene, cases.site)
            begin = time.monotonic_ns()
            found, before = match(turn.words, area, before)
            took = time.monotonic_ns() - begin
            acts = [act for intent, slots in found.frames for act in world.act(intent, slots, area)]
            came = Came(tuple(acts), () if found.several else None, answered=bool(found.frames) and not acts)
        return came, took, ()

    return listen


def without_wording(case: ReadCase) -> ReadCase:
    """The same case, whatever an answer says."""
    return replace(case, expect=tuple(map(_silent, case.expect)))


def _silent(one: Expectation) -> Expectation:
    return one.model_copy(update={"answer": bool(one.answer) and not one.wanted})


def systems() -> dict[str, Callable[[Cases], Any]]:
    """What is here."""
    found: dict[str, Callable[[Cases], Any]] = {"edgefuse": listener}
    try:
        import home_assistant_intents  # noqa: F401

        found["hassil + home-assistant-intents"] = lambda cases: other(cases, Hassil)
        import gazetteer_matcher  # noqa: F401

        found["gazetteer-matcher"] = lambda cases: other(cases, Gazetteer)
    except ImportError as error:
        print(f"left out: {error}", file=sys.stderr)
    return found


def main() -> None:
    """Print the table, and on request what came out otherwise."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--split", choices=("dev", "held"))
    parser.add_argument("--details", metavar="SYSTEM", help="list its failures")
    args = parser.parse_args()
    data = Path(__file__).parents[1] / "data" / "grounding"
    files = [read_cases(path) for path in args.files or sorted(data.glob("en*.yaml"))]
    table = Table("", *COLUMNS, title="in %; right: of the answerable, all else: of all cases")
    for name, listen in systems().items():
        heard = [each for cases in files for each in _judged(cases, listen(cases), args.split)]
        result = figures(heard)
        table.add_row(
            name, str(result["n"]), *(f"{100 * result[key]:.1f}" for key in SHARES), f"{result['p95_ms']:.3g}"
        )
        for one in heard if args.details == name else ():
            if not one.correct:
                said = failure(one)
                print(f"{said['wrong'] or '-':7}{' > '.join([*said['history'], said['words']])}: {said['got']}")
    Console(width=120).print(table)


SHARES = ("right", "wrong_action", "wrong_answer", "asked", "refused", "correct")
COLUMNS = ("cases", "right", "wrong action", "wrong answer", "asked", "refused", "as expected", "p95 ms")


def _judged(cases: Cases, listen: Any, split: str | None) -> list[Judged]:
    kept = tuple(without_wording(case) for case in cases.cases if split in {None, case.split})
    return judged(replace(cases, cases=kept), listen)


if __name__ == "__main__":
    main()
