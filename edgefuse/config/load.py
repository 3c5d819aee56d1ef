"""YAML file -> Site, with every mistake at once as `file:line:column: path: what was expected (got ...)`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ValidationError

from edgefuse.config import yaml
from edgefuse.config.errors import problems_of
from edgefuse.config.lint import Nameable, Remark, lint
from edgefuse.config.models import ModelsConfig, Site
from edgefuse.config.paths import anchored
from edgefuse.config.rules import Rule
from edgefuse.config.wording import masked, shown
from edgefuse.config.yaml import Document, Problem
from edgefuse.core.errors import ConfigError
from edgefuse.core.types import Json, Modality

PartKind: TypeAlias = Literal["source", "detector", "fuser", "publisher"]
ConfigOf: TypeAlias = Callable[[PartKind, str], type[Any]]
"""(kind, type name) -> the pydantic model of that plug-in; raises ConfigError for an unknown name."""
ModalityOf: TypeAlias = Callable[[PartKind, Any], Modality | None]
"""(kind, its Config) -> what a source gives or a detector takes; None where it cannot be known."""

Unfilled: TypeAlias = Callable[[Rule], list[str]]
"""Placeholders in the actions of a rule that nothing can fill (`edgefuse.rules.actions.unknown_placeholders`)."""

NameableOf: TypeAlias = Callable[[ModelsConfig], Nameable]
"""Engines and models that are here, in the folder of models that the file names."""
_PARTS: tuple[tuple[str, PartKind, str, str | None], ...] = (
    ("sources", "source", "type", None),
    ("detectors", "detector", "type", None),
    ("beliefs", "fuser", "fuser", "bayes"),
    ("publishers", "publisher", "type", None),
)
"""Section, kind, the key that names the plug-in, its default."""
_UNITS = ("sources", "detectors", "things", "intents", "beliefs", "rules", "publishers")
"""Sections whose entries are right or wrong one by one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake or warning, ready to print."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        path = f"{self.path}: " if self.path else ""
        return f"{self.file}:{self.line}:{self.column}: {path}{self.message}"

    def to_json(self) -> dict[str, Json]:
        """JSON-ready copy."""
        return {name: getattr(self, name) for name in ("file", "line", "column", "path", "message")}


@dataclass(frozen=True, slots=True)
class Checked:
    """What is to be said about one file."""

    name: str
    site: Site | None
    """None when there are problems."""
    problems: tuple[Finding, ...] = ()
    """In order of their lines; the daemon does not start with one."""
    warnings: tuple[Finding, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """JSON-ready copy."""
        return {
            "file": self.name,
            "ok": not self.problems,
            "problems": [finding.to_json() for finding in self.problems],
            "warnings": [finding.to_json() for finding in self.warnings],
        }


def load_site(
    path: Path,
    config_of: ConfigOf,
    modality_of: ModalityOf | None = None,
    unfilled: Unfilled | None = None,
    nameable: NameableOf | None = None,
) -> Site:
    """Read a file. Raises ConfigError with every mistake in it; warnings are not looked at."""
    checked = check_file(path, config_of, modality_of, unfilled, nameable)
    if checked.site is None:
        raise ConfigError(*map(str, checked.problems))
    return checked.site


def check_file(
    path: Path,
    config_of: ConfigOf,
    modality_of: ModalityOf | None = None,
    unfilled: Unfilled | None = None,
    nameable: NameableOf | None = None,
) -> Checked:
    """Read a file and say everything that is wrong with it; raises nothing."""
    try:
        with path.open("rb") as file:
            data = file.read(yaml.MAX_BYTES + 1)
    except OSError as error:
        problem = Finding(str(path), 1, 1, "", f"expected a readable file, got: {error.strerror or error}")
        return Checked(str(path), None, (problem,))
    return check_text(data, str(path), config_of, modality_of, unfilled, path.absolute().parent, nameable=nameable)


def check_text(  # noqa: PLR0913  what is installed, by name
    text: str | bytes,
    name: str,
    config_of: ConfigOf,
    modality_of: ModalityOf | None = None,
    unfilled: Unfilled | None = None,
    folder: Path | None = None,
    *,
    nameable: NameableOf | None = None,
) -> Checked:
    """Check a text. `name` stands for the file in messages; relative paths in it start at `folder`."""
    return check_document(yaml.parse(text), name, config_of, modality_of, unfilled, folder, nameable=nameable)


def check_document(  # noqa: PLR0913  what is installed, by name
    document: Document,
    name: str,
    config_of: ConfigOf,
    modality_of: ModalityOf | None = None,
    unfilled: Unfilled | None = None,
    folder: Path | None = None,
    *,
    nameable: NameableOf | None = None,
) -> Checked:
    """The same of a text that is read already, or of a part of one."""
    if document.data is None:
        return Checked(name, None, findings(name, document.problems))
    reading = _Reading(document, list(document.problems), folder or Path.cwd())
    site = _site(reading, config_of)
    remarks = list(lint(site, modality_of, reading.broken, reading.rule_indexes, unfilled, nameable))
    problems = [*reading.problems, *(_located(r, document) for r in remarks if not r.warning)]
    warnings = [_located(r, document) for r in remarks if r.warning]
    return Checked(name, None if problems else site, findings(name, problems), findings(name, warnings))


def render(checked: Checked) -> str:
    """What `edgefuse check` prints: mistakes, warnings, and one line that sums up."""
    lines = [*map(str, checked.problems), *(f"{warning} (warning)" for warning in checked.warnings)]
    counts = f"{_count(len(checked.problems), 'mistake')}, {_count(len(checked.warnings), 'warning')}"
    if checked.site is None:
        return "\n".join([*lines, f"{checked.name}: {counts}"])
    site = checked.site
    sections = ("sources", "detectors", "things", "beliefs", "rules")
    holds = ", ".join(_count(len(getattr(site, section)), section[:-1]) for section in sections)
    return "\n".join([*lines, f"{checked.name}: good, {counts} ({holds})"])


def _count(n: int, word: str) -> str:
    return f"{n or 'no'} {word}{'' if n == 1 else 's'}"


@dataclass(slots=True)
class _Reading:
    """What is known of a file half-way."""

    document: Document
    problems: list[Problem]
    folder: Path
    broken: dict[str, set[str]] = field(default_factory=dict)
    """Section -> names of its entries that have mistakes: references to them are not mistakes too."""
    rule_indexes: list[int] = field(default_factory=list)
    """Place in the file of each rule that is left."""

    def note(self, problem: Problem) -> None:
        self.problems.append(problem)
        if len(problem.path) > 1:
            self.broken.setdefault(str(problem.path[0]), set()).add(str(problem.path[1]))


def _site(reading: _Reading, config_of: ConfigOf) -> Site:
    """The Site of everything that is right; the rest is noted."""
    given = {key: value for key, value in reading.document.data.items() if value is not None}
    data = anchored(given, Site, reading.folder)
    for section, kind, key, default in _PARTS:
        if isinstance(data.get(section), Mapping):
            data[section] = _parts(reading, section, kind, (key, default), config_of)
    if "publishers" not in reading.broken:
        data["publishers"] = _with_mqtt(data.get("publishers") or {}, config_of)
    rules = data.get("rules")
    reading.rule_indexes = list(range(len(rules))) if isinstance(rules, list) else []
    try:
        return Site.model_validate(data)
    except ValidationError as error:
        found = problems_of(error, Site, data, reading.document)
        for problem in found:
            reading.note(problem)
        return Site.model_validate(_without(data, [problem.path for problem in found], reading))


def _with_mqtt(publishers: Any, config_of: ConfigOf) -> Any:
    """The default publisher, beside those that serve this device alone."""
    if not isinstance(publishers, Mapping) or not all(part.local for part in publishers.values()):
        return publishers
    name = "mqtt" if "mqtt" not in publishers else "mqtt.default"
    return {name: config_of("publisher", "mqtt")(type="mqtt"), **publishers}


def _parts(
    reading: _Reading, section: str, kind: PartKind, key: tuple[str, str | None], config_of: ConfigOf
) -> dict[str, Any]:
    """The entries of one section, each validated by the Config of its plug-in."""
    made = {}
    for name, entry in reading.document.data[section].items():
        part = _part(reading, (section, name), kind, key, config_of) if isinstance(entry, Mapping) else None
        if part is not None:
            made[name] = part
        elif not isinstance(entry, Mapping):
            at = reading.document.at((section, name))
            reading.note(Problem(at, (section, name), f"expected a mapping, got {shown(entry, name)}"))
    return made


def _part(
    reading: _Reading, path: tuple[str, str], kind: PartKind, key: tuple[str, str | None], config_of: ConfigOf
) -> BaseModel | None:
    entry = reading.document.data[path[0]][path[1]]
    key_name, default = key
    named = entry.get(key_name, default)
    at = reading.document.at((*path, key_name))
    try:
        config: type[BaseModel] = config_of(kind, named if isinstance(named, str) else "")
    except ConfigError as error:
        message = masked(str(error)) if isinstance(named, str) else _no_type(key_name, named, str(error))
        reading.note(Problem(at, (*path, key_name), message))
        return None
    data = anchored(entry, config, reading.folder)
    try:
        return config.model_validate(data)
    except ValidationError as error:
        for problem in problems_of(error, config, data, reading.document, path):
            reading.note(problem)
        return None


def _no_type(key: str, named: Any, known: str) -> str:
    names = re.search(r"\(known: .*\)$", known)
    return f"expected '{key}', got {shown(named)}{' ' + names[0] if names else ''}"


def _without(data: dict[str, Any], paths: list[yaml.Path], reading: _Reading) -> dict[str, Any]:
    """Data without the entries (or whole sections) that have mistakes, so that the rest can still be checked."""
    left = dict(data)
    for section in {path[0] for path in paths}:
        entries = {path[1] if len(path) > 1 else None for path in paths if path[0] == section}
        body = left.pop(str(section), None)
        if section not in _UNITS or None in entries:
            continue
        if isinstance(body, Mapping):
            left[str(section)] = {name: entry for name, entry in body.items() if name not in entries}
        elif isinstance(body, list):
            reading.rule_indexes = [i for i in range(len(body)) if i not in entries]
            left[str(section)] = [body[i] for i in reading.rule_indexes]
    return {"device": {"id": "unnamed"}, **left}


def _located(remark: Remark, document: Document) -> Problem:
    at = document.key_at(remark.path) if remark.key else document.at(remark.path)
    return Problem(at, remark.path, remark.message)


def findings(name: str, problems: list[Problem]) -> tuple[Finding, ...]:
    """Problems of the file `name`, in the order of its lines."""
    ordered = sorted(problems, key=lambda p: (p.position, p.message))
    return tuple(Finding(name, *p.position, _dotted(p.path), p.message) for p in ordered)


def _dotted(path: yaml.Path) -> str:
    """`rules[0].when.belief`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
