"""What the scene must bring, checked against the messages that were really received. Pure."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any, TypeAlias

from edgefuse.core.types import SECOND, Nanoseconds
from edgefuse.demo.timeline import Received, percent, words

Json: TypeAlias = Any
_ROUNDED = 0.001
"""Contributions are published with four digits."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One expectation and what became of it."""

    expected: str
    met: bool
    came: str


@dataclass(frozen=True, slots=True)
class Heard:
    """All messages of the scene; `zero` is when it began."""

    messages: Sequence[Received]
    base: str
    zero: Nanoseconds

    def under(self, topic: str, begin_s: float, end_s: float) -> list[tuple[float, Json]]:
        """Scene time and payload of the messages on a topic below the base, or on one below that."""
        full = f"{self.base}/{topic}"
        return [
            (at_s, message.payload)
            for message in self.messages
            if (message.topic == full or message.topic.startswith(full + "/"))
            and begin_s <= (at_s := (message.t - self.zero) / SECOND) < end_s
        ]


Check: TypeAlias = Callable[[Heard], tuple[bool, str]]


def check(expectations: Mapping[str, Check], heard: Heard) -> list[Outcome]:
    """Check each of them, in order."""
    return [Outcome(text, *expectation(heard)) for text, expectation in expectations.items()]


def ordered(intent: str, target: str, begin_s: float, end_s: float) -> Check:
    """Exactly one order of this kind came in this time."""

    def look(heard: Heard) -> tuple[bool, str]:
        came = [
            (at_s, payload)
            for at_s, payload in heard.under("intent", begin_s, end_s)
            if (payload["intent"], payload["target"]) == (intent, target)
        ]
        return len(came) == 1, ", ".join(f"{words(intent)} at {_at(at_s)}" for at_s, _ in came) or "no such order"

    return look


def not_understood(begin_s: float, end_s: float) -> Check:
    """Something was said that is told as not understood, and no order followed."""

    def look(heard: Heard) -> tuple[bool, str]:
        came = [payload for _, payload in heard.under("intent", begin_s, end_s)]
        orders = [payload for payload in came if payload["intent"] != "not_understood" or payload.get("commanded")]
        if orders:
            return False, f"an order: {words(orders[0]['intent'])}"
        return len(came) == 1, f"heard “{came[0]['said']}”" if came else "nothing was heard"

    return look


def stays_below(belief: str, threshold: float, begin_s: float, end_s: float) -> Check:
    """The belief moves, stays below the threshold, and no alert is raised."""

    def look(heard: Heard) -> tuple[bool, str]:
        alerts = heard.under("alert", begin_s, end_s)
        levels = [payload["p"] for _, payload in heard.under(f"belief/{belief}", begin_s, end_s)]
        if alerts:
            return False, f"an alert at {_at(alerts[0][0])}"
        if not levels:
            return False, "the belief was not heard of"
        return max(levels) < threshold, f"at most {percent(max(levels))}"

    return look


def alerted(name: str, begin_s: float, end_s: float) -> Check:
    """Exactly one alert of this name came in this time; updates of it, as it gets surer, may follow."""

    def look(heard: Heard) -> tuple[bool, str]:
        came = [(at_s, str(payload["msgType"])) for at_s, payload in heard.under(f"alert/{name}", begin_s, end_s)]
        new = [kind for _, kind in came if kind == "Alert"]
        return len(new) == 1, ", ".join(f"{kind.lower()} at {_at(at_s)}" for at_s, kind in came) or "no alert"

    return look


def needs_both(belief: str, threshold: float, begin_s: float, end_s: float) -> Check:
    """At its height the belief is above the threshold, and without either modality it would not be."""

    def look(heard: Heard) -> tuple[bool, str]:
        payloads = [payload for _, payload in heard.under(f"belief/{belief}", begin_s, end_s)]
        if not payloads:
            return False, "the belief was not heard of"
        top = max(payloads, key=lambda payload: float(payload["p"]))
        without: Mapping[str, float] = {
            modality: p for modality, p in top["without"].items() if top["contributions"].get(modality, 0) > 0
        }
        met = top["p"] > threshold and len(without) > 1 and max(without.values()) < threshold
        alone = ", ".join(f"{percent(p)} without {modality}" for modality, p in without.items())
        return met, f"{percent(top['p'])}; {alone}"

    return look


def heard_sound(label: str, begin_s: float, end_s: float) -> Check:
    """Exactly one sound of this label began in this time."""

    def look(heard: Heard) -> tuple[bool, str]:
        came = [
            (at_s, payload["score"])
            for at_s, payload in heard.under("observation", begin_s, end_s)
            if (payload["kind"], payload["label"]) == ("sound", label) and payload["data"]["onset"]
        ]
        return len(came) == 1, ", ".join(f"{percent(p)} sure at {_at(at_s)}" for at_s, p in came) or "not heard"

    return look


def accounts(belief: str, threshold: float, modalities: Collection[str], begin_s: float, end_s: float) -> Check:
    """At its height the belief is above the threshold, each modality speaks for it, and their log-odds add up to p."""

    def look(heard: Heard) -> tuple[bool, str]:
        payloads = [payload for _, payload in heard.under(f"belief/{belief}", begin_s, end_s)]
        if not payloads:
            return False, "the belief was not heard of"
        top = max(payloads, key=lambda payload: float(payload["p"]))
        added: Mapping[str, float] = top["contributions"]
        odds = top["prior"] + sum(added.values())
        adds_up = abs(1 / (1 + exp(-odds)) - top["p"]) < _ROUNDED
        met = top["p"] > threshold and adds_up and all(added.get(name, 0) > 0 for name in modalities)
        return met, f"{percent(top['p'])}; " + ", ".join(f"{name} {added.get(name, 0):+.1f}" for name in modalities)

    return look


def promised(belief: str, modality: str, begin_s: float, end_s: float) -> Check:
    """With a modality missing the belief tells other rates of being right than it told before."""

    def look(heard: Heard) -> tuple[bool, str]:
        told: dict[bool, tuple[float, float]] = {}
        for _, payload in heard.under(f"belief/{belief}", begin_s, end_s):
            if payload["expected"] is not None and set(payload["missing"]) <= {modality}:
                rates = (payload["expected"]["precision"], payload["expected"]["recall"])
                told[modality in payload["missing"]] = rates
        came = [
            f"precision {percent(told[gone][0])}, recall {percent(told[gone][1])} {word} {modality}"
            for gone, word in ((False, "with"), (True, "without"))
            if gone in told
        ]
        return len(set(told.values())) > 1, "; ".join(came) or "not said"

    return look


def missing(belief: str, modality: str, begin_s: float, end_s: float) -> Check:
    """The belief says that a modality is missing, and is not sure that nothing happened."""

    def look(heard: Heard) -> tuple[bool, str]:
        came = [
            payload for _, payload in heard.under(f"belief/{belief}", begin_s, end_s) if modality in payload["missing"]
        ]
        return bool(came), f"{percent(max(p['p'] for p in came))}, {modality} missing" if came else "not said"

    return look


def _at(at_s: float) -> str:
    return f"{int(at_s) // 60}:{int(at_s) % 60:02d}"
