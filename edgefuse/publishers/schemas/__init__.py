"""JSON Schemas (2020-12) of every payload."""

import json
from pathlib import Path

from edgefuse.core.types import Json

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Every payload that has a schema, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def schema(name: str) -> Json:
    """The schema of a payload. Raises FileNotFoundError for an unknown name."""
    return json.loads((_FOLDER / f"{name}.json").read_text("utf-8"))
