"""Makes the files used at run time from those that were fetched."""

import shutil
from pathlib import Path
from typing import Literal

from edgefuse.core.errors import ModelError


def run(how: Literal["none", "tfjs", "concatenate"], folder: Path) -> bool:
    """Convert in place; says whether anything was made. Raises ModelError; OSError for the folder."""
    if how == "concatenate":
        return _concatenate(folder)
    if how == "tfjs":
        return _tfjs(folder)
    return False


def _concatenate(folder: Path) -> bool:
    """`name.part1`, `name.part2` ... -> `name`."""
    first = sorted(folder.glob("*.part1"))
    for path in first:
        whole = path.with_suffix("")
        with whole.open("wb") as target:
            number = 1
            while (part := whole.with_name(f"{whole.name}.part{number}")).exists():
                with part.open("rb") as source:
                    shutil.copyfileobj(source, target, 1 << 20)
                number += 1
    return bool(first)


def _tfjs(folder: Path) -> bool:
    """`name.json` with its weights -> `name.onnx`."""
    graphs = sorted(folder.glob("*.json"))
    if not graphs:
        return False
    try:
        from edgefuse.engines.tfjs import to_onnx
    except ImportError as error:
        raise ModelError(f"converting {graphs[0].name} needs onnx: pip install 'edgefuse[convert]'") from error
    for graph in graphs:
        graph.with_suffix(".onnx").write_bytes(to_onnx(graph))
    return True
