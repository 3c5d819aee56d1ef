"""The folder that a training writes: whole, or not at all."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path

from edgefuse.core.errors import ConfigError
from edgefuse.fusion.card import FusionCard


@contextmanager
def whole(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its place once everything is in it; `out` stays as it is when anything stops it.

    Raises ConfigError as `replaceable`.
    """
    replaceable(out)
    out = out.absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as temporary:
        folder, old = Path(temporary) / "new", Path(temporary) / "old"
        folder.mkdir()
        try:
            yield folder
        except OSError as error:
            if error.errno != ENOSPC or error.filename is not None:
                raise
            raise OSError(ENOSPC, error.strerror, str(out)) from error  # a full disk does not say where it is
        try:
            if out.is_dir():
                out.rename(old)
            folder.rename(out)
        finally:
            if old.exists() and not out.exists():
                old.rename(out)


def replaceable(out: Path) -> None:
    """Only a model is replaced by a model. Raises ConfigError for anything else in its place."""
    if out.exists() and not (out / "card.json").exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out}: expected a folder of a model or a new one, got something else; choose another --out")


def write_card(card: FusionCard, folder: Path) -> None:
    """`card.json`: a line for each field, so that a change of it can be read."""
    fields = card.model_dump(mode="json", by_alias=True)
    lines = (f" {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())
    (folder / "card.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
