"""A home of four areas and two cameras, and orders said in it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from edgefuse.config.models import DialogueConfig, Thing
from edgefuse.grounding.followup import effective
from edgefuse.grounding.ground import ground
from edgefuse.grounding.history import Exchange, Grounding, History
from edgefuse.grounding.order import Order, Phrase
from edgefuse.grounding.scene import Person, Scene, ThingState

HOME: Mapping[str, Thing] = {
    # In the picture of the study the window is on the left, the desk on the right.
    "study_ceiling": Thing(
        area="study", kind="light", names=["ceiling light"], level="{value}", seen={"eye": (0.5, 0.05)}
    ),
    "desk_lamp": Thing(area="study", kind="light", names=["desk lamp"], level="{value}", seen={"eye": (0.85, 0.55)}),
    "floor_lamp": Thing(area="study", kind="light", names=["floor lamp"], near=["sofa"], seen={"eye": (0.12, 0.45)}),
    "study_heater": Thing(area="study", kind="heater", names=["heater"], temperature="{value}"),
    "study_tv": Thing(area="study", kind="media", names=["television"], up="U", down="D", seen={"eye": (0.6, 0.4)}),
    "study_blind": Thing(area="study", kind="blind", names=["blind"], open="OPEN", close="CLOSE", stop="STOP"),
    "hall_light": Thing(area="hall", kind="light", names=["hall light"], seen={"hall_eye": (0.5, 0.1)}),
    "front_door": Thing(area="hall", kind="lock", names=["front door"], lock="LOCK", unlock="UNLOCK"),
    "kitchen_light": Thing(area="kitchen", kind="light", level="{value}", toggle="TOGGLE"),
    "oven": Thing(area="kitchen", kind="oven", temperature="{value}"),
    "left_lamp": Thing(area="bedroom", kind="light", names=["left lamp", "lamp"]),
    "right_lamp": Thing(area="bedroom", kind="light", names=["right lamp", "lamp"]),
    "bedroom_fan": Thing(area="bedroom", kind="fan", names=["fan"], level="{value}", step=20),
    "gauge": Thing(area="hall", kind="sensor"),
}
HOME = {key: thing.model_copy(update={"set": f"home/{key}/set"}) for key, thing in HOME.items()}
CONFIG = DialogueConfig()
PEOPLE = {
    "desk": Person("eye", "study", (0.72, 0.35, 0.12, 0.50)),
    "window": Person("eye", "study", (0.10, 0.30, 0.12, 0.55)),
    "hall": Person("hall_eye", "hall", (0.40, 0.30, 0.15, 0.60)),
}
Say: TypeAlias = Callable[..., Grounding]


def say(intent: str, *phrases: Phrase, here: str | None = "study", **more: Any) -> Grounding:
    """Ground one order.

    `but`, `slots`, `text`, `history`, `config`, `things` as they are called elsewhere; `seen`: names of people,
    `points`: where the first of them points; `watched`: areas with a camera; `lit` and `dark` things; the rest is the
    scene's.
    """
    order = Order(intent, phrases, more.pop("but", ()), more.pop("slots", {}), more.pop("text", ""))
    history, config, things = more.pop("history", ()), more.pop("config", CONFIG), more.pop("things", HOME)
    return ground(order, scene(here, **more), history, things, config)


def scene(here: str | None, seen: str = "", points: tuple[float, float] | None = None, **more: Any) -> Scene:
    """One moment."""
    people = [PEOPLE[name] for name in seen.split()]
    if points:
        people[0] = _pointing(people[0], points)
    cameras = {each.camera: each.area for each in people} | {f"{area} cam": area for area in more.pop("watched", ())}
    states = {key: ThingState(on=True) for key in more.pop("lit", ())}
    states |= {key: ThingState(on=False) for key in more.pop("dark", ())}
    return Scene(here=here, persons=tuple(people), cameras=cameras, states=states | more.pop("states", {}), **more)


def after(*said: tuple[Any, ...], here: str | None = "study", **more: Any) -> History:
    """What is remembered of orders (intent, phrases ...) that were said one after the other."""
    history: History = ()
    for intent, *phrases in said:
        order, own = Order(intent, tuple(phrases)), effective(Order(intent, tuple(phrases)), history, HOME)
        found = ground(order, scene(here, **more), history, HOME, CONFIG)
        history = (*history, Exchange(0, here, own, found))
    return history


def _pointing(person: Person, at: tuple[float, float]) -> Person:
    assert person.box is not None
    x, y, width, height = person.box
    shoulder = (x + width / 2, y + 0.2 * height)
    wrist = (shoulder[0] + 0.2 * (at[0] - shoulder[0]), shoulder[1] + 0.2 * (at[1] - shoulder[1]))
    return replace(person, pointing=(shoulder, wrist))


@pytest.fixture(name="say")
def _say() -> Say:
    return say


@pytest.fixture(name="after")
def _after() -> Callable[..., History]:
    return after


@pytest.fixture
def home() -> Mapping[str, Thing]:
    """Its things."""
    return HOME
