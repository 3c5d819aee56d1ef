"""Reads files of cases for grounding, every mistake at its place; deploy/grounding-cases.md says what is in them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import ValidationError

from edgefuse.app.build import check_site, with_areas
from edgefuse.app.models import nameable
from edgefuse.config import yaml
from edgefuse.config.errors import problems_of
from edgefuse.config.load import check_document, findings
from edgefuse.config.models import Site
from edgefuse.config.wording import nearest
from edgefuse.config.yaml import Document, Problem
from edgefuse.core.errors import ConfigError
from edgefuse.evaluation.grounding_format import Case, CaseFile, Expectation, Wanted
from edgefuse.evaluation.grounding_scene import SceneSpec, merged, scene_problems
from edgefuse.grounding.order import INTENTS
from edgefuse.registry import config_of, modality_of
from edgefuse.rules.actions import unknown_placeholders


@dataclass(frozen=True, slots=True)
class ReadTurn:
    """One thing that is said."""

    words: str
    scene: SceneSpec
    """Complete."""
    after_s: float


@dataclass(frozen=True, slots=True)
class ReadCase:
    """One case, with its scenes put together."""

    turns: tuple[ReadTurn, ...]
    """The last is what is judged."""
    expect: tuple[Expectation, ...]
    category: str
    split: str
    place: str
    """file:line"""

    @property
    def words(self) -> str:
        """What is judged."""
        return self.turns[-1].words


@dataclass(frozen=True, slots=True)
class Cases:
    """One file."""

    path: Path
    language: str
    site: Site
    cases: tuple[ReadCase, ...]


def read_cases(path: Path) -> Cases:
    """Read a file. Raises ConfigError with every mistake, each with file, line and column."""
    document = parsed(path)
    file = _validated(document, path)
    site = _home(file, document, path)
    problems = list(_problems(file, site))
    if problems:
        raise _error(path, [Problem(document.at(where), where, message) for where, message in problems])
    return Cases(path, file.language, site, tuple(_read(file, document, path)))


def parsed(path: Path) -> Document:
    """A YAML or JSON file with positions. Raises ConfigError."""
    try:
        document = yaml.parse(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}:1:1: expected a readable file, got: {error.strerror or error}") from None
    if document.problems:
        raise _error(path, document.problems)
    return document


def _error(path: Path, problems: Sequence[Problem]) -> ConfigError:
    return ConfigError(*map(str, findings(str(path), list(problems))))


def _validated(document: Document, path: Path) -> CaseFile:
    try:
        return CaseFile.model_validate(document.data)
    except ValidationError as error:
        raise _error(path, problems_of(error, CaseFile, document.data, document)) from None


def read_scene_file(path: Path, site: Site) -> SceneSpec:
    """A scene in a file of its own, JSON or YAML. Raises ConfigError with every mistake."""
    document = parsed(path)
    try:
        spec = SceneSpec.model_validate(document.data)
    except ValidationError as error:
        raise _error(path, problems_of(error, SceneSpec, document.data, document)) from None
    problems = [*scene_problems(spec, site)]
    if spec.base is not None:
        problems.append((("base",), "expected no 'base': a scene in a file of its own is complete"))
    if problems:
        raise _error(path, [Problem(document.at(where), where, message) for where, message in problems])
    return spec


def _home(file: CaseFile, document: Document, path: Path) -> Site:
    if isinstance(file.home, str):
        checked = check_site(path.parent / file.home)
    else:
        inner = _inside(document, "home")
        folder = path.absolute().parent
        checked = check_document(
            inner, str(path), config_of, modality_of, unknown_placeholders, folder, nameable=nameable
        )
    if checked.site is None:
        raise ConfigError(*map(str, checked.problems))
    return with_areas(checked.site)


def _inside(document: Document, key: str) -> Document:
    """One entry as a document of its own, at the place where it stands."""
    keys = {path[1:]: position for path, position in document.keys.items() if path[:1] == (key,) and path[1:]}
    values = {path[1:]: position for path, position in document.values.items() if path[:1] == (key,)}
    return Document(document.data[key], [], keys, values)


Remark: TypeAlias = tuple[yaml.Path, str]


def _problems(file: CaseFile, site: Site) -> Iterator[Remark]:
    for name, spec in file.scenes.items():
        yield from _within(("scenes", name), _scene_problems(spec, file, site))
    for category, cases in file.cases.items():
        for n, case in enumerate(cases):
            at: yaml.Path = ("cases", category, n) if category else ("cases", n)
            yield from _within(at, _case_problems(case, file, site))


def _within(path: yaml.Path, remarks: Iterator[Remark]) -> Iterator[Remark]:
    for where, message in remarks:
        yield (*path, *where), message


def _scene_problems(spec: SceneSpec, file: CaseFile, site: Site) -> Iterator[Remark]:
    if spec.base is not None and spec.base not in file.scenes:
        yield ("base",), f"expected the name of a scene, got '{spec.base}'{nearest(spec.base, file.scenes)}"
    elif _circular(spec, file.scenes):
        yield ("base",), f"expected a scene that does not rest upon itself, got '{spec.base}'"
    yield from scene_problems(spec, site)


def _circular(spec: SceneSpec, scenes: Mapping[str, SceneSpec]) -> bool:
    passed: set[str] = set()
    while spec.base is not None and spec.base in scenes:
        if spec.base in passed:
            return True
        passed.add(spec.base)
        spec = scenes[spec.base]
    return False


def _case_problems(case: Case, file: CaseFile, site: Site) -> Iterator[Remark]:
    yield from _within(("scene",), _scene_problems(case.scene, file, site))
    for n, turn in enumerate(case.history):
        if turn.scene is not None:
            yield from _within(("history", n, "scene"), _scene_problems(turn.scene, file, site))
    for expectation in case.expect:
        for wanted in (*expectation.wanted, *expectation.also):
            yield from _within(("expect",), _wanted_problems(wanted, site))
        if isinstance(expectation.question, list):
            yield from _within(("expect",), _unknown("thing", expectation.question, site.things))


def _wanted_problems(wanted: Wanted, site: Site) -> Iterator[Remark]:
    yield from _unknown("intent", wanted.intent, [*INTENTS, *site.intents])
    yield from _unknown("thing", [*(wanted.things or ()), *wanted.may], site.things)


def _unknown(what: str, named: Sequence[str], known: Sequence[str] | Mapping[str, Any]) -> Iterator[Remark]:
    for name in named:
        if name not in known:
            yield (), f"expected {'an' if what[0] in 'aeiou' else 'a'} {what}, got '{name}'{nearest(name, known)}"


def _read(file: CaseFile, document: Document, path: Path) -> Iterator[ReadCase]:
    for category, cases in file.cases.items():
        for n, case in enumerate(cases):
            at: yaml.Path = ("cases", category, n) if category else ("cases", n)
            yield ReadCase(
                turns=tuple(_turns_of(case, file.scenes)),
                expect=tuple(case.expect),
                category=case.category or category,
                split=case.split,
                place=f"{path.name}:{document.at(at).line}",
            )


def _turns_of(case: Case, scenes: Mapping[str, SceneSpec]) -> Iterator[ReadTurn]:
    scene = merged(case.scene, scenes)
    for turn in case.history:
        yield ReadTurn(turn.words, scene if turn.scene is None else merged(turn.scene, scenes), turn.after_s)
    yield ReadTurn(case.words, scene, case.after_s)
