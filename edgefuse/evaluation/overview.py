"""One page about all learned models of a folder: which are worth it, which are shipped, and why not."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgefuse.core.errors import ConfigError
from edgefuse.evaluation.report import percent, table
from edgefuse.evaluation.trained import CARD, read_card
from edgefuse.evaluation.words import classifies
from edgefuse.fusion.card import FusionCard


def overview(models: Path, results: Mapping[str, Mapping[str, Any]] | None = None) -> list[dict[str, Any]]:
    """A row per `<models>/*/card.json`: what its card tells, and what `evaluate` found where `results` has its folder.

    A file that is no card has a row of `folder` and `fault`, which says why. Raises ConfigError for a folder without
    models.
    """
    return [_row(folder, (results or {}).get(folder.name)) for folder in folders_of(models)]


def _row(folder: Path, result: Mapping[str, Any] | None) -> dict[str, Any]:
    try:
        return row(read_card(folder), folder.name, result)
    except ConfigError as error:
        return {"folder": folder.name, "fault": "; ".join(error.problems)}


def folders_of(models: Path) -> list[Path]:
    """Folders of trained models. Raises ConfigError when there is none."""
    found = sorted(path.parent for path in models.glob(f"*/{CARD}")) if models.is_dir() else []
    if not found:
        raise ConfigError(f"{models}: expected folders with {CARD} in it, found none; edgefuse train makes them")
    return found


def row(card: FusionCard, folder: str, result: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Facts of one model; None for what nobody measured."""
    told = _measured(result) if result and classifies(result) else _told(card)
    facts = {
        "folder": folder,
        "name": card.name,
        "what": card.what,
        "data": card.data.get("source") or card.data.get("corpus"),
        "composed": bool(card.data.get("composed_of")),
        "groups": len(card.data.get("groups", [])),
        "evaluated": result is not None,
        **told,
    }
    ship, why = shipped(card, facts["fused"], facts["best_single"])
    return {**facts, "ship": ship, "why": why}


def shipped(card: FusionCard, fused: float | None, single: Mapping[str, Any] | None) -> tuple[bool, str]:
    """Whether a model is passed on: its data must allow it, and it must beat its best single modality."""
    reasons = []
    if not card.data.get("ship"):
        reasons.append(f"its data may not be passed on ({card.data.get('licence', 'no licence told')})")
    if fused is None or not single:
        reasons.append("nobody measured it against single modalities" if card.task == "classify" else "")
    elif fused <= single["accuracy"]:
        reasons.append(
            f"{single['modality']} alone is as good ({percent(single['accuracy'])} against {percent(fused)})"
        )
    reasons = [reason for reason in reasons if reason]
    return not reasons, "; ".join(reasons) or "beats its best single modality, and its data allows it"


def write_overview(rows: Sequence[Mapping[str, Any]], out: Path) -> Path:
    """Write `<out>/README.md`; the path of the page."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "README.md"
    path.write_text(page(rows), encoding="utf-8")
    return path


def page(rows: Sequence[Mapping[str, Any]]) -> str:
    """The Markdown: a table of all, then what is missing costs, then why, and which cards cannot be read."""
    faults = [f"- **{one['folder']}**: {one['fault']}" for one in rows if "fault" in one]
    rows = [one for one in rows if "fault" not in one]
    head = ["model", "samples", "groups", "fused", "best single", "majority", "rule", "log-odds", "ECE", "ship"]
    body = [
        [
            f"[{one['name']}]({one['folder']}/report.md)" if one["evaluated"] else one["name"],
            str(one["n"] or "-"),
            str(one["groups"]),
            "-" if one["fused"] is None else f"**{percent(one['fused'])}**",
            _single(one["best_single"]),
            *(percent(one[key]) for key in ("majority", "rule", "log_odds")),
            "-" if one["ece"] is None else f"{one['ece']:.3f}",
            "yes" if one["ship"] else "no",
        ]
        for one in rows
    ]
    degraded = [
        f"- **{one['name']}**: "
        + ", ".join(f"without {name} {percent(value)}" for name, value in one["without"].items())
        for one in rows
        if one["without"]
    ]
    told = [
        f"- **{one['name']}**: {one['what']}. Data: {one['data']}{', composed' if one['composed'] else ''}. "
        f"{'Shipped' if one['ship'] else 'Not shipped'}: {one['why']}."
        for one in rows
    ]
    parts = ["# Learned models", "Accuracy in %, on groups that were not trained on.", table(head, body)]
    if degraded:
        parts += ["## When a modality is missing", "\n".join(degraded)]
    parts += ["## Each of them", "\n".join(told)]
    if faults:
        parts += ["## Not readable", "\n".join(faults)]
    return "\n\n".join(parts) + "\n"


def _single(one: Mapping[str, Any] | None) -> str:
    return f"{percent(one['accuracy'])} ({one['modality']})" if one and one["accuracy"] is not None else "-"


def _measured(result: Mapping[str, Any]) -> dict[str, Any]:
    found = result["conditions"]
    clean = found["clean"]
    return {
        "n": result["n"],
        "groups": result["groups"],
        "fused": clean["accuracy"],
        "best_single": result["best_single"],
        "majority": result["majority"],
        "rule": (result["rule"] or {}).get("accuracy"),
        "log_odds": (result["log_odds"] or {}).get("accuracy"),
        "ece": clean["ece"],
        "without": {
            name: found[f"without_{name}"]["accuracy"] for name in result["singles"] if f"without_{name}" in found
        },
    }


def _told(card: FusionCard) -> dict[str, Any]:
    told = card.metrics
    whole = told.get("ensemble", {})
    every = set(card.modalities)
    missing = {frozenset(every - set(one.present)): one.metrics.get("accuracy") for one in card.patterns}
    known = {gone: value for gone, value in missing.items() if value is not None}
    return {
        "n": told.get("n"),
        "fused": whole.get("accuracy"),
        "best_single": told.get("best_single"),
        "majority": told.get("majority"),
        "rule": (told.get("rule") or {}).get("accuracy"),
        "log_odds": (told.get("log_odds") or {}).get("accuracy"),
        "ece": whole.get("ece"),
        "without": {name: known[frozenset({name})] for name in card.modalities if frozenset({name}) in known},
    }
