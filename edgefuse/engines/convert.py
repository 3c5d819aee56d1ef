"""Makes the files used at run time from those that were fetched."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from edgefuse.core.errors import ModelError
from edgefuse.engines.catalogue import Conversion


def run(how: Conversion, folder: Path) -> bool:
    """Convert in place; says whether anything was made. Raises ModelError; OSError for the folder."""
    return _WAYS[how](folder) if how in _WAYS else False


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
        raise _lacking(graphs[0].name, error) from error
    for graph in graphs:
        graph.with_suffix(".onnx").write_bytes(to_onnx(graph))
    return True


def _encoder(folder: Path) -> bool:
    """`model.bin` -> `encoder.onnx`."""
    try:
        from edgefuse.engines.whisper_graph import encoder
    except ImportError as error:
        raise _lacking("model.bin", error) from error
    (folder / "encoder.onnx").write_bytes(encoder(folder / "model.bin"))
    return True


def _decoder(folder: Path) -> bool:
    """`model.bin` -> `decoder.onnx`."""
    try:
        from edgefuse.engines.whisper_graph import decoder
    except ImportError as error:
        raise _lacking("model.bin", error) from error
    (folder / "decoder.onnx").write_bytes(decoder(folder / "model.bin"))
    return True


def _lacking(name: str, error: ImportError) -> ModelError:
    return ModelError(f"converting {name} needs onnx, got: {error}; pip install 'edgefuse[convert]'")


_WAYS: Mapping[Conversion, Callable[[Path], bool]] = {
    "concatenate": _concatenate,
    "tfjs": _tfjs,
    "whisper-encoder": _encoder,
    "whisper-decoder": _decoder,
}
