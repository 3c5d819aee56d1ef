"""Checks of a plug-in's Config."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel

_UNIT = re.compile(r"_(s|ms|db|dbfs|hz|fps|mb|days|percent|degc|hpa|ppm|lx|m)$")


class Check(NamedTuple):
    """One fact about a part."""

    name: str
    run: Callable[[], None]
    """Raises AssertionError with what is wrong."""

    def __str__(self) -> str:
        return self.name


def run_all(checks: Iterator[Check]) -> None:
    """Run every check; the first that fails tells its name."""
    for check in checks:
        try:
            check.run()
        except AssertionError as error:
            raise AssertionError(f"{check.name}: {error}") from error


def check_config(config: type[BaseModel]) -> Iterator[Check]:
    """Facts that hold for the Config of every plug-in."""
    yield Check("config refuses unknown keys", lambda: _is_strict(config))
    yield Check("config describes its numbers", lambda: _is_described(config))
    yield Check("config has a JSON Schema", lambda: _has_schema(config))
    yield Check("config is chosen by a literal", lambda: _is_tagged(config))


def _is_strict(config: type[BaseModel]) -> None:
    for model in _models(config, set()):
        extra = model.model_config.get("extra")
        assert extra == "forbid", f"{model.__qualname__} has extra={extra!r}: a typing error would go unseen"
        assert model.model_config.get("frozen"), f"{model.__qualname__} is not frozen; derive it from Strict"


def _is_described(config: type[BaseModel]) -> None:
    assert config.__doc__, f"{config.__qualname__} has no docstring"
    bare = [
        name
        for name, field in config.model_fields.items()
        if not (field.description or field.metadata or _UNIT.search(name)) and field.annotation in {int, float}
    ]
    assert not bare, f"{', '.join(bare)}: give a number bounds, a unit in its name, or a docstring that says them"


def _has_schema(config: type[BaseModel]) -> None:
    assert config.model_json_schema()["type"] == "object"


def _is_tagged(config: type[BaseModel]) -> None:
    key = "fuser" if "fuser" in config.model_fields else "type"
    assert key in config.model_fields, f"{config.__qualname__} has no field `type`"
    values = get_args(config.model_fields[key].annotation)
    assert len(values) == 1, f'expected `{key}: Literal["<name>"]`, got {config.model_fields[key].annotation}'


def _models(config: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    """The Config and the models inside it."""
    if config in seen:
        return
    seen.add(config)
    yield config
    for field in config.model_fields.values():
        for inner in _inside(field.annotation):
            yield from _models(inner, seen)


def _inside(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, BaseModel):
        yield annotation
    for arg in get_args(annotation):
        yield from _inside(arg)
