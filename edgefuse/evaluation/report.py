"""A page about one trained model: pictures first, figures beside them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgefuse.evaluation import plots
from edgefuse.evaluation.words import PICTURE_FIGURES, classifies, distinct, notes, picture_rows, rivals, spoken

_PICTURES = {
    "beside.png": plots.beside,
    "degraded.png": plots.degraded,
    "calibration.png": plots.calibration,
    "worse.png": plots.worse,
    "confusion.png": plots.confused,
}


_CONFUSION = "## What it takes for what\n\n![confusion matrix](confusion.png)"


def write_report(result: Mapping[str, Any], out: Path) -> Path:
    """Write `<out>/report.md`, its pictures and result.json from what `evaluate` gave; the path of the page.

    Raises ConfigError without matplotlib, OSError where the folder cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    found = dict(_PICTURES) if classifies(result) else {}
    if not _worse(result):
        found.pop("worse.png", None)
    for name, picture in found.items():
        plots.draw(picture, result, out / name)
    (out / "result.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    path = out / "report.md"
    path.write_text(page(result), encoding="utf-8")
    return path


def page(result: Mapping[str, Any]) -> str:
    """The Markdown."""
    if not classifies(result):
        return _pictures(result)
    parts = [_head(result), _beside(result), _degraded(result), _calibration(result)]
    if _worse(result):
        parts.append(_robustness(result))
    return "\n\n".join([*parts, _CONFUSION, _data(result)]) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    bars = [" | ".join(row) for row in (head, ["---", *["---:"] * (len(head) - 1)], *rows)]
    return "\n".join(f"| {bar} |" for bar in bars)


def percent(value: float | None) -> str:
    """0.9631 -> 96.3; a dash for what is not known."""
    return "-" if value is None else f"{100 * value:.1f}"


def _head(result: Mapping[str, Any]) -> str:
    verdict = result["verdict"][0].upper() + result["verdict"][1:]
    told = "\n".join(f"- {note}" for note in notes(result))
    return (
        f"# {result['model']}: {result['what']}\n\n**{verdict}.** Measured on {result['n']} samples of "
        f"{result['groups']} groups that were not trained on.\n\n{told}"
    )


def _beside(result: Mapping[str, Any]) -> str:
    rows = [[name, percent(accuracy)] for name, accuracy, _ in rivals(result)]
    low, high = result["gain"]["ci95"]
    spread = "" if low is None else f" (95 % interval by group: {low:+.1f} to {high:+.1f})"
    return (
        "## Beside what it has to beat\n\n![accuracy of the fused model and its rivals](beside.png)\n\n"
        + table(["", "accuracy, %"], rows)
        + f"\n\nGain over the best single modality: {result['gain']['points']:+.1f} points{spread}."
    )


def _degraded(result: Mapping[str, Any]) -> str:
    rows = []
    for name, one in distinct(result).items():
        seeds = one["seeds"]["accuracy"]
        rows.append(
            [
                spoken(name),
                *(percent(one[key]) for key in ("accuracy", "macro_f1", "auc")),
                _three(one["ece"]),
                _three(one["ece_before"]),
                percent(one.get("log_odds", {}).get("accuracy")),
                f"{percent(seeds['mean'])} ± {percent(seeds['sd'])}",
            ]
        )
    head = ["when", "accuracy", "macro F1", "AUC", "ECE", "uncalibrated", "log-odds", "members"]
    return (
        "## When something is missing or wrong\n\n![accuracy under every condition](degraded.png)\n\n"
        + table(head, rows)
        + "\n\nAccuracy, macro F1, AUC, log-odds (accuracy of naive fusion) and members (mean ± standard deviation of "
        "the accuracy of each by itself) in %. Noise is of a kind that training never uses." + _fewer(result)
    )


def _fewer(result: Mapping[str, Any]) -> str:
    few = min(one["n"] for one in result["conditions"].values())
    return f" What is late, frozen or out of step: on {few} of the samples." if few < result["n"] else ""


def _calibration(result: Mapping[str, Any]) -> str:
    clean = result["conditions"]["clean"]
    return (
        "## How far its probabilities can be trusted\n\n![reliability and ROC](calibration.png)\n\n"
        f"Expected calibration error {_three(clean['ece_before'])} before, {_three(clean['ece'])} after; Brier score "
        f"{_three(clean['brier_before'])} before, {_three(clean['brier'])} after."
    )


def _robustness(result: Mapping[str, Any]) -> str:
    relative, effective = result["relative_robustness"], result["effective_robustness"]
    rows = [[spoken(name), _three(relative[name]), _signed(effective.get(name))] for name in relative]
    return (
        f"## As it gets worse\n\n![accuracy over severity](worse.png)\n\nOn {result['curves']['n']} samples. "
        "Relative robustness: area under the accuracy. Effective: the area gained or lost against naive fusion in "
        "log-odds once both start at the same accuracy (MultiBench, Liang et al. 2021).\n\n"
        + table(["when", "relative", "effective"], rows)
    )


def _data(result: Mapping[str, Any]) -> str:
    data = result["data"]
    rows = [
        f"- corpus `{data['corpus']}`: {data['source']}",
        f"- licence: {data['licence']}; a model trained on it {'may' if data['ship'] else 'may not'} be passed on",
    ]
    if result.get("leak"):
        rows.append(f"- composed without leaks? A classifier that sees only the background: {_leak(result['leak'])}")
    return "## Data\n\n" + "\n".join(rows)


def _leak(leak: Any) -> str:
    if isinstance(leak, dict):
        return ", ".join(f"{key} {_leak(value)}" for key, value in leak.items())
    return f"{leak:.3f}" if isinstance(leak, float) else str(leak)


def _pictures(result: Mapping[str, Any]) -> str:
    rows = [[name, *map(_three, figures)] for name, figures in picture_rows(result)]
    return (
        f"# Fused pictures\n\n{result['n']} pairs of patients that were not trained on; "
        f"{result['left_out']} pairs are left out. Best classical way by Qabf: {result['best_classical']}.\n\n"
        + table(["", *(figure.upper() if figure != "qabf" else "Qabf" for figure in PICTURE_FIGURES)], rows)
        + "\n\nQabf: how far edges are kept (Xydeas and Petrovic 2000); SSIM and MI: likeness to both pictures.\n"
    )


def _worse(result: Mapping[str, Any]) -> bool:
    return any(isinstance(one, dict) for one in result.get("curves", {}).values())


def _three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"
