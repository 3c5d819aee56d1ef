"""Copies of less precision: fp32 ONNX -> fp16 or int8 ONNX, and whether the copy still does its task."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from edgefuse.core.errors import ModelError
from edgefuse.core.ports import BuildReport, Precision, Tensors
from edgefuse.engines.precision.verdict import LIMITS, Limits, Verdict, compare, filled

__all__ = ["LIMITS", "RECIPE", "Limits", "Verdict", "compare", "convert", "filled"]

RECIPE = 1
"""Raised when the same input gives another file."""


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

    `feeds` name every input (`filled`) and say which ranges numbers have. The same arguments give the same bytes.
    Raises ModelError for a file that cannot be converted, BuildCancelled; ConfigError without the extra `convert`.
    """
    raise ModelError(f"{source}: {precision} is not made yet for {target}, {int8}, {len(feeds)}, {card}, {report}")
