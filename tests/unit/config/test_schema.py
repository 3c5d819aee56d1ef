from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from edgefuse.config import yaml
from edgefuse.config.schema import json_schema
from edgefuse.registry import installed_configs
from edgefuse.resources import resource

EXAMPLES = sorted(resource("deploy", "examples").glob("*.yaml"))


@pytest.fixture(scope="module")
def installed() -> dict[str, Any]:
    """Schema over everything that is installed."""
    return json_schema(installed_configs())


def errors(schema: dict[str, Any], text: str) -> list[str]:
    """Paths and messages of what a text violates."""
    found = Draft202012Validator(schema).iter_errors(yaml.parse(text).data)
    return sorted(f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in found)


def test_the_schema_is_a_schema(installed: dict[str, Any]) -> None:
    """It is valid JSON Schema 2020-12 and says so."""
    Draft202012Validator.check_schema(installed)

    assert installed["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_satisfy_the_schema(installed: dict[str, Any], path: Any) -> None:
    """What an editor would underline in the shipped examples: nothing."""
    assert errors(installed, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "device: {id: a}\nsources: {a: {type: nothing}}",
        "device: {id: a}\nsources: {a: {type: microphone, devise: 1}}",
        "device: {id: a}\nsources: {a: {}}",
        "device: {id: a}\nsources: {'a b': {type: microphone}}",
        "device: {id: a}\nsorces: {}",
        "sources: {}",
        "device: {id: a}\nrules: [{name: r, when: {belief: b, said: {}}, then: [{say: x}]}]",
        "device: {id: a}\nrules: [{name: r, when: {belief: b}, then: [{sy: x}]}]",
        "device: {id: a}\nbeliefs: {b: {fuser: bayes, prior: 2, evidence: []}}",
    ],
)
def test_mistakes_violate_the_schema(installed: dict[str, Any], text: str) -> None:
    """The schema refuses what the types refuse."""
    assert errors(installed, text)


def test_sections_hold_exactly_the_given_plugins(config_of: Callable[[str, str], type[Any]]) -> None:
    """Each entry is one of the plug-ins; a section without plug-ins takes any mapping."""
    schema = json_schema({"source": {"microphone": config_of("source", "microphone")}})

    assert errors(schema, "device: {id: a}\nsources: {m: {type: microphone}}\ndetectors: {v: {x: 1}}\nthings:\n") == []
    assert errors(schema, "device: {id: a}\nsources: {m: {type: camera}}")


def test_fields_are_described(installed: dict[str, Any]) -> None:
    """Docstrings of fields become descriptions that an editor shows."""
    assert installed["$defs"]["Device"]["properties"]["timezone"]["description"].startswith("For rules")
