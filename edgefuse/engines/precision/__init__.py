"""Copies of less precision: fp32 ONNX -> fp16 or int8 ONNX, and whether the copy still does its task."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from edgefuse.core.errors import ModelError
from edgefuse.core.ports import BuildReport, Precision, Tensors
from edgefuse.engines.precision import graph, half, quantise
from edgefuse.engines.precision.observe import observe, teller
from edgefuse.engines.precision.verdict import LIMITS, Limits, Verdict, compare, filled

__all__ = ["LIMITS", "RECIPE", "Limits", "Verdict", "compare", "convert", "filled"]

RECIPE = 2
"""Raised when the same input gives another file, and when the bundled samples change."""


def convert(  # noqa: PLR0913, PLR0917  from what, to what, judged by what
    source: Path,
    target: Path,
    precision: Precision,
    int8: Literal["asymmetric", "symmetric"],
    feeds: Sequence[Tensors],
    card: Mapping[str, Any],
    report: BuildReport,
) -> str:
    """Write a copy of an fp32 ONNX file in another precision; gives one sentence on how it was made.

    `feeds` name every input (`filled`) and say which ranges numbers have. `card` may say `int8: static` or
    `int8: dynamic`; default: `quantise.is_dynamic`. The same arguments give the same bytes on the same kind of CPU.
    Raises ModelError for a file that cannot be converted, BuildCancelled; ConfigError without the extra `convert`.
    """
    if not feeds:
        raise ModelError(f"{source}: {precision} needs samples, got none; next: name a folder of samples")
    if precision == "fp32":
        raise ModelError(f"{source}: expected fp16 or int8 to convert to, got fp32, which it is")
    model = graph.simplified(graph.read(source))
    if precision == "int8" and _is_dynamic(model, int8, card):
        made, how = quantise.dynamic(model)
    else:
        spreads = observe(model, feeds, teller(report, 0, 0.5, "observing"))
        if precision == "fp16":
            made, how = half.to_half(model, spreads)
        else:
            made, how = quantise.static(model, spreads, int8, feeds, teller(report, 0.5, 1, "quantising"))
    graph.write(made, target)
    return how


def _is_dynamic(model: Any, int8: Literal["asymmetric", "symmetric"], card: Mapping[str, Any]) -> bool:
    asked = card.get("int8")
    if asked not in {None, "static", "dynamic"}:
        raise ModelError(f"card: int8: expected static or dynamic, got '{asked}'")
    return int8 == "asymmetric" and (quantise.is_dynamic(model) if asked is None else asked == "dynamic")
