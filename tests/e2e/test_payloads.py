"""Every payload as it is really published, against the schema of the package."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias, cast

import anyio
import jsonschema
import pytest

from edgefuse.config.models import Mqtt, Site
from edgefuse.core.health import Health, PartHealth
from edgefuse.core.ports import Context
from edgefuse.core.types import Action, Decision, Message, Observation
from edgefuse.mqtt import Connection
from edgefuse.pipeline.clock import SystemClock
from edgefuse.pipeline.delivery import Delivery
from edgefuse.pipeline.outbox import Outbox
from edgefuse.publishers.homeassistant import discovery
from edgefuse.publishers.mqtt import MqttPublisher
from edgefuse.publishers.schemas import schema
from edgefuse.publishers.topics import Topics

pytestmark = pytest.mark.e2e
Broker: TypeAlias = Any
CLOCK = SystemClock()
SITE = Site.model_validate(
    {
        "device": {"id": "pi", "area": "hall"},
        "things": {"lamp": {"kind": "light", "area": "hall", "set": "z/lamp/set", "on": {"state": "ON"}}},
    }
)
SCHEMAS = {
    "edgefuse/pi/belief/hall/fire": "belief",
    "edgefuse/pi/intent": "intent",
    "edgefuse/pi/alert/fire": "alert",
    "edgefuse/pi/observation/people": "observation",
    "edgefuse/pi/health": "health",
    "edgefuse/pi/say": "say",
    "homeassistant/device/pi/config": "discovery",
}


def everything(wall: datetime) -> Iterable[Message]:
    """One message of every kind."""
    topics = Topics(SITE)
    fire = Decision("hall.fire", "hall", 2, 0.9, True, 1, {"sensor": 2.0}, -1.0, {"sensor": 0.2}, ("audio",), ("o/1",))  # noqa: FBT003
    person = Observation("o/1", "people", "cam", "vision", "object", "person", 0.9, 1, 2, "hall", {"box": [0, 0, 1, 1]})
    health = Health()
    health.part("cam", "source").set("ok")
    yield topics.decision(fire, wall)
    yield topics.observation(person, wall)
    yield topics.utterance(person, wall)
    yield topics.health(health.snapshot(0), wall)
    yield discovery(SITE, wall)
    for kind, name, data in (
        ("command", "lamp", {"intent": "turn_on"}),
        ("alert", "fire", {"severity": "Severe", "expires_s": 60}),
        ("say", "hall", {"text": "Fire"}),
    ):
        action = Action(f"id-{kind}", "r", cast("Any", kind), name, 2, data, ("why",), ("belief:hall.fire",))
        yield from topics.action(action, wall, {"hall.fire": fire})


def check(message: Message, got: Any) -> None:
    """What arrived is what was sent, with what MQTT 5 can say about it, and keeps to its schema."""
    assert (got.topic, got.payload) == (message.topic, message.payload)
    expiry = getattr(got.properties, "MessageExpiryInterval", None)
    assert (expiry is None) == (message.expires is None)
    assert expiry is None or 0 < expiry <= 10
    if message.topic in SCHEMAS:
        assert got.properties.ContentType == "application/json"
        checker = jsonschema.FormatChecker()
        validator = jsonschema.Draft202012Validator(schema(SCHEMAS[message.topic]), format_checker=checker)
        validator.validate(json.loads(got.payload))


async def publish(messages: list[Message], url: str, folder: Path) -> None:
    """Through outbox, delivery and connection, as the daemon does it."""
    one = Connection(Mqtt(url=url), "pi", CLOCK, PartHealth("broker", "broker"))
    outbox = Outbox(folder / "outbox.db", CLOCK, PartHealth("outbox", "outbox"))
    await outbox.open()
    context = Context("mqtt", CLOCK, PartHealth("mqtt", "publisher"), one, cast("Any", None), SITE)
    delivery = Delivery(outbox, [MqttPublisher(MqttPublisher.Config(), context)], CLOCK, context.health, one)
    one.on_connect.append(delivery.reconnected)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.run)
        tasks.start_soon(delivery.run)
        await outbox.commit(messages)
        with anyio.fail_after(30):
            await delivery.flush()
        await one.close()
        tasks.cancel_scope.cancel()
    await outbox.close()


def test_what_is_published_keeps_to_its_schema(broker: Broker, tmp_path: Path, wait_for: Callable[..., None]) -> None:
    """Topic, payload, retained flag, content type, expiry and id arrive at an independent subscriber as promised."""
    listener = broker.listener("#")
    sent = list(everything(CLOCK.wall(CLOCK.now())))

    anyio.run(publish, sent, broker.url, tmp_path)
    wait_for(lambda: listener.on("edgefuse/pi/status")[-1:] and len(listener.messages) >= len(sent) + 2, "everything")
    by_id = {_id(each): each for each in list(listener.messages)}
    for message in sent:
        check(message, by_id[message.id])
    assert {message.topic for message in sent} == {*SCHEMAS, "z/lamp/set"}
    assert [each.payload.decode() for each in listener.on("edgefuse/pi/status")][:2] == ["online", "offline"]
    late = broker.listener("#", "late")
    retained = {message.topic for message in sent if message.retain} | {"edgefuse/pi/status"}
    wait_for(lambda: {each.topic for each in late.messages} == retained, "retained values")


def _id(message: Any) -> str:
    return dict(getattr(message.properties, "UserProperty", [])).get("id", message.topic)
