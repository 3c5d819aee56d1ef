"""What a published message means to a reader. Pure: message in, lines out; remembers what was told already."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from edgefuse.core.types import SECOND, Nanoseconds

Json = Any
_RISE, _FALL = 0.15, 0.3
"""A belief is told again when its probability has moved this far."""
_GONE = 1 * SECOND
"""Not seen for this long is gone."""
_QUIET = frozenset({"ok", "starting"})


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came from the broker."""

    t: Nanoseconds
    """When it arrived here."""
    topic: str
    payload: Json
    """Decoded, or the text when it is no JSON."""
    retained: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One event; `kind` chooses icon and colour."""

    kind: str
    """heard, doubt, seen, sensor, belief, order, thing, alert, fault, status."""
    word: str
    text: str
    details: tuple[str, ...] = ()
    """Reasons, one a line."""


@dataclass(slots=True)
class Timeline:
    """Turns messages into lines; `base` is `edgefuse/<device>`, `things` maps state topics to names."""

    base: str
    things: Mapping[str, str]
    _status_told: str = ""
    _seen: dict[str, Nanoseconds] = field(default_factory=dict)
    _beliefs: dict[str, tuple[float, frozenset[str]]] = field(default_factory=dict)
    _parts: dict[str, str] = field(default_factory=dict)

    def tell(self, message: Received) -> list[Line]:
        """Lines for one message; none when it says nothing new."""
        if message.topic in self.things:
            return self._thing(message)
        topic = message.topic.removeprefix(self.base + "/")
        tellers: dict[str, Callable[[str, Json], list[Line]]] = {
            "status": self._status,
            "health": self._health,
            "belief": self._belief,
            "intent": self._intent,
            "alert": self._alert,
            "observation": self._observation,
            "say": self._say,
        }
        kind, _, rest = topic.partition("/")
        if topic == message.topic or kind not in tellers:
            return []
        try:
            if rest and isinstance(message.payload, Mapping) and message.payload.get("kind") == "scene":
                return self._scene(rest, message)
            return tellers[kind](rest, message.payload)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return [Line("fault", "malformed", f"{message.topic}: {type(error).__name__} {error}")]

    def _status(self, _: str, payload: Json) -> list[Line]:
        state = payload["state"] if isinstance(payload, Mapping) else str(payload)
        before, self._status_told = self._status_told, state
        text = "the daemon is running" if state == "online" else "the daemon has left"
        return [Line("status", state, text)] if state != before else []

    def _thing(self, message: Received) -> list[Line]:
        state = message.payload.get("state") if isinstance(message.payload, Mapping) else message.payload
        return [Line("thing", self.things[message.topic], f"is {str(state).lower()}")]

    def _say(self, _: str, payload: Json) -> list[Line]:
        return [Line("order", "say", f"“{payload['text']}”", reasons(payload))]

    def _health(self, _: str, payload: Json) -> list[Line]:
        lines = []
        for name, part in payload["parts"].items():
            state = part["state"]
            before = self._parts.get(name, "ok")
            self._parts[name] = state
            if state == before or (state in _QUIET and before in _QUIET):
                continue
            reason = f": {part['reason']}" if part.get("reason") else ""
            lines.append(Line("status" if state in _QUIET else "fault", state, f"{name}{reason}"))
        return lines

    def _belief(self, rest: str, payload: Json) -> list[Line]:
        name = rest.replace("/", ".")
        p, missing = float(payload["p"]), frozenset(payload.get("missing", ()))
        before, known_missing = self._beliefs.get(name, (0.0, missing))
        if -_FALL < p - before < _RISE and missing <= known_missing:
            self._beliefs[name] = (before, missing)
            return []
        self._beliefs[name] = (p, missing)
        details = (*reasons(payload), *in_sum(payload), *promise(payload))
        return [Line("belief", "belief", f"{name} {percent(p)}", details)]

    def _intent(self, _: str, payload: Json) -> list[Line]:
        intent, said = payload["intent"], payload.get("said")
        if payload.get("question"):
            return [Line("doubt", "question", f"{words(intent)}? {payload['question']}", reasons(payload))]
        if intent == "not_understood":
            return [Line("doubt", "heard", f"“{said}” is not understood, so nothing is done", reasons(payload))]
        sure = f", {percent(payload['p'])} sure" if said and payload.get("p") is not None else ""
        return [Line("order", "order", f"{payload['target']}: {words(intent)}{sure}", reasons(payload))]

    def _alert(self, _: str, payload: Json) -> list[Line]:
        """With the beliefs behind it, which are then not told again."""
        info, behind = payload["info"], payload.get("beliefs", {})
        text = f"{info['headline']} ({info['severity']}, {info['urgency']}, {info['certainty']})"
        beliefs = [line for belief in behind.values() for line in in_sum(belief)]
        self._beliefs |= {name: (float(b["p"]), frozenset(b.get("missing", ()))) for name, b in behind.items()}
        word = "UPDATE" if payload.get("msgType") == "Update" else "ALERT"
        return [Line("alert", word, text, (*reasons(payload), *beliefs))]

    def _observation(self, _: str, payload: Json) -> list[Line]:
        """The wake word, and the onset of a sound; what was said comes with the intent."""
        if payload["kind"] == "sound" and payload["data"]["onset"]:
            return [Line("heard", "heard", f"{words(payload['label'])}, {percent(payload['score'])} sure")]
        return [Line("heard", "heard", f"{words(payload['label']).title()} …")] if payload["kind"] == "wake" else []

    def _scene(self, detector: str, message: Received) -> list[Line]:
        lines = []
        here = {f"{detector}/{label}" for label, count in message.payload["data"]["counts"].items() if count}
        lines += [Line("seen", "seen", f"a {_label(key)}") for key in sorted(here - self._seen.keys())]
        self._seen.update(dict.fromkeys(here, message.t))
        for key in [key for key, t in self._seen.items() if message.t - t > _GONE]:
            del self._seen[key]
            lines.append(Line("seen", "gone", f"no {_label(key)} any more"))
        return lines


def without(folder: str, line: Line) -> Line:
    """The line with the files below a folder called by their names alone."""
    details = tuple(detail.replace(folder, "") for detail in line.details)
    return replace(line, text=line.text.replace(folder, ""), details=details)


def _label(key: str) -> str:
    return key.partition("/")[2]


def in_sum(belief: Mapping[str, Json]) -> tuple[str, ...]:
    """One line: what each live modality adds in log-odds, and what p would be without it; none when none adds.

    What the reasons say modality by modality, as those of a trained model do, is not said again.
    """
    missing: Sequence[str] = belief.get("missing", ())
    added = sorted(belief["contributions"].items(), key=lambda item: -abs(item[1]))
    told = [f"{name} {weight:+.1f}" for name, weight in added if name not in missing]
    without = [f"{percent(belief['without'][name])} without {name}" for name, _ in added if name not in missing]
    said = any(reason.startswith(f"{name} speaks ") for reason in reasons(belief) for name, _ in added)
    sums = "" if said else f"in sum {', '.join(told)}; "
    return (sums + ", ".join(without),) if told else ()


def promise(belief: Mapping[str, Json]) -> tuple[str, ...]:
    """One line: how often a trained model is right with what is missing now missing; none where nobody measured it."""
    expected = belief.get("expected")
    if not expected:
        return ()
    rates = f"precision {percent(expected['precision'])}, recall {percent(expected['recall'])}"
    missing = " and ".join(belief.get("missing", ()))
    without = f" without {missing}" if missing else ""
    return (f"expected from {percent(expected['threshold'])} on{without}: {rates}",)


def reasons(payload: Mapping[str, Json]) -> tuple[str, ...]:
    """The `because` of an intent or alert."""
    because: Sequence[Json] = payload.get("because") or ()
    return tuple(str(reason) for reason in because)


def words(name: str) -> str:
    """A name as a reader writes it."""
    return name.replace("_", " ")


def percent(p: float) -> str:
    """Probability for a reader; never rounded up to certainty."""
    return f"{min(99, round(100 * p))} %"
