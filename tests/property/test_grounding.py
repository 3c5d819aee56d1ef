"""What a resolver must never do, in any home."""

import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefuse.config.models import DialogueConfig, Thing
from edgefuse.grounding.abilities import able
from edgefuse.grounding.asked import asked
from edgefuse.grounding.evidence import rank
from edgefuse.grounding.ground import ground
from edgefuse.grounding.history import Exchange, Grounding
from edgefuse.grounding.order import Order, Phrase
from edgefuse.grounding.scene import Person, Scene, ThingState

AREAS = ("study", "hall", "kitchen")
KINDS = ("light", "fan", "heater", "lock", "blind", "media", "sensor")
CONFIG = DialogueConfig()
maybe = st.booleans()
spots = st.tuples(st.floats(0, 1), st.floats(0, 1))
payloads = st.fixed_dictionaries(
    {}, optional={name: st.just("x") for name in ("open", "lock", "unlock", "level", "up")}
)


@st.composite
def homes(draw: st.DrawFn) -> dict[str, Thing]:
    """One to eight things, some of which share a name."""
    count = draw(st.integers(1, 8))
    return {f"thing_{n}": _thing(draw) for n in range(count)}


def _thing(draw: st.DrawFn) -> Thing:
    return Thing(
        area=draw(st.sampled_from((*AREAS, None))),
        kind=draw(st.sampled_from(KINDS)),
        names=draw(st.lists(st.sampled_from(("lamp", "big one", "door")), max_size=1)),
        near=draw(st.lists(st.just("window"), max_size=1)),
        seen={"eye": draw(spots)} if draw(maybe) else {},
        set=draw(st.sampled_from((None, "topic"))),
        **draw(payloads),
    )


phrases = st.builds(
    Phrase,
    name=st.sampled_from(("", "", "lamp", "door", "thing 0")),
    kind=st.sampled_from(("", *KINDS[:5])),
    count=st.sampled_from(("one", "one", "some", "all")),
    number=st.sampled_from((0, 0, 2)),
    area=st.sampled_from(("", "", *AREAS)),
    everywhere=maybe,
    deixis=st.sampled_from(("", "", "this", "that", "it", "them", "other")),
    place=st.sampled_from(("", "", "here", "there")),
    beside=st.sampled_from(("", "", "window")),
    side=st.sampled_from(("", "", "left", "first")),
    state=st.sampled_from(("", "", "on")),
)
people = st.builds(
    Person,
    st.just("eye"),
    st.sampled_from(AREAS),
    st.tuples(st.floats(0, 0.8), st.floats(0, 0.5), st.just(0.1), st.just(0.4)),
    pointing=st.none() | st.tuples(spots, spots),
)
states = st.dictionaries(st.sampled_from([f"thing_{n}" for n in range(8)]), st.builds(ThingState, on=st.none() | maybe))
scenes = st.builds(
    Scene,
    here=st.sampled_from((*AREAS, None)),
    persons=st.lists(people, max_size=2).map(tuple),
    cameras=st.just({}) | st.just({"eye": "study"}),
    states=states,
)
intents = st.sampled_from(("turn_on", "turn_off", "toggle", "unlock", "open", "set_level", "raise", "query_state"))


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """Up to two phrases, sometimes with an exception."""
    said = tuple(draw(st.lists(phrases, min_size=1, max_size=2)))
    return Order(draw(intents), said, tuple(draw(st.lists(phrases, max_size=1))))


@st.composite
def histories(draw: st.DrawFn, home: Mapping[str, Thing]) -> tuple[Exchange, ...]:
    """Orders that were done before, to one or two things."""
    keys = st.lists(st.sampled_from(sorted(home)), min_size=1, max_size=2, unique=True)
    return tuple(
        Exchange(0, "study", Order("turn_on", (Phrase(kind="light"),)), Grounding(tuple(draw(keys))))
        for _ in range(draw(st.integers(0, 2)))
    )


@given(st.data(), homes(), orders(), scenes)
def test_whatever_is_meant_can_do_it_and_is_where_it_was_said(
    data: st.DataObject, home: dict[str, Thing], order: Order, scene: Scene
) -> None:
    """No target lacks the ability, or is outside of every area that was said; exactly one kind of answer is given."""
    found = ground(order, scene, data.draw(histories(home)), home, CONFIG)

    for key in (*found.targets, *found.candidates):
        assert able(order.intent, home[key])
    areas = {phrase.area for phrase in order.things}
    if "" not in areas:
        assert {home[key].area for key in found.targets} <= areas
    assert not (found.asking and found.refused)
    assert not (found.refused and found.targets)
    assert found.because
    if found.acts:
        assert found.targets
        assert found.p <= 1
    if found.asking == "which":
        assert 1 <= len(found.candidates) <= 4
        assert not set(found.candidates) & set(found.targets)


@given(homes(), scenes, st.sampled_from(("turn_on", "turn_off")), maybe)
def test_what_is_excepted_is_never_done(home: dict[str, Thing], scene: Scene, intent: str, everywhere: bool) -> None:  # noqa: FBT001
    """`all but thing 0` leaves it alone, whatever else happens."""
    order = Order(intent, (Phrase(count="all", everywhere=everywhere),), (Phrase(name="thing 0"),))

    found = ground(order, scene, (), home, CONFIG)

    assert "thing_0" not in (*found.targets, *found.candidates)


@given(st.data(), homes(), orders(), scenes, st.integers())
def test_the_order_of_the_configuration_decides_nothing(
    data: st.DataObject, home: dict[str, Thing], order: Order, scene: Scene, seed: int
) -> None:
    """The same things in another order give the same answer."""
    history = data.draw(histories(home))
    keys = list(home)
    random.Random(seed).shuffle(keys)

    assert ground(order, scene, history, {key: home[key] for key in keys}, CONFIG) == ground(
        order, scene, history, home, CONFIG
    )


@given(homes(), scenes)
def test_a_camera_more_does_not_change_an_explicit_name(home: dict[str, Thing], scene: Scene) -> None:
    """A thing that is called by its own name is meant, whoever is seen wherever."""
    order = Order("turn_on", (Phrase(name="thing 0"),))

    found = ground(order, scene, (), home, DialogueConfig(sure_high=0))

    if able("turn_on", home["thing_0"]) and home["thing_0"].kind != "heater":
        assert found.target == "thing_0"
    else:
        assert found.refused or found.asking == "confirm" or found.target == "thing_0"


@given(homes(), scenes, st.sampled_from(("light", "fan", "blind")))
def test_over_there_is_never_beside_the_speaker(home: dict[str, Thing], scene: Scene, kind: str) -> None:
    """`the light over there` is not the only one of the room where it is said."""
    intent = "open" if kind == "blind" else "turn_on"
    own = [key for key, thing in home.items() if thing.area == scene.here and thing.kind == kind]
    seen = [person for person in scene.persons if person.pointing]

    found = ground(Order(intent, (Phrase(kind=kind, place="there"),)), scene, (), home, CONFIG)

    if scene.here is not None and len(own) == 1 and not seen and not scene.persons:
        assert found.target != own[0]


@pytest.mark.parametrize("intent", ["unlock", "open"])
@given(home=homes(), scene=scenes, phrase=phrases)
def test_nobody_is_let_in_unseen(intent: str, home: dict[str, Thing], scene: Scene, phrase: Phrase) -> None:
    """A lock is unlocked only for somebody who is seen where the order was said, or after a yes."""
    found = ground(Order(intent, (phrase,)), scene, (), home, CONFIG)

    if found.acts and any(home[key].kind == "lock" for key in found.targets):
        assert any(person.area == scene.here for person in scene.persons)
        assert found.p >= CONFIG.sure_high


@given(homes(), scenes, phrases)
def test_probabilities_leave_room_for_something_else(home: dict[str, Thing], scene: Scene, phrase: Phrase) -> None:
    """Those of all things that may be meant add up to less than 1, the likeliest first."""
    moment = asked(Order("turn_on", (phrase,)), scene, (), home, CONFIG)

    ranked = rank(moment, phrase, moment.keys)

    assert sum(each.p for each in ranked) < 1
    assert [each.p for each in ranked] == sorted((each.p for each in ranked), reverse=True)
