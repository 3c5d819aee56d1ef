"""Pydantic's list of errors -> one problem per mistake, at the path where it stands in the file."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, TypeAlias, get_args, get_origin

from pydantic import BaseModel, ValidationError

from edgefuse.config.paths import flat_types
from edgefuse.config.rules import BRANCHES
from edgefuse.config.wording import expected, nearest, shown, want
from edgefuse.config.yaml import Document, Path, Problem

_Error: TypeAlias = Mapping[str, Any]


def problems_of(
    error: ValidationError, model: type[BaseModel], data: Any, document: Document, prefix: Path = ()
) -> list[Problem]:
    """Word every mistake once. `data` is what was validated; it stands at `prefix` in the document."""
    details: list[tuple[Path, _Error]] = [
        (_in_data(e["loc"], data, e["type"]), e) for e in error.errors(include_url=False)
    ]
    found: list[Problem] = []
    for path, same in groupby(sorted(details, key=lambda d: _sortable(d[0])), key=lambda d: d[0]):
        errors = [e for _, e in same]
        if not _inside_union(path, errors, details):
            found.append(_problem(path, errors, model, document, prefix))
    return found


def _inside_union(path: Path, errors: list[_Error], details: list[tuple[Path, _Error]]) -> bool:
    """Whether another branch of the same union got further into the data, so that this one only makes noise."""
    deeper = any(len(other) > len(path) and other[: len(path)] == path for other, _ in details)
    return deeper and all(_branches(e["loc"], path) for e in errors)


def _branches(loc: Path, path: Path) -> bool:
    return len([step for step in loc if not _tag(step)]) > len(path)


def _tag(step: str | int) -> bool:
    return isinstance(step, str) and step.startswith("<") and step.endswith(">")


def _in_data(loc: Path, data: Any, kind: str) -> Path:
    """The part of pydantic's location that exists in the data: without the names of union branches."""
    path: list[str | int] = []
    for i, step in enumerate(loc):
        last = i == len(loc) - 1
        if _has(data, step):
            data = data[step]
        elif not (last and (kind == "missing" or step == "[key]")):
            continue
        path.append(step)
    return tuple(path)


def _has(data: Any, step: str | int) -> bool:
    if isinstance(data, Mapping):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and step < len(data)


def _sortable(path: Path) -> list[tuple[bool, str, int]]:
    return [(isinstance(s, int), "" if isinstance(s, int) else s, s if isinstance(s, int) else 0) for s in path]


def _problem(path: Path, errors: list[_Error], model: type[BaseModel], document: Document, prefix: Path) -> Problem:
    first = errors[0]
    full = (*prefix, *path)
    if first["type"] == "missing" and isinstance(full[-1], int):
        return Problem(document.at(full[:-1]), full[:-1], f"expected more than {_items(full[-1])}, got {full[-1]}")
    if first["type"] == "missing":
        return Problem(document.at(full[:-1]), full, f"expected '{full[-1]}', got nothing")
    if first["type"] == "extra_forbidden":
        hint = nearest(str(full[-1]), _fields_at(model, first["loc"][:-1]))
        return Problem(document.key_at(full), full, f"expected no key of this name{hint}")
    if full and full[-1] == "[key]":
        return Problem(document.key_at(full[:-1]), full[:-1], expected(first, full[:-1]))
    if len(errors) > 1:
        wanted = " or ".join(dict.fromkeys(map(want, errors)))
        key = full[-1] if full else ""
        return Problem(document.at(full), full, f"expected {wanted}, got {shown(first['input'], key)}")
    return Problem(document.at(full), full, expected(first, full))


def _items(count: int) -> str:
    return f"{count} item{'' if count == 1 else 's'}"


def _fields_at(model: type[BaseModel], loc: Path) -> list[str]:
    """Names of the keys that are allowed where `loc` leads."""
    types: list[Any] = [model]
    for step in loc:
        models = [t for t in types if isinstance(t, type) and issubclass(t, BaseModel)]
        if _tag(step):
            types = [model for model in BRANCHES if str(step)[1:-1] in _keys(model)]
            continue
        stepped = [a for m in models for name, a in _annotations(m) if name == step]
        stepped += [arg for t in types if get_origin(t) in {list, dict, tuple} for arg in get_args(t)]
        types = [flat for t in stepped for flat in flat_types(t)] or types
    return [key for t in types if isinstance(t, type) and issubclass(t, BaseModel) for key in _keys(t)]


def _keys(model: type[BaseModel]) -> list[str]:
    return [name for name, _ in _annotations(model)]


def _annotations(model: type[BaseModel]) -> Iterable[tuple[str, Any]]:
    return [(field.alias or name, field.annotation) for name, field in model.model_fields.items()]
