"""Checks of `models`: the engines and models that it names."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from edgefuse.config.lint.scope import Remark
from edgefuse.config.models import ModelsConfig
from edgefuse.config.wording import nearest


@dataclass(frozen=True, slots=True)
class Nameable:
    """What `models` may name here."""

    engines: Collection[str]
    models: Collection[str]
    """Of the catalogue; empty where it cannot be read, and nothing is concluded."""


def engine_remarks(models: ModelsConfig, known: Nameable) -> Iterator[Remark]:
    """Names of engines that are not installed, and of models that are in no catalogue."""
    wanted: dict[tuple[str, ...], str] = {("engine",): models.engine}
    for name, own in models.per_model.items():
        if known.models and name not in known.models:
            message = f"expected a model of the catalogue, got '{name}'{nearest(name, known.models)}"
            yield Remark(("models", "per_model", name), message, key=True)
        if own.engine is not None:
            wanted["per_model", name, "engine"] = own.engine
    for path, engine in wanted.items():
        if engine not in known.engines:
            message = f"expected an engine that is installed, got '{engine}'{nearest(engine, known.engines)}"
            yield Remark(("models", *path), message)
