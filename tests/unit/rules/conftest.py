"""What tests of rules share: a driver that steps an engine by hand, and facts in one line."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from edgefuse.config.models import DetectorConfig, Site, SourceConfig
from edgefuse.core.types import SECOND, Action, Decision, Fact, HealthChange, HealthState, Observation
from edgefuse.rules.engine import Engine, RuleState
from edgefuse.rules.state import arm, mute

START = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)


class Named(SourceConfig):
    """A source without a class behind it."""


class Listening(DetectorConfig):
    """A detector without a class behind it."""


def seconds(at: float) -> int:
    """Nanoseconds."""
    return round(at * SECOND)


@dataclass
class Driver:
    """An engine with its state; times are in seconds after START unless the wall clock is moved."""

    engine: Engine
    start: datetime = START
    state: RuleState = field(default_factory=RuleState)
    now: float = 0.0
    actions: list[Action] = field(default_factory=list)

    def step(self, at: float, *facts: Fact) -> list[Action]:
        """Step at a time with these facts."""
        self.now = at
        wall = self.start + timedelta(seconds=at)
        self.state, actions = self.engine.step(self.state, facts, seconds(at), wall)
        self.actions += actions
        return actions

    def run(self, until: float) -> list[tuple[float, str]]:
        """Step at every due time up to `until`: (time, rule) of what fired."""
        fired = []
        while (due := self.engine.next_due(self.state, seconds(self.now))) is not None and due <= seconds(until):
            fired += [(round(due / SECOND, 6), action.rule) for action in self.step(due / SECOND)]
        self.now = until
        return fired

    def restart(self, down: float = 0, boot: float = 0, *, engine: Engine | None = None) -> None:
        """Through JSON text, as after a kill -9; with `boot` the monotonic clock begins anew at that many seconds."""
        text = json.dumps(self.state.to_json(seconds(self.now), self.start + timedelta(seconds=self.now)))
        wall = self.start + timedelta(seconds=self.now + down)
        self.now = boot or self.now + down
        self.start = wall - timedelta(seconds=self.now)
        self.engine = engine or self.engine
        self.state = self.engine.restore(json.loads(text), seconds(self.now), wall)

    def arm(self, *, armed: bool) -> None:
        self.state = arm(self.state, armed)

    def mute(self, rule: str | None, until: float) -> None:
        self.state = mute(self.state, rule, seconds(until), seconds(self.now))


def site(*rules: Mapping[str, Any], **more: Any) -> Site:
    """A site with these rules."""
    base = {
        "device": {"id": "box", "area": "hall", **more.pop("device", {})},
        "sources": {
            "climate": Named(type="mqtt", stale_s=60),
            "other": Named(type="mqtt"),
            "hall_cam": Named(type="camera"),
        },
        "detectors": {"air": Listening(type="climate", on=["other"])},
        "things": {"hall_light": {"area": "hall", "kind": "light"}, "lamp": {"area": "attic", "kind": "light"}},
    }
    named = [{"name": f"r{n}", "then": [{"publish": "x"}], **rule} for n, rule in enumerate(rules)]
    return Site.model_validate({**base, **more, "rules": named})


@pytest.fixture
def drive() -> Callable[..., Driver]:
    """A driver for rules; each needs only `when`."""

    def make(*rules: Mapping[str, Any], start: datetime = START, **more: Any) -> Driver:
        return Driver(Engine(site(*rules, **more)), start)

    return make


@pytest.fixture
def believe() -> Callable[..., Decision]:
    """A decision."""

    def make(belief: str, p: float, at: float, **more: Any) -> Decision:
        given: dict[str, Any] = {"contributions": {"vision": 1.0}, "missing": (), "evidence": ("e1",), **more}
        return Decision(
            belief=belief,
            area=belief.partition(".")[0],
            t=seconds(at),
            p=p,
            state=given.pop("state", p > 0.5),
            since=0,
            prior=-2.0,
            without={"vision": 0.1},
            because=("people sees person: speaks for it",),
            **given,
        )

    return make


@pytest.fixture
def read() -> Callable[..., Observation]:
    """A sensor value."""

    def make(of: str, quantity: str, value: Any, at: float, unit: str = "degC") -> Observation:
        t = seconds(at)
        data = {"value": value, "unit": unit, "retained": False}
        return Observation(f"{of}/{quantity}/{t}/0", of, of, "sensor", "reading", quantity, 1.0, t, t, "hall", data)

    return make


@pytest.fixture
def say() -> Callable[..., Observation]:
    """An utterance."""

    def make(intent: str, at: float, p: float = 0.9, area: str = "hall", **data: Any) -> Observation:
        t = seconds(at)
        given = {"text": f"please {intent}", "intent": intent, "slots": {}, "target": None, **data}
        return Observation(f"voice/mic/{t}/0", "voice", "hall_mic", "audio", "utterance", intent, p, t, t, area, given)

    return make


@pytest.fixture
def frame() -> Callable[..., list[Observation]]:
    """All observations of one picture: (label, score, zones...) each, and the scene."""

    def make(
        at: float, *objects: tuple[Any, ...], detector: str = "people", camera: str = "hall_cam"
    ) -> list[Observation]:
        t = seconds(at)
        found = [
            Observation(
                f"{detector}/{camera}/{t}/{n}", detector, camera, "vision", "object", label, score, t, t, "hall",
                {"zones": zones},
            )
            for n, (label, score, *zones) in enumerate(objects, 1)
        ]  # fmt: skip
        scene = Observation(
            f"{detector}/{camera}/{t}/0", detector, camera, "vision", "scene", "objects", 0.0, t, t, "hall"
        )
        return [scene, *found]

    return make


@pytest.fixture
def health() -> Callable[..., HealthChange]:
    """A change of health."""

    def make(part: str, state: HealthState, at: float, reason: str = "") -> HealthChange:
        return HealthChange(part, state, reason, seconds(at))

    return make
