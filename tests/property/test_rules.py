"""Rules under whatever may come: random events, restarts through JSON at any moment, clocks that jump."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edgefuse.config.models import Site
from edgefuse.core.types import SECOND, Action, Decision, Fact, HealthChange, Observation
from edgefuse.rules.engine import Engine, RuleState
from edgefuse.rules.state import RuleState as State

START = datetime(2026, 3, 28, 20, tzinfo=timezone.utc)
COOLDOWN = 20
SITE = Site.model_validate(
    {
        "device": {"id": "box", "area": "hall", "timezone": "Europe/Berlin"},
        "rules": [
            {
                "name": "alarm",
                "when": {"belief": "a.x", "above": 0.4, "hysteresis": 0.1, "for_s": 1},
                "then": [{"alert": "x", "severity": "Severe"}, {"publish": "y", "payload": "{p}"}],
                "cooldown_s": COOLDOWN,
            },
            {
                "name": "group",
                "when": {
                    "any": [
                        {"all": [{"reading": {"of": "s", "quantity": "q", "above": 5, "within_s": 9}}], "for_s": 2},
                        {"not": {"health": {"of": "cam"}}},
                        {"said": {}},
                        {"seen": {"label": "person"}},
                    ]
                },
                "then": [{"publish": "z"}],
                "cooldown_s": COOLDOWN,
            },
            {
                "name": "night",
                "when": {"all": [{"time": {"after": "22:00", "before": "06:00"}}, {"belief": "a.x"}], "for_s": 1},
                "then": [{"say": "x"}],
                "cooldown_s": COOLDOWN,
                "armed": True,
            },
        ],
    }
)
ENGINE = Engine(SITE)


@st.composite
def fact(draw: st.DrawFn) -> tuple[str, Any]:
    found: tuple[str, Any] = draw(
        st.one_of(
            st.tuples(st.just("belief"), st.sampled_from([0.1, 0.35, 0.45, 0.6, 0.95])),
            st.tuples(st.just("silent"), st.just(0.1)),
            st.tuples(st.just("reading"), st.sampled_from([1, 9, "x"])),
            st.tuples(st.just("health"), st.sampled_from(["ok", "failed", "starting"])),
            st.tuples(st.just("utterance"), st.just("open")),
            st.tuples(st.sampled_from(["object", "scene"]), st.just("person")),
        )
    )
    return found


def made(kind: str, value: Any, t: int) -> Fact:
    if kind in {"belief", "silent"}:
        missing = ("vision",) if kind == "silent" else ()
        return Decision("a.x", "a", t, value, value > 0.5, 0, {"vision": 0.0}, -2.0, {"vision": 0.1}, missing, ())
    if kind == "health":
        return HealthChange("cam", value, "", t)
    label, data = ("q", {"value": value}) if kind == "reading" else (value, {})
    return Observation(f"s/{kind}/{t}/0", "s", "s", "sensor", kind, label, 0.9, t, t, "hall", data)


moments = st.lists(
    st.tuples(
        st.integers(1, 8000), st.lists(fact(), max_size=3), st.sampled_from(["", "", "", "kill", "reboot", "back"])
    ),
    max_size=30,
)


def restarted(state: RuleState, now: int, wall: datetime, how: str) -> tuple[RuleState, int, datetime]:
    """Through text, as from disk; time goes on by a second, or the wall clock is set back."""
    text = json.dumps(state.to_json(now, wall))
    wall += timedelta(seconds=-3600 if how == "back" else 1)
    now = SECOND if how in {"reboot", "back"} else now + SECOND
    return ENGINE.restore(json.loads(text), now, wall), now, wall


def played(events: Any) -> list[tuple[int, Action]]:
    """What fires, with the true time in ns that has passed at each firing."""
    state, now, wall, true = ENGINE.restore(None, 0, START), 0, START, 0
    fired: list[tuple[int, Action]] = []

    def step(facts: list[Fact], to: int) -> None:
        nonlocal state, now, wall, true
        wall += timedelta(microseconds=(to - now) // 1000)
        true += to - now
        now = to
        state, actions = ENGINE.step(state, facts, now, wall)
        fired.extend((true, action) for action in actions)

    for ms, facts, how in events:
        until = now + ms * 1_000_000
        while (due := ENGINE.next_due(state, now)) is not None and due <= until:
            step([], due)
        step([made(kind, value, until) for kind, value in facts], until)
        if how:
            state, now, wall = restarted(state, now, wall, how)
            true += SECOND
    return fired


@settings(deadline=None, max_examples=60)
@given(moments)
def test_cooldown_is_never_broken_but_by_a_worse_event(events: Any) -> None:
    """Between two firings of a rule lies the cooldown, or the later is an Update of higher rank."""
    last: dict[str, tuple[int, int, Action]] = {}
    rank = {"Possible": 0, "Likely": 1, "Observed": 2}
    for true, action in played(events):
        worth = rank[action.data["certainty"]] if action.kind == "alert" else 0
        if action.kind == "publish" and action.rule == "alarm":
            continue
        if action.rule in last and true - last[action.rule][0] < COOLDOWN * SECOND:
            assert action.rule == "alarm"
            assert action.data["msgType"] == "Update"
            assert worth > last[action.rule][1]
            assert action.data["references"] == [last[action.rule][2].id]
        last[action.rule] = (true, worth, action)


@settings(deadline=None, max_examples=60)
@given(moments)
def test_ids_never_come_twice_and_are_the_same_in_a_replay(events: Any) -> None:
    """Whatever the clocks do."""
    first, second = played(events), played(events)
    ids = [action.id for _, action in first]

    assert first == second
    assert len(ids) == len(set(ids))


@settings(deadline=None, max_examples=60)
@given(moments)
def test_disarmed_rules_are_silent(events: Any) -> None:
    """A rule for the armed device does nothing while it is not armed."""
    assert "night" not in {action.rule for _, action in played(events)}


@settings(deadline=None, max_examples=60)
@given(moments)
def test_memory_survives_json(events: Any) -> None:
    """To text and back at the same moment is the same memory."""
    state, now = ENGINE.restore(None, 0, START), 0
    for ms, facts, _ in events:
        now += ms * 1_000_000
        wall = START + timedelta(microseconds=now // 1000)
        state, _ = ENGINE.step(state, [made(kind, value, now) for kind, value in facts], now, wall)
        text = state.to_json(now, wall)
        assert State.from_json(json.loads(json.dumps(text)), now, wall).to_json(now, wall) == text


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 3000), st.lists(fact(), max_size=3)), max_size=30), st.integers(2, 7))
def test_batching_does_not_matter(events: Any, size: int) -> None:
    """Facts one by one or several in a step: the same rules fire for the same moments."""

    rules = [rule.model_copy(update={"cooldown_s": 0, "armed": False}) for rule in SITE.rules]
    engine = Engine(SITE.model_copy(update={"rules": rules}))

    def run(batch: int) -> list[tuple[int, str]]:
        state, now, fired = engine.restore(None, 0, START), 0, []
        pending: list[Fact] = []
        for n, (ms, facts) in enumerate(events, 1):
            now += ms * 1_000_000
            pending += [made(kind, value, now) for kind, value in facts]
            if n % batch == 0 or n == len(events):
                state, actions = engine.step(state, pending, now, START + timedelta(microseconds=now // 1000))
                fired += [(action.t, action.rule) for action in actions]
                pending = []
        return fired

    assert run(1) == run(size)
