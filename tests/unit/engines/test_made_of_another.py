"""Models that are made of the files of another model."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from edgefuse.core.errors import ModelError
from edgefuse.engines.store import Store

MakeStore = Callable[..., Store]


def _pinned(data: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def _base(folder: Path) -> dict[str, Any]:
    take = [{"file": str(folder), "files": {"model.bin": "weights", "notes.txt": "notes"}}]
    files = {"model.bin": _pinned(b"weights"), "notes.txt": _pinned(b"notes")}
    return {"files": files, "sources": [{"take": take}]}


def _made(of: str = "base", **more: Any) -> dict[str, Any]:
    take = [{"model": of, "files": {"model.bin": "model.bin"}}]
    return {"files": {"model.bin": _pinned(b"weights")}, "sources": [{"take": take}], **more}


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """The folder that the first model is fetched from."""
    folder = tmp_path / "from"
    folder.mkdir()
    (folder / "weights").write_bytes(b"weights")
    (folder / "notes").write_bytes(b"notes")
    return folder


def test_the_other_model_is_pulled_first(catalogue: MakeStore, origin: Path) -> None:
    """Pulling what is made of another brings both, and the second time needs no origin of the first."""
    store = catalogue(pull="never", base=_base(origin), made=_made())

    store.pull(["made"])

    assert store.path("made").read_bytes() == b"weights"
    assert (store.path("base") / "notes.txt").read_bytes() == b"notes"
    assert {row.name: row.source for row in store.list()}["made"] == "model base"


def test_a_model_that_is_here_is_used(catalogue: MakeStore, origin: Path) -> None:
    """What the other model has on the disk is taken, although its own origin is gone."""
    store = catalogue(base=_base(origin), made=_made())
    store.pull(["base"])
    (origin / "weights").unlink()

    assert store.path("made").read_bytes() == b"weights"


def test_a_model_that_cannot_be_had_is_told(catalogue: MakeStore, origin: Path) -> None:
    """When the other model cannot be fetched, both are named."""
    (origin / "weights").unlink()

    with pytest.raises(ModelError, match=r"(?s)model 'made' cannot be had:.*model 'base' cannot be had"):
        catalogue(base=_base(origin), made=_made()).pull(["made"])


@pytest.mark.parametrize("entries", [{"made": _made("nothing")}, {"made": _made("made")}], ids=["unknown", "itself"])
def test_a_wrong_origin_is_refused(catalogue: MakeStore, entries: Mapping[str, Any]) -> None:
    """A catalogue that makes a model of one that is not there, or of itself, is wrong."""
    with pytest.raises(ModelError, match="made: expected a model of the catalogue that is not itself made of another"):
        catalogue(**entries)


def test_weights_of_another_kind_are_told(catalogue: MakeStore, origin: Path) -> None:
    """What is no file of CTranslate2 cannot become a Whisper, and the message says why."""
    made = _made(raw={"model.bin": _pinned(b"weights")})
    made["files"] = {"encoder.onnx": _pinned(b"other")}
    made["sources"][0]["convert"] = "whisper-encoder"

    with pytest.raises(ModelError, match=r"model\.bin: not a whole model of CTranslate2"):
        catalogue(base=_base(origin), made=made).pull(["made"])
