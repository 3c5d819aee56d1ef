"""Relative paths of a file start at the folder of the file."""

from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel


def anchored(value: Any, annotation: Any, folder: Path) -> Any:
    """A copy of raw data in which the text meant for a `Path` is absolute; `~` is the home folder.

    Where a field takes other text too, a URL or a number stays what it is.
    """
    types = flat_types(annotation)
    if isinstance(value, str):
        other = str in types and ("://" in value or value.isdigit())
        return str(folder / _home(value)) if Path in types and not other else value
    if isinstance(value, Mapping):
        models = [t for t in types if isinstance(t, type) and issubclass(t, BaseModel)]
        fields = {field.alias or name: field.annotation for m in models for name, field in m.model_fields.items()}
        items = [get_args(t)[1] for t in types if get_origin(t) is dict]
        return {
            key: anchored(item, fields.get(key, items[0] if items else None), folder) for key, item in value.items()
        }
    if isinstance(value, list):
        members = [arg for t in types if get_origin(t) in {list, tuple} for arg in get_args(t) if arg is not ...]
        return [anchored(item, Union[tuple(members)] if members else None, folder) for item in value]  # noqa: UP007  made at run time
    return value


def _home(value: str) -> Path:
    try:
        return Path(value).expanduser()
    except RuntimeError:  # no such user: a folder may really be called ~name
        return Path(value)


def flat_types(annotation: Any) -> list[Any]:
    """The types of a union, `Annotated` taken off."""
    if hasattr(annotation, "__metadata__"):
        return flat_types(annotation.__origin__)
    if get_origin(annotation) in {Union, UnionType}:
        return [flat for arg in get_args(annotation) for flat in flat_types(arg)]
    return [annotation]
