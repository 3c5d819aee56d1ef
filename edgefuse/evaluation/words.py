"""What a result says, in rows and sentences: the terminal and the report tell the same."""

from collections.abc import Mapping
from typing import Any, TypeAlias

Interval: TypeAlias = tuple[float, float] | None
_APART, _MASKED = "apart", "masked"
CALIBRATED = 0.05
"""ECE up to which a model is called calibrated."""


def rivals(result: Mapping[str, Any]) -> list[tuple[str, float, Interval]]:
    """(name, accuracy, 95 % interval) of the fused model and all that it is measured against, the best first."""
    clean = result["conditions"]["clean"]
    low, high = clean["ci95"]["accuracy"]
    rows: list[tuple[str, float, Interval]] = [("fused", clean["accuracy"], None if low is None else (low, high))]
    for name, ways in result["singles"].items():
        rows.append((f"{name} alone", max(ways.values()), None))
    if result["log_odds"]:
        rows.append(("log-odds of singles", result["log_odds"]["accuracy"], None))
    if result["rule"]:
        rows.append(("rule by hand", result["rule"]["accuracy"], None))
    rows.append(("majority", result["majority"], None))
    return sorted(rows, key=lambda row: (-row[1], row[0] != "fused"))


def classifies(result: Mapping[str, Any]) -> bool:
    """Whether a result is that of a classifier; models that fuse pictures have other figures."""
    return "confusion" in result


PICTURE_FIGURES = ("qabf", "ssim", "mi")


def picture_rows(result: Mapping[str, Any]) -> list[tuple[str, list[float]]]:
    """(name, figures) of fused pictures: learned, what is compared with it, and learned when something is wrong."""
    found = [("learned", result["conditions"]["clean"]), *result["classical"].items()]
    found.append((f"{result['best_single']['modality']} alone", result["best_single"]))
    found += [(f"learned, {spoken(name)}", one) for name, one in result["conditions"].items() if name != "clean"]
    return [(name, [one[figure] for figure in PICTURE_FIGURES]) for name, one in found]


def distinct(result: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Conditions without those that are another one by another name: of three, only a is without b and c."""
    found: dict[str, Mapping[str, Any]] = {}
    for name, one in result["conditions"].items():
        if not name.startswith("only_") or one not in found.values():
            found[name] = one
    return found


def notes(result: Mapping[str, Any]) -> list[str]:
    """What a reader must know besides the figures."""
    found = [_single(result)]
    if result["left_out"]:
        found.append(f"{result['left_out']} samples of groups that every member was trained on are left out")
    if result["absent"]:
        found.append(f"the data has no {' and no '.join(result['absent'])}: 'clean' is without it")
    if result["groups"] == 1:
        found.append("all samples are of one group: there is no interval, and the next group may be quite different")
    if result["rule"] and result["rule"]["accuracy"] >= result["conditions"]["clean"]["accuracy"]:
        found.append("the rule written by hand is as good or better")
    if result["log_odds"] and result["log_odds"]["accuracy"] >= result["conditions"]["clean"]["accuracy"]:
        found.append("naive fusion in log-odds is as good or better")
    if composed := result["data"].get("composed_of"):
        found.append(f"the data is composed, not recorded as it is: {composed}")
    if not result["data"].get("ship"):
        found.append("trained on data that may not be passed on: the card is kept, the weights are not shipped")
    return [*found, *_enrolled(result), *_weakest(result)]


def _single(result: Mapping[str, Any]) -> str:
    best = result["best_single"]
    how = {_APART: "a network of its own", _MASKED: "the fused network with all else masked"}[best["trained"]]
    return f"best single modality: {best['modality']}, by {how}"


def _enrolled(result: Mapping[str, Any]) -> list[str]:
    """How phrases that are only written were enrolled, and how well they are found."""
    told = result.get("enrolled")
    if not told:
        return []
    letters = told["ways"]["letters"]["auc"]
    found = f"phrases that are only written ({len(told['words'])}, {told['n']} recordings): "
    if told["method"] == "letters":
        return [f"{found}found by their letters alone, AUC {letters:.2f}; {told['why']}"]
    said = " and ".join(told["ways"]["examples"]["synthesisers"])
    return [f"{found}AUC {told['auc']:.2f} by examples from {said}, {letters:.2f} by their letters alone"]


def _weakest(result: Mapping[str, Any]) -> list[str]:
    """Where it is worst, and where it is surer than it should be."""
    rest = {name: one for name, one in result["conditions"].items() if name != "clean" and not name.startswith("only_")}
    if not rest:
        return []
    worst = min(rest, key=lambda name: rest[name]["accuracy"])
    found = [f"worst when {spoken(worst)}: {100 * rest[worst]['accuracy']:.1f} %"]
    doubtful = max(rest, key=lambda name: rest[name]["ece"] or 0)
    if (error := rest[doubtful]["ece"] or 0) > CALIBRATED:
        found.append(
            f"its probabilities are least to be trusted when {spoken(doubtful)}: calibration error {error:.3f}"
        )
    return found


def spoken(condition: str) -> str:
    """`noise_audio` -> `audio is noisy`."""
    kind, _, name = condition.partition("_")
    name = name.replace("_", " and ") if kind == "without" else name
    forms = {
        "without": f"{name} {'are' if ' and ' in name else 'is'} missing",
        "only": f"there is only {name}",
        "noise": f"{name} is noisy",
        "delayed": f"{name} is late",
        "frozen": f"{name} is frozen",
        "desynchronised": "modalities are out of step",
        "clean": "nothing is wrong",
    }
    return forms.get(kind, condition)
