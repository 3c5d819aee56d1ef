"""What things tell of themselves."""

from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefuse.core.types import Reading
from edgefuse.grounding.scene import ThingState
from edgefuse.sources.thing_payloads import fields_of
from edgefuse.sources.thing_states import ThingStates
from edgefuse.testing import FakeBus, make_context


@pytest.mark.parametrize(
    ("payload", "fields"),
    [
        (b'{"state": "ON", "brightness": 254}', {"on": True, "level": 100.0}),
        (b'{"state":"OFF","brightness":127,"linkquality":88}', {"on": False, "level": 50.0}),
        (b'{"POWER": "ON", "Dimmer": 40}', {"on": True, "level": 40.0}),
        (b'{"state": "OPEN", "position": 30}', {"open": True, "level": 30.0}),
        (b'{"position": 0}', {"level": 0.0, "open": False}),
        (b'{"lock_state": "not_fully_locked", "state": "UNLOCK"}', {"locked": False}),
        (b'{"occupied_heating_setpoint": 21.5, "local_temperature": 19}', {"temperature": 21.5}),
        (b'{"system_mode": "heat"}', {"mode": "heat"}),
        (b'{"contact": false}', {"open": True}),
        (b'{"state": "playing", "volume_level": 0.3}', {"on": True, "level": 30.0}),
        (b"on", {"on": True}),
        (b'"locked"', {"locked": True}),
        (b"closing", {"open": False}),
        (b"heat", {"on": True, "mode": "heat"}),
        (b"35", {"level": 35.0}),
        (b"true", {"on": True}),
    ],
)  # fmt: skip
def test_states_are_read_without_configuration(payload: bytes, fields: dict[str, Any]) -> None:
    """zigbee2mqtt, Tasmota, Home Assistant's statestream, plain words and numbers."""
    assert fields_of(payload) == fields


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"unavailable",
        b'{"battery": 3}',
        b"NaN",
        b"900",
        b'{"brightness": "x"}',
        b"9" * 400,
        b'{"position": 1%s}' % (b"0" * 400),
    ],
)
def test_what_tells_nothing_gives_nothing(payload: bytes) -> None:
    """Words that are no state, values out of range, other quantities."""
    assert not fields_of(payload)


@pytest.mark.parametrize("payload", [b"\xff\xfe", b'{"state": ', b'{"a":' * 5000, b"x" * 70_000])
def test_what_cannot_be_read_is_told_apart(payload: bytes) -> None:
    """Bytes that are no text, broken or endless JSON."""
    assert fields_of(payload) is None


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_nothing_raises(payload: bytes) -> None:
    """Whatever comes, fields are those of a state, and levels lie between 0 and 100."""
    found = fields_of(payload) or {}
    assert set(found) <= set(ThingState.__dataclass_fields__)
    assert 0 <= float(found.get("level", 0)) <= 100


def test_a_message_is_settled_when_all_its_readings_are() -> None:
    """Two fields for two things on one topic: four readings, one PUBACK; nonsense is counted and settled."""
    bus = FakeBus()
    context = make_context("things", bus=bus, kind="source")
    source = ThingStates(ThingStates.Config(states={"a": "t", "b": "t"}), context)
    told: list[Reading] = []

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(source.run, told.append)
            await anyio.lowlevel.checkpoint()
            bus.deliver("t", b'{"state":"ON","brightness":0}')
            bus.deliver("t", b"?!")
            tasks.cancel_scope.cancel()

    anyio.run(main)
    assert sorted(each.quantity for each in told) == ["a.level", "a.on", "b.level", "b.on"]
    assert (bus.settled, context.health.rejected) == (["t"], 1)
    for each in told:
        assert each.settled is not None
        each.settled()
    assert bus.settled == ["t", "t"]
