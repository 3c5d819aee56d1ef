"""Pictures of a result: each takes the JSON and an empty figure."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgefuse.core.errors import needs
from edgefuse.evaluation.words import distinct, rivals, spoken

_INK, _FAINT = "#22303c", "#b8c2cc"
_FUSED, _ODDS, _ALONE, _BAD = "#0b6e8f", "#d98e04", "#7a8794", "#c0392b"
_MOST_WRITTEN = 16
"""Classes up to which a confusion matrix has its numbers written in."""
_STYLE = {
    "font.size": 9,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "legend.frameon": False,
}


def draw(picture: Callable[[Any, Mapping[str, Any]], None], result: Mapping[str, Any], path: Path) -> None:
    """Write one picture as PNG. Raises ConfigError without matplotlib."""
    with needs("train", "pictures of a report"):
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    with mpl.rc_context(_STYLE):
        figure = Figure(layout="constrained")
        FigureCanvasAgg(figure)
        picture(figure, result)
        figure.savefig(path, dpi=130)


def beside(figure: Any, result: Mapping[str, Any]) -> None:
    """The fused model and what it has to beat, as bars."""
    rows = rivals(result)[::-1]
    figure.set_size_inches(7.5, 0.36 * len(rows) + 0.8)
    axes = figure.subplots()
    colours = [_FUSED if name == "fused" else _FAINT if name == "majority" else _ALONE for name, _, _ in rows]
    axes.barh([name for name, _, _ in rows], [100 * accuracy for _, accuracy, _ in rows], color=colours, height=0.7)
    for place, (_, accuracy, interval) in enumerate(rows):
        end = 100 * (interval[1] if interval else accuracy)
        if interval:
            axes.plot([100 * each for each in interval], [place, place], color=_INK, linewidth=1.5)
        axes.text(end + 1, place, f"{100 * accuracy:.1f}", va="center")
    axes.set_xlim(0, 108)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("accuracy, %; the line is the 95 % interval by group")


def degraded(figure: Any, result: Mapping[str, Any]) -> None:
    """Accuracy under every condition, fused against naive fusion, with the clean one as a line."""
    found = {name: one for name, one in distinct(result).items() if name != "clean"}
    names = list(found)[::-1]
    figure.set_size_inches(7.5, 0.27 * len(names) + 1.4)
    axes = figure.subplots()
    clean = 100 * result["conditions"]["clean"]["accuracy"]
    axes.axvline(clean, color=_FUSED, linewidth=1, linestyle=":")
    axes.axvline(100 * result["majority"], color=_BAD, linewidth=1, linestyle=":")
    for place, name in enumerate(names):
        fused, odds = 100 * found[name]["accuracy"], found[name].get("log_odds", {}).get("accuracy")
        axes.plot([fused, clean], [place, place], color=_FAINT, linewidth=1.5, zorder=1)
        if odds is not None:
            axes.plot(100 * odds, place, "o", markerfacecolor="white", color=_ODDS, markersize=5)
        axes.plot(fused, place, "o", color=_FUSED, markersize=6)
    axes.set_yticks(range(len(names)), [spoken(name) for name in names])
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.set_xlabel("accuracy, %")
    marks = [("o", _FUSED, _FUSED, "fused"), ("o", _ODDS, "white", "log-odds of singles")]
    handles = [axes.plot([], [], m, color=c, markerfacecolor=f, label=label)[0] for m, c, f, label in marks]
    handles += [axes.plot([], [], ":", color=c, label=label)[0] for c, label in ((_FUSED, "clean"), (_BAD, "majority"))]
    figure.legend(handles=handles, loc="outside upper center", ncols=4)


def calibration(figure: Any, result: Mapping[str, Any]) -> None:
    """Reliability before and after calibration, and the ROC curve."""
    figure.set_size_inches(10, 3.4)
    first, second, third = figure.subplots(1, 3)
    clean = result["conditions"]["clean"]
    _reliability(first, result["reliability"]["before"], f"before calibration: ECE {_three(clean['ece_before'])}")
    _reliability(second, result["reliability"]["after"], f"after calibration: ECE {_three(clean['ece'])}")
    curve = result["roc"]
    third.plot([0, 1], [0, 1], color=_FAINT, linewidth=1)
    if curve["true_positive"][0] is not None:
        third.plot(curve["false_positive"], curve["true_positive"], color=_FUSED, linewidth=2)
    third.set_title(f"ROC, mean over classes: AUC {_three(clean['auc'])}")
    third.set_xlabel("false positive rate")
    third.set_ylabel("true positive rate")


def _reliability(axes: Any, one: Mapping[str, Sequence[float | None]], title: str) -> None:
    confidence, accuracy = (np.array(one[key], np.float64) for key in ("confidence", "accuracy"))
    share = np.array(one["share"], np.float64)
    width = 1 / len(share)
    middle = (np.arange(len(share)) + 0.5) * width
    axes.bar(middle, share, width=0.92 * width, color=_FAINT, alpha=0.6, label="share of samples")
    axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle=":")
    known = share > 0
    axes.vlines(confidence[known], confidence[known], accuracy[known], color=_BAD, linewidth=1)
    axes.scatter(confidence[known], accuracy[known], s=14 + 160 * share[known], color=_FUSED, zorder=3)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.05)
    axes.set_title(title)
    axes.set_xlabel("how sure it is")
    axes.set_ylabel("how often it is right")
    axes.legend(loc="upper left", fontsize=7)


def worse(figure: Any, result: Mapping[str, Any]) -> None:
    """Accuracy over severity: a row per modality, a column per corruption."""
    found = {name: one for name, one in result["curves"].items() if isinstance(one, dict)}
    kinds = list(dict.fromkeys(name.partition("_")[0] for name in found))
    names = list(dict.fromkeys(name.partition("_")[2] for name in found))
    figure.set_size_inches(2.6 * len(kinds) + 1.2, 1.9 * len(names) + 0.6)
    grid = figure.subplots(len(names), len(kinds), squeeze=False, sharex=True, sharey=True)
    x = result["curves"]["severity"]
    handles: dict[str, Any] = {}
    for row, name in zip(grid, names, strict=True):
        for axes, kind in zip(row, kinds, strict=True):
            one = found.get(f"{kind}_{name}")
            if one is None:
                axes.set_visible(False)
                continue
            for key, label, colour in _LINES:
                if key in one:
                    handles[label] = axes.plot(x, [100 * y for y in one[key]], ".-", color=colour, label=label)[0]
            axes.set_title(spoken(f"{kind}_{name}"))
            axes.grid(axis="y", color=_FAINT, alpha=0.5)
    figure.supxlabel("severity", fontsize=9)
    figure.supylabel("accuracy, %", fontsize=9)
    figure.legend(handles=list(handles.values()), loc="outside upper center", ncols=3)


_LINES = (
    ("alone", "that modality alone", _ALONE),
    ("log_odds", "log-odds of singles", _ODDS),
    ("fused", "fused", _FUSED),
)


def confused(figure: Any, result: Mapping[str, Any]) -> None:
    """The confusion matrix, each row as shares of its true class."""
    classes, counts = result["confusion"]["classes"], np.array(result["confusion"]["matrix"], np.float64)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = min(11.0, max(4.0, 2.6 + 0.36 * len(classes)))
    figure.set_size_inches(side, side - 0.4)
    axes = figure.subplots()
    axes.imshow(share, cmap="GnBu", vmin=0, vmax=1)
    size = 8 if len(classes) <= _MOST_WRITTEN else 6
    axes.set_xticks(range(len(classes)), classes, rotation=60, ha="right", rotation_mode="anchor", fontsize=size)
    axes.set_yticks(range(len(classes)), classes, fontsize=size)
    axes.spines[:].set_visible(False)
    if len(classes) <= _MOST_WRITTEN:
        for row, column in np.argwhere(counts > 0):
            dark = share[row, column] > 0.6  # noqa: PLR2004  where dark ink is no longer read
            axes.text(
                column, row, int(counts[row, column]), ha="center", va="center",
                fontsize=7, color="white" if dark else _INK,
            )  # fmt: skip
    axes.set_xlabel("guessed")
    axes.set_ylabel("true")


def _three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
