"""An alert with the names of the Common Alerting Protocol 1.2 (OASIS, 2010), as JSON."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone

from edgefuse.core.types import Action, Decision, Json

_NOT_IN_IDENTIFIER = re.compile(r"[\s,&<]")
LIKELY = 0.5
UNLIKELY = 0.1


def iso(moment: datetime) -> str:
    """UTC with milliseconds: 2026-01-31T12:00:00.000+00:00."""
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds")


def cap_time(moment: datetime) -> str:
    """As CAP wants it: whole seconds and a numeric offset, never `Z`."""
    return moment.astimezone(timezone.utc).isoformat(timespec="seconds")


def alert_payload(
    action: Action, wall: datetime, beliefs: Mapping[str, Decision], *, sender: str, area: str | None
) -> dict[str, Json]:
    """The alert of a rule. `beliefs` are the latest decisions; those named in the evidence are explained."""
    data = action.data
    behind = {decision.belief: decision for decision in _behind(action, beliefs)}
    area = data.get("area") or next((one.area for one in behind.values() if one.area), area)
    lasts = data.get("expires_s")
    info = {
        "category": data.get("category", "Safety"),
        "event": data.get("event", action.name),
        "urgency": data.get("urgency", "Unknown"),
        "severity": data.get("severity", "Unknown"),
        "certainty": data.get("certainty") or _certainty(action, behind),
        "headline": data.get("headline") or action.name.replace("_", " "),
        "instruction": data.get("instruction"),
        "expires": None if lasts is None else cap_time(wall + timedelta(seconds=lasts)),
        "area": {"areaDesc": area or "unknown"},
    }
    return {
        "identifier": _NOT_IN_IDENTIFIER.sub("_", action.id),
        "sender": sender,
        "sent": cap_time(wall),
        "status": data.get("status", "Actual"),
        "msgType": data.get("msgType", "Alert"),
        "scope": "Private",
        "references": list(data.get("references") or ()),
        "info": info,
        "time": iso(wall),
        "name": action.name,
        "rule": action.rule,
        "because": list(action.because),
        "evidence": list(action.evidence),
        "beliefs": {name: _explained(decision) for name, decision in behind.items()},
        "ack": bool(data.get("ack")),
    }


def _behind(action: Action, beliefs: Mapping[str, Decision]) -> Iterator[Decision]:
    for name in action.evidence:
        if name.startswith("belief:") and name.removeprefix("belief:") in beliefs:
            yield beliefs[name.removeprefix("belief:")]


def _explained(decision: Decision) -> dict[str, Json]:
    return {
        "p": round(decision.p, 6),
        "contributions": {name: round(value, 4) for name, value in decision.contributions.items()},
        "without": {name: round(value, 6) for name, value in decision.without.items()},
        "missing": list(decision.missing),
        "because": list(decision.because),
    }


def _certainty(action: Action, behind: Mapping[str, Decision]) -> str:
    """CAP: observed, likely (p above about a half), possible, unlikely; from the weakest belief."""
    if not behind:
        return "Observed" if action.evidence else "Unknown"
    p = min(decision.p for decision in behind.values())
    if p > LIKELY:
        return "Likely"
    return "Possible" if p > UNLIKELY else "Unlikely"
