from typing import Any

import anyio
import pytest
from pydantic import ValidationError

from edgefuse.core.ports import Context
from edgefuse.core.types import Reading, Sample
from edgefuse.sources.mqtt_readings import Countdown, MqttReadings, availability_topic

pytestmark = pytest.mark.anyio


async def _start(context: Context, samples: list[Sample], **config: object) -> None:
    """Run until it has subscribed."""
    source = MqttReadings(MqttReadings.Config.model_validate({"type": "mqtt", "area": "hall", **config}), context)
    with anyio.move_on_after(0.05):
        await source.run(samples.append)


async def test_a_message_becomes_readings(context: Context, bus: Any, samples: list[Sample]) -> None:
    """Every value of a message is a Reading with area, time, unit and whether the broker had kept it."""
    await _start(context, samples, topic="zigbee2mqtt/hall")
    bus.deliver("zigbee2mqtt/hall", b'{"temperature": 20.5, "occupancy": true}', retained=True, t=99)

    assert samples == [
        Reading("part", "hall", 99, "temperature", 20.5, "degC", retained=True),
        Reading("part", "hall", 99, "motion", value=True, retained=True),
    ]
    assert context.health.state == "ok"


async def test_a_message_is_settled_once_when_all_its_readings_are(
    context: Context, bus: Any, samples: list[Sample]
) -> None:
    """PUBACK waits for the last reading and is sent once."""
    await _start(context, samples, topic="z/h")
    bus.deliver("z/h", b'{"temperature": 20.5, "humidity": 30}')
    first, second = (sample.settled for sample in samples if isinstance(sample, Reading))
    assert first
    assert second
    first()
    first()
    before = list(bus.settled)
    second()
    second()

    assert before == []
    assert bus.settled == ["z/h"]


@pytest.mark.parametrize("payload", [b"\xff", b"{", b'{"x": 1}', b"z" * 1_000_000, b'{"temperature": NaN}'])
async def test_nonsense_is_counted_and_settled_at_once(
    context: Context, bus: Any, samples: list[Sample], payload: bytes
) -> None:
    """A bad payload reaches nobody, and the broker may forget it."""
    await _start(context, samples, topic="z/h")
    bus.deliver("z/h", payload)

    assert samples == []
    assert context.health.rejected == 1
    assert bus.settled == ["z/h"]


@pytest.mark.parametrize(
    ("topic", "where", "words"),
    [
        ("zigbee2mqtt/hall", "zigbee2mqtt/hall/availability", (b'{"state":"offline"}', b"online")),
        ("tele/hall/SENSOR", "tele/hall/LWT", (b"Offline", b"Online")),
        ("esp/sensor/t/state", "esp/status", (b"offline", b"online")),
    ],
)
async def test_availability_sets_health(
    context: Context, bus: Any, samples: list[Sample], topic: str, where: str, words: tuple[bytes, bytes]
) -> None:
    """A device that says it is offline has failed until it says that it is back."""
    await _start(context, samples, topic=topic)
    bus.deliver(where, words[0])
    gone = (context.health.state, context.health.reason)
    bus.deliver(where, words[1])

    assert gone == ("failed", f"offline, says {where}")
    assert context.health.state == "ok"
    assert bus.settled == [where, where]
    assert samples == []


async def test_an_explicit_availability_topic_wins(context: Context, bus: Any, samples: list[Sample]) -> None:
    """`availability` names the topic; what is neither word is counted."""
    await _start(context, samples, topic="z/h", availability="z/alive")
    bus.deliver("z/alive", b"offline")
    bus.deliver("z/alive", b"perhaps")

    assert context.health.state == "failed"
    assert context.health.rejected == 1


async def test_a_retained_value_does_not_revive_an_offline_device(
    context: Context, bus: Any, samples: list[Sample]
) -> None:
    """Only a fresh message shows that a device is there."""
    await _start(context, samples, topic="zigbee2mqtt/hall")
    bus.deliver("zigbee2mqtt/hall/availability", b"offline", retained=True)
    bus.deliver("zigbee2mqtt/hall", b'{"temperature": 20}', retained=True)
    kept = context.health.state
    bus.deliver("zigbee2mqtt/hall", b'{"temperature": 21}')

    assert kept == "failed"
    assert context.health.state == "ok"


async def test_a_wildcard_ignores_availability_messages(context: Context, bus: Any, samples: list[Sample]) -> None:
    """`#` also catches availability, which is no reading and no mistake."""
    await _start(context, samples, topic="zigbee2mqtt/#")
    bus.deliver("zigbee2mqtt/hall/availability", b"online")

    assert (samples, context.health.rejected, bus.settled) == ([], 0, ["zigbee2mqtt/hall/availability"])


async def test_a_restart_does_not_subscribe_again(context: Context, bus: Any, samples: list[Sample]) -> None:
    """The bus keeps subscriptions, so a second run adds none."""
    source = MqttReadings(MqttReadings.Config(type="mqtt", topic="z/h"), context)
    for _ in range(2):
        with anyio.move_on_after(0.05):
            await source.run(samples.append)

    assert [topic for topic, _ in bus.handlers] == ["z/h"]


@pytest.mark.parametrize(
    "config",
    [
        {"topic": ""},
        {"topic": "a/#/b"},
        {"topic": "a+/b"},
        {"topic": "a", "availability": "x#"},
        {"topic": "a", "values": {"t": "no/slash"}},
        {"topic": "a", "values": {"t": {"at": "/~9"}}},
        {"topic": "a", "values": {"t": {"at": "", "scale": float("inf")}}},
    ],
)
async def test_bad_settings_are_refused(config: dict[str, object]) -> None:
    """Topic filters and pointers are checked before start."""
    with pytest.raises(ValidationError):
        MqttReadings.Config.model_validate({"type": "mqtt", **config})


async def test_countdown_counts_each_callback_once() -> None:
    """Two calls of one callback are one."""
    done: list[int] = []
    countdown = Countdown(2, lambda: done.append(1))
    first, second = countdown.one(), countdown.one()
    first()
    first()
    early = list(done)
    second()

    assert (early, done) == ([], [1])


async def test_unknown_makes_have_no_availability_topic() -> None:
    """Nothing is guessed for other topics, nor for wildcards."""
    assert availability_topic("house/temperature") is None
    assert availability_topic("zigbee2mqtt/+") is None
