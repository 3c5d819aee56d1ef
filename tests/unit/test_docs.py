import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from edgefuse.config import models, rules
from edgefuse.publishers.schemas import schema
from edgefuse.registry import config_of, names

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="the tests run outside a checkout")


def nested(config: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model and those inside its fields."""
    yield config
    for field in config.model_fields.values():
        for kind in parts(field.annotation):
            yield from nested(kind)


def parts(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from parts(inner)


def configs() -> Iterator[type[BaseModel]]:
    for kind in ("source", "detector", "fuser", "publisher"):
        for name in names(kind):
            yield from nested(config_of(kind, name))
    yield models.Device
    yield from (models.Mqtt, models.Thing, models.Intent, models.ModelsConfig, models.Limits, rules.Rule)
    yield from (rules.Command, rules.Alert, rules.Publish, rules.Say)
    yield from (rules.SaidBody, rules.SeenBody, rules.ReadingBody, rules.TimeBody, rules.HealthBody, rules.BeliefIs)


def test_every_key_is_documented() -> None:
    """docs/configuration.md mentions every key that the configuration takes, of the installed plug-ins too."""
    words = set(re.findall(r"[a-z_0-9]+", (ROOT / "docs/configuration.md").read_text()))
    keys = {field.alias or name for config in configs() for name, field in config.model_fields.items()}

    assert sorted(keys - words) == []


SECTIONS: dict[str, type[BaseModel]] = {
    "device": models.Device,
    "mqtt": models.Mqtt,
    "microphone": config_of("source", "microphone"),
    "camera": config_of("source", "camera"),
    "recorded": config_of("source", "recorded"),
    "detectors": models.DetectorConfig,
    "voice": config_of("detector", "voice"),
    "objects": config_of("detector", "objects"),
    "climate": config_of("detector", "climate"),
    "beliefs": config_of("fuser", "bayes"),
    "rules": rules.Rule,
    "speaker": config_of("publisher", "speaker"),
    "limits": models.Limits,
}


def told_defaults(section: str) -> dict[str, Any]:
    """Key -> what the column of defaults says, in rows with as many defaults as keys."""
    text = (ROOT / "docs/configuration.md").read_text()
    body = re.split(rf"^##+ {section}\b.*\n", text, maxsplit=1, flags=re.MULTILINE)[1].split("\n##")[0]
    told: dict[str, Any] = {}
    for cell, default in re.findall(r"^\| (`[\w`, ]*`) \| ([^|]*) \|", body, re.MULTILINE):
        keys, values = re.findall(r"`(\w+)`", cell), yaml.safe_load(f"[{default.replace('`', '')}]")
        told |= dict(zip(keys, values, strict=True)) if len(keys) == len(values) else {}
    return told


@pytest.mark.parametrize("section", SECTIONS)
def test_documented_defaults_are_the_defaults(section: str) -> None:
    """Numbers, words and truth values in the column of defaults of docs/configuration.md are those of the Config."""
    told, fields = told_defaults(section), SECTIONS[section].model_fields
    real = {key: fields[key].get_default(call_default_factory=True) for key in told if key in fields}
    plain = {key: value for key, value in real.items() if isinstance(value, bool | int | float | str | dict)}

    assert plain
    assert plain == {key: told[key] for key in plain}


def test_documents_link_to_files_that_exist() -> None:
    """No link between the documents is broken."""
    documents = [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "deploy/jetson.md")),
        *sorted((ROOT / "docs").glob("*.md")),
    ]
    links = [
        (document, target)
        for document in documents
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
    ]

    assert len(links) > 5
    assert [f"{document.name}: {target}" for document, target in links if not (document.parent / target).exists()] == []


def test_configuration_in_the_readme_has_no_mistakes(tmp_path: Path) -> None:
    """The file that the README shows passes `edgefuse check`."""
    from edgefuse.config.load import check_file

    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    file = tmp_path / "home.yaml"
    file.write_text(block)

    assert [str(problem) for problem in check_file(file, config_of).problems] == []


def test_make_targets_in_the_readme_exist() -> None:
    """Every `make x` that the documents name is a target, and `make help` knows each."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.MULTILINE))
    named = {
        target
        for document in ("README.md", "CONTRIBUTING.md")
        for target in re.findall(r"make ([a-z0-9-]+)\b(?= *[`#)\]]| +ARGS)", (ROOT / document).read_text())
    }

    assert {"demo", "test"} <= named <= targets
    everyday = {"help", "setup", "check", "fix", "test", "e2e", "demo"}
    assert targets == everyday | {"soak", "bench", "train-all", "smoke-arm64"}


def test_architecture_lists_every_module() -> None:
    """The layout in ARCHITECTURE.md names each package and each module of edgefuse, and none that is gone."""
    (layout,) = re.findall(r"```\nedgefuse/\n(.*?)```", (ROOT / "ARCHITECTURE.md").read_text(), re.DOTALL)
    rows = {name.strip("/"): text for name, text in re.findall(r"^  (\S+)\s+(.*(?:\n   +.*)*)$", layout, re.MULTILINE)}
    package = ROOT / "edgefuse"
    there = {path.name for path in package.iterdir() if path.name[0] not in "_." and path.name != "py.typed"}
    unnamed = [
        f"{folder}/{path.name}"
        for folder in rows
        for path in sorted((package / folder).glob("*.py"))
        if not re.search(rf"\b{path.stem}\b", rows[folder]) and not path.stem.endswith(("__init__", "_checks"))
    ]

    assert (set(rows), unnamed) == (there, [])


def test_payloads_in_the_documents_keep_to_their_schema() -> None:
    """Each JSON example of docs/mqtt.md is what its schema admits."""
    text = (ROOT / "docs/mqtt.md").read_text()
    examples = re.findall(r"## (\w+)\n\n```json\n(.*?)```", text, re.DOTALL)
    checker = jsonschema.FormatChecker()

    assert [name for name, _ in examples] == ["belief", "intent", "alert", "say", "observation", "health"]
    for name, example in examples:
        jsonschema.Draft202012Validator(schema(name), format_checker=checker).validate(json.loads(example))
