"""What others may tell the device."""

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefuse.publishers.controls import TOPICS, Ack, ApplyModels, Arm, Mute, Rejected, Reload, parse
from edgefuse.publishers.schemas import schema


@pytest.mark.parametrize(
    ("topic", "payload", "control"),
    [
        ("set/arm", b"ON", Arm(armed=True)),
        ("set/arm", b"false", Arm(armed=False)),
        ("set/arm", b'{"armed": true}', Arm(armed=True)),
        ("set/mute", b'{"rule": "evacuate", "for_s": 60}', Mute("evacuate", 60.0)),
        ("set/mute", b'{"for_s": 0}', Mute(None, 0.0)),
        ("set/reload", b"", Reload()),
        ("models/apply", b"now", ApplyModels()),
        ("ack", b'{"id": "a-1"}', Ack("a-1")),
        ("ack", b"a-1", Ack("a-1")),
    ],
)
def test_controls_are_understood(topic: str, payload: bytes, control: object) -> None:
    """The forms of CONTRACT and the words that people type."""
    assert parse(topic, payload) == control


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("set/arm", b"maybe", "bad arm"),
        ("set/arm", b'{"armed": 1}', "bad arm"),
        ("set/mute", b"60", "bad mute"),
        ("set/mute", b'{"for_s": -1}', "bad mute"),
        ("set/mute", b'{"for_s": NaN}', "bad mute"),
        ("set/mute", b'{"for_s": true}', "bad mute"),
        ("set/mute", b'{"for_s": 1, "rul": "x"}', "bad mute"),
        ("ack", b"{}", "bad ack"),
        ("ack", b"", "bad ack"),
        ("ack", rb'{"id": "\ud800"}', "bad ack"),
        ("ack", b"\xff", "not UTF-8"),
        ("ack", b"x" * 5000, "too long"),
        ("set/fire", b"", "unknown topic"),
    ],
)
def test_nonsense_is_rejected_with_a_reason(topic: str, payload: bytes, reason: str) -> None:
    """The reason is short, so that it can be counted; the problem says what was expected."""
    rejected = parse(topic, payload)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == reason
    assert "expected" in rejected.problem


@given(topic=st.sampled_from([*TOPICS, "x"]), payload=st.binary(max_size=200))
def test_no_payload_raises(topic: str, payload: bytes) -> None:
    """Whatever comes is a control or a rejection."""
    assert parse(topic, payload) is not None


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.dictionaries(st.sampled_from(["id", "rule", "for_s", "armed"]), inner),
    )
)
def test_what_the_schema_accepts_is_accepted(value: object) -> None:
    """A payload that keeps to the schema of mute or ack is never rejected."""
    for topic, name in (("set/mute", "mute"), ("ack", "ack"), ("set/arm", "arm")):
        if jsonschema.Draft202012Validator(schema(name)).is_valid(value):
            assert not isinstance(parse(topic, json.dumps(value).encode()), Rejected)
