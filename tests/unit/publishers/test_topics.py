"""What is published where, against the schemas of the package."""

import json
from datetime import datetime, timezone
from typing import Any

import jsonschema
import pytest

from edgefuse.config.models import Site, Thing
from edgefuse.core.types import SECOND, Action, Decision, Observation
from edgefuse.publishers.homeassistant import discovery
from edgefuse.publishers.schemas import names, schema
from edgefuse.publishers.topics import Topics

WALL = datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=timezone.utc)
NS = 1_769_860_800_250_000_000
LIGHT = {"kind": "light", "area": "hall", "set": "z/light/set", "on": {"state": "ON"}, "level": {"level": "{value}"}}
SITE = Site.model_validate(
    {
        "device": {"id": "pi", "area": "hall"},
        "things": {
            "lamp": LIGHT,
            "siren": {"kind": "siren", "set": "z/siren/set", "level": "loud={value}", "off": None},
            "mute": {"kind": "light"},
        },
    }
)
FIRE = Decision(
    belief="hall.fire",
    area="hall",
    t=50 * SECOND,
    p=0.93,
    state=True,
    since=48 * SECOND,
    contributions={"sensor": 3.2, "audio": 1.6},
    prior=-2.2,
    without={"sensor": 0.35, "audio": 0.73},
    missing=("vision",),
    evidence=("smoke/smoke/1/0",),
    because=("smoke is on: +3.2",),
)


def action(kind: Any, name: str, **data: Any) -> Action:
    """An action of a rule."""
    return Action("id-1", "evacuate", kind, name, 50 * SECOND, data, ("because",), ("belief:hall.fire", "o/1"))


def valid(payload: bytes, name: str) -> Any:
    """The decoded payload, after checking it against its schema."""
    data = json.loads(payload)
    jsonschema.Draft202012Validator(schema(name), format_checker=jsonschema.FormatChecker()).validate(data)
    return data


@pytest.mark.parametrize("name", names())
def test_every_schema_is_a_valid_schema(name: str) -> None:
    """Each file is JSON Schema 2020-12 with its own id and title."""
    found = schema(name)
    jsonschema.Draft202012Validator.check_schema(found)
    assert found["$id"] == f"urn:edgefuse:schema:{name}:1"
    assert found["title"]


def test_a_belief_is_retained_under_its_area() -> None:
    """belief/<area>/<name> without the area twice; `since` is told in wall time; a later one has another id."""
    message = Topics(SITE).decision(FIRE, WALL)
    data = valid(message.payload, "belief")
    assert (message.topic, message.retain, message.cls) == ("edgefuse/pi/belief/hall/fire", True, "state")
    assert data["since"] == "2026-01-31T11:59:58.250+00:00"
    assert data["id"] == message.id
    assert message.id.startswith(f"edgefuse/pi/belief/hall/fire@{NS}")
    assert data["without"] == {"sensor": 0.35, "audio": 0.73}
    assert message.created == NS


def test_an_alert_has_the_names_of_cap() -> None:
    """Identifier, sender, sent without fractions, info, and what the beliefs behind it rest on."""
    message = Topics(SITE).action(
        action("alert", "fire", severity="Extreme", ack=True, expires_s=60, references=["id-0"], msgType="Update"),
        WALL,
        {"hall.fire": FIRE},
    )[0]
    data = valid(message.payload, "alert")
    assert (message.topic, message.cls, message.needs_ack) == ("edgefuse/pi/alert/fire", "alert", True)
    assert message.expires is None
    assert data["sent"] == "2026-01-31T12:00:00+00:00"
    assert data["info"]["expires"] == "2026-01-31T12:01:00+00:00"
    assert data["info"]["certainty"] == "Likely"
    assert data["references"] == ["id-0"]
    assert data["beliefs"]["hall.fire"]["contributions"] == {"sensor": 3.2, "audio": 1.6}


def test_a_command_is_an_intent_and_the_payload_of_the_thing() -> None:
    """Both expire; the thing gets its own payload on its own topic, under an id of its own."""
    said = {"intent": "turn_on", "slots": {}, "area": "hall", "p": 0.8, "text": "turn on the lamp"}
    intent, command = Topics(SITE).action(action("command", "lamp", **said), WALL)
    data = valid(intent.payload, "intent")
    assert (data["said"], data["target"], data["commanded"]) == ("turn on the lamp", "lamp", True)
    assert (command.topic, json.loads(command.payload)) == ("z/light/set", {"state": "ON"})
    assert (intent.id, command.id) == ("id-1/intent", "id-1/set")
    assert intent.expires == command.expires == NS + 10 * SECOND
    assert not command.retain


@pytest.mark.parametrize(
    ("thing", "value", "payload"),
    [("lamp", 40, b'{"level":40}'), ("siren", 40, b"loud=40"), ("lamp", None, b'{"level":null}')],
)
def test_a_level_is_filled_in(thing: str, value: Any, payload: bytes) -> None:
    """A string that is only `{value}` keeps the number a number; text gets it inside."""
    data = {"intent": "set_level", "slots": {"value": value}}
    assert Topics(SITE).action(action("command", thing, **data), WALL)[1].payload == payload


@pytest.mark.parametrize(
    ("thing", "intent", "slots", "payload"),
    [
        ("lamp", "set_level", {"level": "40"}, b'{"level":40}'),
        ("lamp", "set_level", {"level": "40", "value": 10}, b'{"level":10}'),
        ("lamp", "raise", {"amount": "little", "level": "45.5"}, b'{"level":45.5}'),
        ("lamp", "lower", {"level.lamp": "20", "level.radio": "70"}, b'{"level":20}'),
        ("radio", "raise", {}, b"LOUDER"),
        ("radio", "raise", {"level.lamp": "20"}, b"LOUDER"),
        ("lamp", "toggle", {"intent": "turn_on"}, b'{"state":"ON"}'),
    ],
)
def test_a_thing_gets_what_it_comes_to_for_it(thing: str, intent: str, slots: dict[str, Any], payload: bytes) -> None:
    """Numbers that were said are numbers; raising is setting where it is known to what; a rule's own value wins."""
    radio = Thing(kind="media", set="z/radio/set", up="LOUDER")
    topics = Topics(SITE.model_copy(update={"things": {**SITE.things, "radio": radio}}))
    told, command = topics.action(action("command", thing, intent=intent, slots=slots), WALL)

    assert command.payload == payload
    assert not [name for name in json.loads(told.payload)["slots"] if "." in name]


@pytest.mark.parametrize(
    ("thing", "data"),
    [
        ("siren", {"intent": "turn_off"}),
        ("mute", {"intent": "turn_on"}),
        ("", {"intent": "turn_on", "question": "which lamp?"}),
        ("lamp", {"intent": "make_coffee"}),
    ],
)
def test_what_cannot_be_commanded_is_only_announced(thing: str, data: dict[str, Any]) -> None:
    """No payload, no topic, an open question, or an intent of the user's own: the intent alone goes out."""
    [message] = Topics(SITE).action(action("command", thing, **data), WALL)
    assert valid(message.payload, "intent")["commanded"] is False


def test_publish_and_say() -> None:
    """A relative topic lies under the device, `/` makes it absolute; text stays text; what is not retained expires."""
    topics = Topics(SITE)
    [relative] = topics.action(action("publish", "a/b", payload="plain"), WALL)
    [absolute] = topics.action(action("publish", "/a/b", payload={"n": float("nan")}, retain=True), WALL)
    [say] = topics.action(action("say", "kitchen", text="Fire!"), WALL)
    assert (relative.topic, relative.payload, relative.cls) == ("edgefuse/pi/a/b", b"plain", "intent")
    assert (absolute.topic, absolute.payload, absolute.retain) == ("a/b", b'{"n":null}', True)
    assert absolute.expires is None
    assert relative.expires == NS + 10 * SECOND
    assert valid(say.payload, "say")["area"] == "kitchen"


def test_an_observation_carries_labels_and_numbers_only() -> None:
    """Its embedding stays at home; start and end are wall times; it is sent once."""
    seen = Observation(
        "o/1", "people", "cam", "vision", "object", "person", 0.9, 9 * SECOND, 10 * SECOND, "hall", {"box": [0.1]}
    )
    message = Topics(SITE).observation(seen, WALL)
    data = valid(message.payload, "observation")
    assert (message.topic, message.qos) == ("edgefuse/pi/observation/people", 0)
    assert data["start"] == "2026-01-31T11:59:59.250+00:00"
    assert "embedding" not in data


def test_health_answer_and_discovery() -> None:
    """The remaining payloads keep to their schemas; a device's discovery names every belief's topic."""
    topics = Topics(SITE)
    part = {"kind": "source", "state": "ok", "reason": ""}
    assert valid(topics.health({"cam": part}, WALL, {"rss_mb": 1}).payload, "health")["parts"]["cam"] == part
    assert valid(topics.answer("set/arm", "bad", WALL), "answer")["ok"] is False
    site = SITE.model_copy(update={"beliefs": {"hall.fire": SITE.things["lamp"].model_copy(update={"area": None})}})
    message = discovery(site, WALL)
    data = valid(message.payload, "discovery")
    assert message.topic == "homeassistant/device/pi/config"
    assert message.retain
    assert data["components"]["belief_hall_fire"]["state_topic"] == "edgefuse/pi/belief/hall/fire"
    assert data["availability_topic"] == "edgefuse/pi/status"


def test_a_name_becomes_one_level_of_a_topic() -> None:
    """Areas may hold spaces, slashes and wildcards; topics may not."""
    assert Topics(SITE).belief_topic("x", "living room/+#") == "edgefuse/pi/belief/living_room___/x"
