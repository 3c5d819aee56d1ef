"""Publishers by themselves."""

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

import anyio
import pytest

from edgefuse.core.errors import ConfigError, PublishError
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Context
from edgefuse.core.types import SECOND, Message
from edgefuse.mqtt import Extras
from edgefuse.pipeline.clock import ReplayClock
from edgefuse.publishers.jsonl import JsonlPublisher
from edgefuse.publishers.mqtt import MqttPublisher

MESSAGE = Message("id-1", "alert", "a/b", '{"n": 1, "ä": "ü"}'.encode(), 5, retain=True)


class Sender:
    """A bus that notes what it is asked to send."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, int, bool, Extras]] = []

    def subscribe(self, topic_filter: str, handler: object) -> None:
        """Nothing comes."""

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, extras: Extras, heard: bool = False
    ) -> None:
        """Note it."""
        del heard
        self.sent.append((topic, payload, qos, retain, extras))


def context(bus: object = None) -> Context:
    """What a publisher is given."""
    clock = ReplayClock(datetime(1970, 1, 1, tzinfo=timezone.utc))
    return Context("out", clock, PartHealth("out", "publisher"), cast("Any", bus), cast("Any", None), None)


def test_mqtt_carries_id_expiry_and_content_type() -> None:
    """What is left of a message's life is told in whole seconds, at least one."""
    sender = Sender()
    publisher = MqttPublisher(MqttPublisher.Config(), context(sender))
    for message in (
        MESSAGE,
        Message("id-2", "intent", "c", b"ON", 0, expires=1_500_000_000),
        Message("id-3", "intent", "c", b"ON", 0, expires=-5 * SECOND),
    ):
        anyio.run(publisher.publish, message)
    assert sender.sent[0] == ("a/b", MESSAGE.payload, 1, True, Extras("id-1", None, "application/json"))
    assert [each[4] for each in sender.sent[1:]] == [Extras("id-2", 2, "text/plain"), Extras("id-3", 1, "text/plain")]


def test_mqtt_needs_a_bus_that_sends() -> None:
    """A bus that only listens is named in the error."""
    with pytest.raises(ConfigError, match=r"publishers\.out: the bus cannot publish"):
        MqttPublisher(MqttPublisher.Config(), context(object()))


def test_jsonl_writes_a_line_per_message(tmp_path: Path) -> None:
    """The payload as JSON where it is, as text where not; twice the same messages give the same bytes."""
    messages = [MESSAGE, Message("id-2", "intent", "c", b"ON", 0)]
    files = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for path in files:
        publisher = JsonlPublisher(JsonlPublisher.Config(path=path), context())
        for message in messages:
            anyio.run(publisher.publish, message)
        anyio.run(publisher.close)
    lines = [json.loads(line) for line in files[0].read_text("utf-8").splitlines()]
    assert lines[0] == {"id": "id-1", "class": "alert", "topic": "a/b", "retain": True, "payload": {"n": 1, "ä": "ü"}}
    assert lines[1]["payload"] == "ON"
    assert files[0].read_bytes() == files[1].read_bytes()


def test_jsonl_on_a_full_disk_is_a_publish_error() -> None:
    """A device without room gives a PublishError, so that the message stays in the outbox."""
    publisher = JsonlPublisher(JsonlPublisher.Config(path=Path("/dev/full")), context())
    with pytest.raises(PublishError, match="/dev/full"):
        anyio.run(publisher.publish, MESSAGE)
    anyio.run(publisher.close)


def test_jsonl_that_cannot_be_opened_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    """A folder that is not there is told at the start."""
    with pytest.raises(ConfigError, match="cannot write"):
        JsonlPublisher(JsonlPublisher.Config(path=tmp_path / "no" / "file"), context())
