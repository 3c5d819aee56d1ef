"""The MQTT source against a real mosquitto."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from edgefuse.config.models import Device, Mqtt, Site
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Context
from edgefuse.core.types import Reading, Sample
from edgefuse.mqtt import Connection
from edgefuse.pipeline.clock import SystemClock
from edgefuse.sources.mqtt_readings import MqttReadings

pytestmark = [pytest.mark.e2e, pytest.mark.anyio]
CLOCK = SystemClock()


@asynccontextmanager
async def _running(broker: Any, emit: Callable[[Sample], None], **config: object) -> AsyncIterator[PartHealth]:
    """A connection with one MQTT source on it, subscribed when it yields."""
    bus = Connection(Mqtt(url=broker.url), "hall", CLOCK, PartHealth("broker", "broker"))
    health = PartHealth("climate", "source")
    nothing: Any = None
    context = Context("climate", CLOCK, health, bus, nothing, Site(device=Device(id="hall")))
    source = MqttReadings(MqttReadings.Config.model_validate({"type": "mqtt", "area": "hall", **config}), context)
    connected = anyio.Event()
    bus.on_connect.append(lambda _: connected.set())
    async with anyio.create_task_group() as connection:
        connection.start_soon(bus.run)
        async with anyio.create_task_group() as reading:
            reading.start_soon(source.run, emit)
            await connected.wait()
            await _until(lambda: "Sending SUBACK to edgefuse-hall" in broker.log.read_text("utf-8", "replace"))
            yield health
            reading.cancel_scope.cancel()
        await bus.close()


async def _until(condition: Callable[[], object]) -> None:
    with anyio.fail_after(30):
        while not condition():
            await anyio.sleep(0.01)


async def test_sensors_are_read_from_a_real_broker(broker: Any) -> None:
    """Retained and fresh messages become Readings; nonsense is counted; offline and online are told by health."""
    listener = broker.listener("none")
    listener.publish("zigbee2mqtt/hall", b'{"temperature": 20, "humidity": 40}', retain=True)
    samples: list[Sample] = []
    async with _running(broker, samples.append, topic="zigbee2mqtt/hall") as health:
        await _until(lambda: len(samples) == 2)
        listener.publish("zigbee2mqtt/hall", b"\xff\xfe")
        listener.publish("zigbee2mqtt/hall", b"x" * 1_000_000)
        listener.publish("zigbee2mqtt/hall", b'{"temperature": NaN}')
        listener.publish("zigbee2mqtt/hall", b'{"temperature": 21.5}')
        await _until(lambda: len(samples) == 3)
        listener.publish("zigbee2mqtt/hall/availability", b'{"state": "offline"}')
        await _until(lambda: health.state == "failed")
        listener.publish("zigbee2mqtt/hall/availability", b'{"state": "online"}')
        await _until(lambda: health.state == "ok")

    readings = [sample for sample in samples if isinstance(sample, Reading)]
    assert [(each.quantity, each.value, each.retained) for each in readings] == [
        ("temperature", 20.0, True),
        ("humidity", 40.0, True),
        ("temperature", 21.5, False),
    ]
    assert health.snapshot(CLOCK.now())["rejected_why"] == {"not UTF-8": 1, "too long": 1, "not a finite number": 1}


async def test_what_was_not_settled_comes_again(broker: Any) -> None:
    """A message whose readings are not all settled is still the broker's: the next connection gets it again."""
    listener = broker.listener("none")
    seen: list[list[Reading]] = []
    for settle in (0, 1, 2):
        samples: list[Reading] = []
        async with _running(broker, samples.append, topic="z/h"):  # type: ignore[arg-type]
            if not seen:
                listener.publish("z/h", b'{"temperature": 20, "humidity": 40}')
            await _until(lambda samples=samples: len(samples) == 2)  # type: ignore[misc]
            for reading in samples[:settle]:
                assert reading.settled
                reading.settled()
        seen.append(samples)
    samples = []
    async with _running(broker, samples.append, topic="z/h"):  # type: ignore[arg-type]
        listener.publish("z/h", b'{"temperature": 30}')
        await _until(lambda: samples)

    assert [[reading.value for reading in batch] for batch in seen] == [[20.0, 40.0]] * 3
    assert [reading.value for reading in samples] == [30.0]
