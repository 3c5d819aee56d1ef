"""What is published where: actions, decisions, observations and health as messages. Pure; wall times come in."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Literal

from edgefuse.config.models import THING_INTENTS, Site, Thing
from edgefuse.core.types import Action, Decision, Json, Message, MessageClass, Nanoseconds, Observation
from edgefuse.publishers.alerts import alert_payload, iso

SCHEMA = 1
"""Of every payload; a change that breaks readers raises it."""
OBSERVATION_EXPIRES = timedelta(seconds=10)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_STEPS = {"raise": "up", "lower": "down"}
_RESOLVED = frozenset({"toggle", *_STEPS})
"""Intents that may come to another one, by how a thing stands."""
_NOT_IN_TOPIC = re.compile(r"[/+#\s\x00]")


class Topics:
    """Messages of one site, under `<base>/<device id>/`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.base = f"{site.mqtt.base}/{site.device.id}"

    def action(self, action: Action, wall: datetime, beliefs: Mapping[str, Decision] | None = None) -> list[Message]:
        """What an action of a rule publishes; `wall` is the time of `action.t`, `beliefs` the latest decisions."""
        match action.kind:
            case "command":
                return self._command(action, wall)
            case "alert":
                return [self._alert(action, wall, beliefs or {})]
            case "publish":
                return [self._publish(action, wall)]
            case "say":
                return [self._say(action, wall)]

    def decision(self, decision: Decision, wall: datetime) -> Message:
        """A belief, retained; `wall` is the time of `decision.t`."""
        payload = {
            "belief": decision.belief,
            "area": decision.area,
            "time": iso(wall),
            "p": _p(decision.p),
            "state": decision.state,
            "since": iso(_earlier(wall, decision.t - decision.since)),
            "contributions": {name: round(value, 4) for name, value in decision.contributions.items()},
            "prior": round(decision.prior, 4),
            "without": {name: _p(value) for name, value in decision.without.items()},
            "missing": list(decision.missing),
            "expected": self._expected(decision),
            "suspect": list(decision.suspect),
            "answers": decision.answers,
            "because": list(decision.because),
            "evidence": list(decision.evidence),
        }
        return self._state(self.belief_topic(decision.belief, decision.area), payload, wall, f"-{_p(decision.p):g}")

    def _expected(self, decision: Decision) -> Json:
        """What the model's card promises at the belief's threshold, with what is missing now missing."""
        config = self._site.beliefs.get(decision.belief)
        threshold = 0.5 if config is None else config.threshold
        found = decision.expected(threshold)
        if found is None:
            return None
        return {"precision": round(found[0], 3), "recall": round(found[1], 3), "threshold": threshold}

    def observation(self, observation: Observation, wall: datetime) -> Message:
        """Labels and numbers of one observation; `wall` is the time of its end. Sent once (QoS 0)."""
        payload = {
            "id": observation.id,
            "detector": observation.detector,
            "source": observation.source,
            "modality": observation.modality,
            "kind": observation.kind,
            "label": observation.label,
            "score": round(observation.score, 4),
            "area": observation.area,
            "start": iso(_earlier(wall, observation.end - observation.start)),
            "end": iso(wall),
            "data": dict(observation.data),
        }
        topic = f"{self.base}/observation/{observation.detector}"
        expires = wall + OBSERVATION_EXPIRES
        return _message(observation.id, "intent", topic, payload, wall, expires=expires, qos=0)

    def utterance(self, heard: Observation, wall: datetime) -> Message:
        """What was said and nobody acted upon: understood or not, asked back or not; `wall` is the time of its end."""
        data = heard.data
        expires = wall + timedelta(seconds=self._site.limits.intent_expires_s)
        payload = {
            "intent": data.get("intent") or heard.label,
            "slots": dict(data.get("slots") or {}),
            "target": data.get("target"),
            "area": data.get("area", heard.area),
            "p": _p(heard.score),
            "said": data.get("text"),
            "because": list(data.get("because") or ()),
            "evidence": [heard.id],
            "question": data.get("question"),
            **_understanding(data),
            "rule": None,
            "commanded": False,
            "time": iso(wall),
            "expires": iso(expires),
        }
        name = f"{heard.id}@{_ns(wall)}"
        return _message(name, "intent", f"{self.base}/intent", payload, wall, expires=expires)

    def health(self, parts: Mapping[str, Json], wall: datetime, extra: Mapping[str, Json] | None = None) -> Message:
        """The health of all parts, retained; `extra` holds memory, versions and the like."""
        payload = {"device": self._site.device.id, "time": iso(wall), "parts": dict(parts), **(extra or {})}
        return self._state(f"{self.base}/health", payload, wall)

    def answer(self, request: str, problem: str, wall: datetime) -> bytes:
        """The payload that answers a control message; an empty `problem` means done."""
        return _json({"schema": SCHEMA, "time": iso(wall), "request": request, "ok": not problem, "problem": problem})

    def belief_topic(self, belief: str, area: str | None) -> str:
        """`belief/<area>/<name>`; the area that begins a belief's name is not said twice."""
        area = area or self._site.device.area or "home"
        return f"{self.base}/belief/{level(area)}/{level(belief.removeprefix(f'{area}.'))}"

    def _command(self, action: Action, wall: datetime) -> list[Message]:
        """The intent as such, and the payload of the thing where it is one that can be commanded."""
        data = action.data
        expires = wall + timedelta(seconds=self._site.limits.intent_expires_s)
        thing = self._site.things.get(action.name)
        intent, slots = _for_thing(action.name, str(data.get("intent", "")), data.get("slots") or {})
        commanded = None if data.get("question") else _thing_payload(thing, intent, slots)
        payload = {
            "intent": intent,
            "slots": slots,
            "target": action.name or None,
            "area": data.get("area") or (thing.area if thing else None),
            "p": None if data.get("p") is None else _p(data["p"]),
            "said": data.get("said", data.get("text")),
            "because": list(action.because),
            "evidence": list(action.evidence),
            "question": data.get("question"),
            **_understanding(data),
            "rule": action.rule,
            "commanded": commanded is not None,
            "time": iso(wall),
            "expires": iso(expires),
        }
        messages = [_message(f"{action.id}/intent", "intent", f"{self.base}/intent", payload, wall, expires=expires)]
        if commanded is not None:
            assert thing is not None
            assert thing.set is not None
            messages.append(_raw(f"{action.id}/set", thing.set, commanded, wall, expires=expires))
        return messages

    def _alert(self, action: Action, wall: datetime, beliefs: Mapping[str, Decision]) -> Message:
        payload = alert_payload(action, wall, beliefs, sender=self.base, area=self._site.device.area)
        topic = f"{self.base}/alert/{level(action.name)}"
        return _message(action.id, "alert", topic, payload, wall, needs_ack=bool(action.data.get("ack")))

    def _publish(self, action: Action, wall: datetime) -> Message:
        """A topic that begins with `/` is absolute, without that slash; any other lies under the device's base."""
        name, retain = action.name, bool(action.data.get("retain"))
        topic = name[1:] if name.startswith("/") else f"{self.base}/{name}"
        expires = None if retain else wall + timedelta(seconds=self._site.limits.intent_expires_s)
        return _raw(action.id, topic, _encode(action.data.get("payload", "")), wall, expires=expires, retain=retain)

    def _say(self, action: Action, wall: datetime) -> Message:
        expires = wall + timedelta(seconds=self._site.limits.intent_expires_s)
        payload = {
            "text": str(action.data.get("text", "")),
            "language": action.data.get("language") or self._site.device.language,
            "area": action.name or action.data.get("area") or self._site.device.area,
            "rule": action.rule,
            "because": list(action.because),
            "time": iso(wall),
            "expires": iso(expires),
        }
        return _message(action.id, "intent", f"{self.base}/say", payload, wall, expires=expires)

    def _state(self, topic: str, payload: Mapping[str, Json], wall: datetime, version: str = "") -> Message:
        """`version` tells two states of one moment apart: a row with an id that is there is not stored again."""
        return _message(f"{topic}@{_ns(wall)}{version}", "state", topic, payload, wall, retain=True)


def level(name: str) -> str:
    """A name as one level of a topic."""
    return _NOT_IN_TOPIC.sub("_", name) or "_"


def _understanding(data: Mapping[str, Json]) -> dict[str, Json]:
    """What a question is between, why nothing is done, and every way in which the words were understood."""
    ways = [
        {"score": each["score"], "orders": [{"intent": one["intent"], "text": one["text"]} for one in each["orders"]]}
        for each in data.get("interpretations") or ()
    ]
    return {"candidates": list(data.get("candidates") or ()), "refused": data.get("refused"), "understood": ways}


def _for_thing(key: str, intent: str, slots: Mapping[str, Json]) -> tuple[str, dict[str, Json]]:
    """Intent and slots of one thing of several: `level.desk_lamp` is the level of that lamp alone.

    A slot `intent` says what a built-in intent comes to here: `turn_off` of a lit lamp that is toggled.
    """
    common = {name: value for name, value in slots.items() if not name.startswith(("level.", "temperature."))}
    own = {name: slots[f"{name}.{key}"] for name in ("level", "temperature") if f"{name}.{key}" in slots}
    found = {**common, **own}
    if intent in _RESOLVED and "intent" in found:
        intent = str(found.pop("intent"))
    return intent, found


def _thing_payload(thing: Thing | None, intent: str, slots: Mapping[str, Json]) -> bytes | None:
    if thing is None or thing.set is None:
        return None
    name = _payload_name(thing, intent, slots)
    template = None if name is None else getattr(thing, name)
    return None if template is None else _encode(_filled(template, _value(str(name), slots)))


def _payload_name(thing: Thing, intent: str, slots: Mapping[str, Json]) -> str | None:
    """Key of the payload; raising is setting where it is known to what, else a step."""
    if intent in _STEPS:
        settable = (name for name in ("temperature", "level") if name in slots and getattr(thing, name) is not None)
        return next(settable, _STEPS[intent])
    return THING_INTENTS.get(intent)


def _value(name: str, slots: Mapping[str, Json]) -> Json:
    """What stands for `{value}`; what was said in words of digits is a number."""
    value = slots.get("value", slots.get(name))
    if name not in {"level", "temperature"} or not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() else number


def _filled(template: Json, value: Json) -> Json:
    """Put the value where `{value}` stands; a string that is nothing else keeps the value's type."""
    if template == "{value}":
        return value
    if isinstance(template, str):
        return template.replace("{value}", str(value))
    if isinstance(template, Mapping):
        return {key: _filled(item, value) for key, item in template.items()}
    if isinstance(template, Sequence):
        return [_filled(item, value) for item in template]
    return template


def _encode(payload: Json) -> bytes:
    """Text as it is, anything else as JSON."""
    return payload.encode() if isinstance(payload, str) else _json(payload)


def _json(payload: Json) -> bytes:
    return json.dumps(_finite(payload), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _finite(value: Json) -> Json:
    """JSON knows neither NaN nor infinity, nor numpy's numbers."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if not isinstance(value, bool | int | float | str | None):
        return _finite(value.item()) if hasattr(value, "item") else str(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _message(  # noqa: PLR0913 - mirrors Message
    name: str,
    cls: MessageClass,
    topic: str,
    payload: Mapping[str, Json],
    wall: datetime,
    *,
    expires: datetime | None = None,
    retain: bool = False,
    qos: Literal[0, 1] = 1,
    needs_ack: bool = False,
) -> Message:
    body = _json({"schema": SCHEMA, "id": name, **payload})
    ends = None if expires is None else _ns(expires)
    return Message(name, cls, topic, body, _ns(wall), ends, retain, qos, needs_ack)


def _raw(
    name: str, topic: str, payload: bytes, wall: datetime, *, expires: datetime | None, retain: bool = False
) -> Message:
    """A message whose payload is not ours to shape."""
    ends = None if expires is None else _ns(expires)
    return Message(name, "state" if retain else "intent", topic, payload, _ns(wall), ends, retain)


def _p(value: float) -> float:
    return round(min(1.0, max(0.0, float(value))), 6)


def _earlier(wall: datetime, by: Nanoseconds) -> datetime:
    return wall - timedelta(microseconds=by // 1000)


def _ns(moment: datetime) -> Nanoseconds:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
