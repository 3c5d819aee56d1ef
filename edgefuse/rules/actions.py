"""From a rule that fires to its actions."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from edgefuse.config.models import Site
from edgefuse.config.rules import Alert, Command, Condition, Publish, Rule, Said, Say
from edgefuse.core.types import Action, ActionKind, Json, Nanoseconds, Observation
from edgefuse.rules.conditions import children
from edgefuse.rules.reasons import Reason, merged, offers, percent, shown

_NAMESPACE = UUID("5f1c7c52-0a86-4c0b-9c53-0d7b5a1d8f6e")
_PLACEHOLDER = re.compile(r"\{([a-z_]+(?:\.[a-z_0-9]+)?)\}")
_SEVERITY = ("Unknown", "Minor", "Moderate", "Severe", "Extreme")
_CERTAINTY = ("Unknown", "Unlikely", "Possible", "Likely", "Observed")
LIKELY, OBSERVED = 0.5, 0.9
"""Above these probabilities an event is Likely, or as good as Observed."""
TARGET = "{target}"
_UNDERSTANDING = ("candidates", "refused", "interpretations")
"""Of an utterance: passed on with the command that follows from it."""


@dataclass(frozen=True, slots=True)
class Firing:
    """One firing of a rule."""

    site: Site
    rule: Rule
    reasons: Sequence[Reason]
    t: Nanoseconds
    stamp: int
    """Wall clock in ms."""
    time: str
    """Local time of day."""
    earlier: Mapping[str, str]
    """Alert -> id of the message that this one updates; empty for a new event."""

    @property
    def p(self) -> float | None:
        """Of the least certain belief behind it."""
        return min((reason.p for reason in self.reasons if reason.p is not None), default=None)

    @property
    def utterance(self) -> Observation | None:
        """What was said."""
        return next((reason.utterance for reason in self.reasons if reason.utterance), None)

    @property
    def fields(self) -> dict[str, Json]:
        """For placeholders."""
        site = self.site.device
        own = {"rule": self.rule.name, "device": site.id, "time": self.time, "area": site.area}
        return {**{name: value for name, value in own.items() if value is not None}, **merged(self.reasons)}

    @property
    def rank(self) -> tuple[int, int, int]:
        """How bad it is: severity, certainty, class of p."""
        p = self.p
        alerts = [spec for spec in self.rule.then if isinstance(spec, Alert)]
        worst = [(_SEVERITY.index(each.severity), _CERTAINTY.index(_certainty(each, p))) for each in alerts]
        return (*max(worst, default=(0, 0)), 0 if p is None else (p > LIKELY) + (p > OBSERVED))

    def actions(self) -> list[Action]:
        """What the rule wants done, in its order; a command whose target is not known is left out."""
        because = tuple(dict.fromkeys(line for reason in self.reasons for line in (reason.text, *reason.more)))
        evidence = tuple(dict.fromkeys(each for reason in self.reasons for each in reason.evidence))
        return [
            Action(
                id=str(uuid5(_NAMESPACE, f"{self.site.device.id}/{self.rule.name}/{self.stamp}/{index}")),
                rule=self.rule.name,
                kind=kind,
                name=name,
                t=self.t,
                data=data,
                because=because,
                evidence=evidence,
            )
            for index, (kind, name, data) in enumerate(self._wanted())
        ]

    def _wanted(self) -> Iterator[tuple[ActionKind, str, Mapping[str, Json]]]:
        fields = self.fields
        for spec in self.rule.then:
            if isinstance(spec, Command):
                for thing, data in self._commands(spec, fields):
                    yield "command", thing, data
            elif isinstance(spec, Alert):
                yield "alert", spec.alert, self._alert(spec, fields)
            elif isinstance(spec, Publish):
                payload = filled(spec.payload, fields)
                yield "publish", str(filled(spec.publish, fields)), {"payload": payload, "retain": spec.retain}
            else:
                area = spec.area or fields.get("said_in") or fields.get("area") or ""
                yield "say", area, {"text": text(spec.say, fields), "language": self.site.device.language}

    def _commands(self, spec: Command, fields: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
        heard = self.utterance
        said: Mapping[str, Json] = heard.data if heard else {}
        intent = spec.intent or (heard.label if heard else None)
        from_speech = spec.command == TARGET
        named = (said.get("targets") or [said.get("target")]) if from_speech else [spec.command]
        question = said.get("question") if from_speech else None
        slots = {**(said.get("slots") or {} if from_speech else {}), **filled(spec.slots, fields)}
        for target in [None] if question else named:
            if target is None and not question:
                continue
            thing = self.site.things.get(target) if target else None
            yield (
                target or "",
                {
                    "intent": intent,
                    "slots": slots,
                    "target": target,
                    "area": (thing.area if thing else None) or fields.get("area"),
                    "p": heard.score if heard else self.p,
                    "text": said.get("text"),
                    "question": question,
                    **({name: said[name] for name in _UNDERSTANDING if name in said} if from_speech else {}),
                },
            )

    def _alert(self, spec: Alert, fields: Mapping[str, Json]) -> dict[str, Json]:
        area = fields.get("area")
        plain = spec.alert.replace("_", " ").replace("-", " ").capitalize() + (f" in {area}" if area else "")
        earlier = self.earlier.get(spec.alert)
        return {
            "event": spec.alert,
            "headline": text(spec.headline, fields) if spec.headline is not None else plain,
            "instruction": None if spec.instruction is None else text(spec.instruction, fields),
            "severity": spec.severity,
            "urgency": spec.urgency,
            "certainty": _certainty(spec, self.p),
            "category": spec.category,
            "area": area,
            "p": self.p,
            "expires_s": spec.expires_s,
            "ack": spec.ack,
            "msgType": "Update" if earlier else "Alert",
            "references": [earlier] if earlier else [],
        }


def _certainty(spec: Alert, p: float | None) -> str:
    """CAP 1.2: Likely is p > ~50 %; what is measured and not believed is Observed."""
    if spec.certainty is not None:
        return spec.certainty
    return "Observed" if p is None or p > OBSERVED else "Likely" if p > LIKELY else "Possible"


def text(template: str, fields: Mapping[str, Json]) -> str:
    """Fill placeholders for people: `{p}` as 93 %. Unknown ones stay as they are."""

    def put(match: re.Match[str]) -> str:
        name = match[1]
        if name not in fields:
            return match[0]
        return percent(fields[name]) if name in {"p", "score"} else shown(fields[name])

    return _PLACEHOLDER.sub(put, template)


def filled(value: Json, fields: Mapping[str, Json]) -> Json:
    """Fill placeholders in JSON: a string that is one placeholder becomes the value itself, a number stays one."""
    if isinstance(value, dict):
        return {key: filled(each, fields) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, fields) for each in value]
    if not isinstance(value, str):
        return value
    whole = _PLACEHOLDER.fullmatch(value)
    return fields.get(whole[1], value) if whole else text(value, fields)


def unknown_placeholders(rule: Rule) -> list[str]:
    """Placeholders in the actions of a rule that nothing in its condition can fill, each once; for `edgefuse check`."""
    leaves = list(_leaves(rule.when))
    known, spoken = offers(leaves), any(isinstance(leaf, Said) for leaf in leaves)
    found = [name for spec in rule.then for name in _placeholders(spec)]
    return sorted({name for name in found if name not in known and not (spoken and name.startswith("slots."))})


def _leaves(condition: Condition) -> Iterator[Condition]:
    inner = children(condition)
    if not inner:
        yield condition
    for child in inner:
        yield from _leaves(child)


def _placeholders(spec: Command | Alert | Publish | Say) -> Iterator[str]:
    texts: list[Json] = []
    if isinstance(spec, Command):
        texts = [spec.slots]
    elif isinstance(spec, Alert):
        texts = [spec.headline, spec.instruction]
    elif isinstance(spec, Publish):
        texts = [spec.publish, spec.payload]
    else:
        texts = [spec.say]
    for each in texts:
        yield from _PLACEHOLDER.findall(str(each))
