"""One JSON Schema of the whole file, for editors."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from edgefuse.config.models import Site
from edgefuse.core.types import Json

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SECTIONS = {"sources": "source", "detectors": "detector", "beliefs": "fuser", "publishers": "publisher"}


def json_schema(configs: Mapping[Any, Mapping[str, type[BaseModel]]]) -> dict[str, Json]:
    """Schema in which the entries of each section are one of the plug-ins in `configs` (kind -> name -> Config)."""
    parts = {kind: dict(configs.get(kind, {})) for kind in _SECTIONS.values()}
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Site, "validation")]
    models += [(config, "validation") for named in parts.values() for config in named.values()]
    references, schema = models_json_schema(models, title="edgefuse configuration")
    site = schema["$defs"].pop(references[Site, "validation"]["$ref"].rpartition("/")[2])
    for section, kind in _SECTIONS.items():
        choices = [_named(references[config, "validation"], kind, name) for name, config in parts[kind].items()]
        names = site["properties"][section].pop("patternProperties", None) or {"": {}}
        site["properties"][section]["patternProperties"] = {pattern: _one_of(choices) for pattern in names}
        site["properties"][section]["additionalProperties"] = False
    for section in site["properties"].values():
        _allow_empty(section)
    return {"$schema": DIALECT, **schema, **site, "title": "edgefuse configuration"}


def _named(reference: dict[str, Json], kind: str, name: str) -> dict[str, Json]:
    """A plug-in's Config, chosen by its name, so that an editor complains about the chosen one only."""
    key = "fuser" if kind == "fuser" else "type"
    chosen: dict[str, Json] = {"properties": {key: {"const": name}}}
    if kind != "fuser" or name != "bayes":
        chosen["required"] = [key]
    return {"allOf": [chosen, reference]}


def _one_of(choices: list[dict[str, Json]]) -> dict[str, Json]:
    return {"oneOf": choices} if choices else {"type": "object"}


def _allow_empty(section: dict[str, Json]) -> None:
    """`sources:` with nothing after it is the same as none."""
    if "type" in section and isinstance(section["type"], str):
        section["type"] = [section["type"], "null"]
