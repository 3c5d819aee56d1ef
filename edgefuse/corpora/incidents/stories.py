"""The stories an episode tells: six incidents, seventeen decoys that look like one, and quiet."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from edgefuse.corpora.incidents.world import END, INCIDENTS, Incident, World

_LONG = 40
"""Seconds that are enough for somebody to leave and be forgotten."""

Rng: TypeAlias = np.random.Generator
Story: TypeAlias = Callable[[World, float, Rng], Incident | None]


def episode(story: str, rng: Rng) -> World:
    """The truth of one episode of 60 to 120 s. Raises KeyError for an unknown story."""
    world = World(int(rng.integers(60, 121)), story)
    world.at = float(rng.uniform(25, world.seconds - 25))
    world.incident = STORIES[story](world, world.at, rng)
    return world


def chance(rng: Rng, share: float) -> bool:
    """True in `share` of the cases."""
    return bool(rng.random() < share)


def _people(world: World, rng: Rng, start: float = 0.0, end: float = END) -> None:
    """Somebody is in the room: mostly in view, now and then talking."""
    world.during("room", start, end)
    t, seen = start, chance(rng, 0.8)  # how often the camera's view is where people are
    while t < min(end, world.seconds):
        length = float(rng.uniform(8, 40) if seen else rng.uniform(3, 12))
        world.during("view", t, min(end, t + length), value=seen)
        t, seen = t + length, not seen
    _talk(world, rng, start, min(end, world.seconds))


def _talk(world: World, rng: Rng, start: float, end: float, share: float = 0.6) -> None:
    if chance(rng, share):
        t = start + float(rng.uniform(0, 8))
        while t < end:
            length = float(rng.uniform(1.5, 7))
            world.during("speech", t, min(end, t + length))
            t += length + float(rng.exponential(9))


def _television(world: World, rng: Rng) -> None:
    world.during("tv", 0)
    t = float(rng.uniform(0, 4))
    while t < world.seconds:
        length = float(rng.uniform(2, 8))
        world.during("speech", t, t + length)
        t += length + float(rng.exponential(4))


def _maybe_people(world: World, rng: Rng, share: float) -> None:
    if chance(rng, share):
        _people(world, rng)


def _gone(world: World, rng: Rng, at: float) -> None:
    """Nobody is there, or whoever was has left by the door well before `at`."""
    if at > _LONG and chance(rng, 0.3):
        left = at - float(rng.uniform(25, 35))
        _people(world, rng, 0, left)
        world.during("door", left - 1, left + 3)


def _breaks_in(world: World, at: float, rng: Rng) -> Incident:
    _gone(world, rng, at)
    glass = chance(rng, 0.65)  # else the door is forced
    world.during("glass" if glass else "knock", at, at + float(rng.uniform(1, 2) if glass else rng.uniform(2, 6)))
    world.during("window" if glass else "door", at + float(rng.uniform(1, 5)), END, value=chance(rng, 0.8))
    enters = at + float(rng.uniform(2, 7))
    world.during("room", enters)
    world.during("view", enters + float(rng.uniform(0, 3)), enters + float(rng.uniform(12, 40)))
    return Incident("break_in", at, first=at)


def _alarm(world: World, at: float, rng: Rng) -> Incident:
    _gone(world, rng, at)
    world.during("alarm", at, at + float(rng.uniform(25, 60)))
    return Incident("unattended_alarm", at + 10, first=at)


def _cry(world: World, start: float, end: float, rng: Rng) -> None:
    t = start
    while t < min(end, world.seconds):
        length = float(rng.uniform(3, 8))
        world.during("cry", t, min(end, t + length))
        t += length + float(rng.uniform(0.5, 2.5))


def _cries(world: World, at: float, rng: Rng) -> Incident:
    _gone(world, rng, at)
    _cry(world, at, END, rng)
    return Incident("cry_alone", at + 10, first=at)


def _falls(world: World, at: float, rng: Rng) -> Incident:
    _people(world, rng, 0, at)
    world.during("room", at)
    world.during("still", at + 2)
    if chance(rng, 0.8):  # in view of the camera
        world.during("view", at - 3)
        world.during("lying", at + 0.5)
    if chance(rng, 0.9):  # wears the watch
        world.impacts.append((at, float(rng.uniform(3, 8))))
    if chance(rng, 0.85):  # can be heard
        world.during("knock", at, at + 1)
    if chance(rng, 0.5):
        world.during("scream", at - 0.5, at + 1.5)
    world.during("speech", at, value=False)
    return Incident("fall", at, first=at)


def _burns(world: World, at: float, rng: Rng) -> Incident:
    """Heat detectors are tested at 1 to 30 K/min (EN 54-5)."""
    _maybe_people(world, rng, 0.3)
    world.rise(at, float(rng.uniform(4, 12)), float(-rng.uniform(2, 10)))
    smoke = at + float(rng.uniform(3, 15))
    if chance(rng, 0.8):  # has a smoke detector that works
        world.during("smoke", smoke)
    if chance(rng, 0.7):  # and can be heard
        world.during("alarm", smoke + float(rng.uniform(0, 4)))
    return Incident("fire", at + 8, first=at)


def _contradicts(world: World, at: float, rng: Rng) -> Incident:
    _people(world, rng)
    gesture = at + float(rng.uniform(-2.5, 2))
    _commands(world, at)
    _stops(world, gesture, rng)
    onset = max(at, gesture + 1)
    return Incident("command_against_gesture", onset, onset + 15, min(at, gesture))


def _commands(world: World, at: float) -> None:
    world.commands.append(at)
    world.during("speech", at - 2, at)


def _stops(world: World, at: float, rng: Rng) -> None:
    world.during("room", at - 3, at + 6)
    world.during("view", at - 3, at + 6)
    world.during("stop", at, at + float(rng.uniform(2, 4.5)))


def _television_event(world: World, at: float, rng: Rng) -> None:
    """A thriller: siren, glass, screams and crying from the loudspeaker."""
    _television(world, rng)
    _maybe_people(world, rng, 0.65)
    t = at - float(rng.uniform(0, 10))
    for _ in range(int(rng.integers(1, 4))):
        sound = str(rng.choice(["siren", "siren", "alarm", "glass", "cry", "scream", "knock"]))
        long = sound in {"siren", "alarm", "cry"}
        world.during(sound, t, t + float(rng.uniform(5, 25) if long else rng.uniform(1, 2.5)))
        t += float(rng.uniform(3, 12))


def _glass_at_home(world: World, at: float, rng: Rng) -> None:
    _people(world, rng)
    world.during("glass", at, at + float(rng.uniform(0.7, 2)))
    world.during("view", at - 4, at + 8, value=chance(rng, 0.8))
    _talk(world, rng, at + 1, at + 10, 0.7)


def _glass_alone(world: World, at: float, rng: Rng) -> None:
    world.during("glass", at, at + float(rng.uniform(0.7, 1.5)))


def _attended(world: World, at: float, rng: Rng, sound: str) -> None:
    here = chance(rng, 0.5)  # else somebody comes
    comes = 0.0 if here else at + float(rng.uniform(2, 8))
    _people(world, rng, comes)
    world.during("view", max(comes, at + 1), at + float(rng.uniform(10, 25)))
    end = max(comes, at) + float(rng.uniform(4, 25))
    if sound == "cry":
        _cry(world, at, end, rng)
    else:
        world.during(sound, at, end)


def _comes_home(world: World, at: float, rng: Rng) -> None:
    if chance(rng, 0.15):  # knocks first
        world.during("knock", at - 5, at - 3)
    world.during("door", at, at + float(rng.uniform(2, 6)))
    _people(world, rng, at + float(rng.uniform(1, 3)))


def _airs(world: World, at: float, rng: Rng) -> None:
    _people(world, rng)
    world.during("view", at - 5, at + 3)
    world.during("window", at)
    world.rise(at, float(-rng.uniform(0.2, 1.5)), float(rng.uniform(-2, 2)))


def _lies_down(world: World, at: float, rng: Rng) -> None:
    _people(world, rng)
    world.during("view", at - 5)
    world.during("lying", at)
    world.during("still", at + 3, value=chance(rng, 0.7))


def _drops(world: World, at: float, rng: Rng) -> None:
    _maybe_people(world, rng, 0.85)
    world.during("knock", at, at + float(rng.uniform(0.5, 3)))
    if chance(rng, 0.2):
        world.during("scream", at + 0.5, at + 1.5)


def _exercises(world: World, at: float, rng: Rng) -> None:
    _people(world, rng)
    world.exercise = (at - 15, at + 15)
    for _ in range(int(rng.integers(1, 6))):
        world.impacts.append((at + float(rng.uniform(-10, 10)), float(rng.uniform(2, 6))))


def _cooks(world: World, at: float, rng: Rng) -> None:
    _people(world, rng)
    world.rise(at - 20, float(rng.uniform(0.3, 2)), float(rng.uniform(2, 12)))
    if chance(rng, 0.25):  # the roast
        world.during("smoke", at, at + float(rng.uniform(4, 15)))
    if chance(rng, 0.3):  # the timer
        world.during("alarm", at + 5, at + float(rng.uniform(7, 12)))


def _heats(world: World, at: float, rng: Rng) -> None:
    _maybe_people(world, rng, 0.5)
    world.rise(at - 20, float(rng.uniform(0.5, 2.5)), float(-rng.uniform(0.5, 3)))


def _smokes(world: World, at: float, rng: Rng) -> None:
    _maybe_people(world, rng, 0.7)
    world.during("smoke", at, at + float(rng.uniform(2, 8)))


def _orders(world: World, at: float, rng: Rng) -> None:
    _people(world, rng)
    _commands(world, at)


def _waves(world: World, at: float, rng: Rng) -> None:
    _people(world, rng)
    _stops(world, at, rng)


def _television_orders(world: World, at: float, rng: Rng) -> None:
    _television(world, rng)
    _maybe_people(world, rng, 0.5)
    _commands(world, at)


def _siren_outside(world: World, at: float, rng: Rng) -> None:
    _maybe_people(world, rng, 0.5)
    world.during("siren", at - 5, at + float(rng.uniform(8, 25)))


def _nothing(world: World, at: float, rng: Rng) -> None:
    del world, at, rng


def _at_home(world: World, at: float, rng: Rng) -> None:
    del at
    _people(world, rng)


def _evening(world: World, at: float, rng: Rng) -> None:
    del at
    _television(world, rng)
    _maybe_people(world, rng, 0.8)


_INCIDENTS: Mapping[str, Story] = dict(
    zip(INCIDENTS, (_breaks_in, _alarm, _cries, _falls, _burns, _contradicts), strict=True)
)
_DECOYS: Mapping[str, Story] = {
    "television": _television_event,
    "glass_at_home": _glass_at_home,
    "glass_alone": _glass_alone,
    "attended_alarm": lambda world, at, rng: _attended(world, at, rng, "alarm"),
    "attended_cry": lambda world, at, rng: _attended(world, at, rng, "cry"),
    "homecoming": _comes_home,
    "airing": _airs,
    "lying_down": _lies_down,
    "something_dropped": _drops,
    "exercise": _exercises,
    "cooking": _cooks,
    "heating": _heats,
    "smoke_alone": _smokes,
    "command_alone": _orders,
    "gesture_alone": _waves,
    "television_command": _television_orders,
    "siren_outside": _siren_outside,
}
_QUIET: Mapping[str, Story] = {"empty": _nothing, "people": _at_home, "evening": _evening}
STORIES: Mapping[str, Story] = {**_INCIDENTS, **_DECOYS, **_QUIET}
DECOYS, QUIET = tuple(_DECOYS), tuple(_QUIET)


def mixture(count: int, rng: Rng) -> list[str]:
    """`count` stories in random order: half incidents, four in ten decoys, the rest quiet, each kind equally often."""
    names: list[str] = []
    for kinds, share in ((INCIDENTS, 0.5), (DECOYS, 0.4), (QUIET, 0.1)):
        wanted = round(count * share)
        names += [kinds[n % len(kinds)] for n in range(wanted)]
    names += ["people"] * max(0, count - len(names))
    return [str(name) for name in rng.permutation(names[:count])]
