"""YAML text -> data and the position of every key and value.

Scalars resolve by the YAML 1.2 core schema (yaml.org/spec/1.2.2, section 10.3.2): `on`, `yes` and `12:30` are text. One
deviation: a number with a leading zero, `010`, stays text too. Sizes are bounded before any tree is built.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import yaml

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list indexes from the root."""

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_NODES = 50_000
"""Also after aliases are expanded."""
MAX_DIGITS = 40

_CORE = "tag:yaml.org,2002:"
_KINDS = {
    yaml.ScalarNode: ("null", "bool", "int", "float", "str"),
    yaml.SequenceNode: ("seq",),
    yaml.MappingNode: ("map",),
}
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufeff\uff00-\ufffd\U00010000-\U0010ffff]")
"""What YAML calls non-printable, and a byte order mark inside the text."""
_RESOLVERS = {
    "null": (r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    "bool": (r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    "int": (r"^(?:[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    "float": (
        r"^(?:[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        list("-+.0123456789"),
    ),
}


class Position(NamedTuple):
    """Where something stands in the text, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake."""

    position: Position
    path: Path
    message: str


@dataclass(slots=True)
class Document:
    """What a text holds."""

    data: Any = None
    """dict, list, str, int, float, bool, None; None when the text is no YAML."""
    problems: list[Problem] = field(default_factory=list)
    keys: dict[Path, Position] = field(default_factory=dict)
    """Path of a mapping's entry -> where its key stands."""
    values: dict[Path, Position] = field(default_factory=dict)

    def at(self, path: Path) -> Position:
        """Where the value stands, or the nearest thing around it that exists."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.values:
                return self.values[path[:end]]
        return Position(1, 1)

    def key_at(self, path: Path) -> Position:
        """Where the key of an entry stands; for a list's item, the item."""
        return self.keys.get(path) or self.at(path)


class _Stop(Exception):  # noqa: N818  no error of the program: the text cannot be read further
    def __init__(self, message: str, position: Position | None = None, path: Path = ()) -> None:
        super().__init__(message)
        self.problem = Problem(position or Position(1, 1), path, message)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """libyaml where PyYAML has it; composes nodes with the tags of the core schema."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  PyYAML wants a plain attribute


for _name, (_pattern, _first) in _RESOLVERS.items():
    _Loader.add_implicit_resolver(_CORE + _name, re.compile(_pattern), _first)


def parse(text: str | bytes) -> Document:
    """Read one YAML document whose root is a mapping; every mistake ends up in `problems`, none is raised."""
    document = Document()
    try:
        clean = _decode(text)
        _check_bounds(clean)
        node = _compose(clean)
        document.data = _Builder(document).build(node, (), 0)
    except _Stop as stop:
        document.data = None
        document.problems.append(stop.problem)
    return document


def _decode(text: str | bytes) -> str:
    size = len(text)
    if size > MAX_BYTES:
        raise _Stop(f"expected at most {MAX_BYTES} bytes, got {size}")
    if isinstance(text, bytes):
        if text.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise _Stop("expected UTF-8, got UTF-16; save the file as UTF-8")
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode("utf-8")
            raise _Stop(f"expected UTF-8, got the byte 0x{error.object[error.start]:02x}", _end_of(before)) from None
    text = text.removeprefix("\ufeff")
    if bad := _FORBIDDEN.search(text):
        raise _Stop(f"expected printable text, got the character U+{ord(bad[0]):04X}", _end_of(text[: bad.start()]))
    return text


def _end_of(text: str) -> Position:
    lines = re.split("\r\n|[\r\n]", text)
    return Position(len(lines), len(lines[-1]) + 1)


def _check_bounds(text: str) -> None:
    """Walk the events, of which libyaml keeps none, so that nothing large is ever built."""
    depth = nodes = documents = 0
    for event in _events(text):
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _Stop("expected one document, got another one after '---'", _position(event))
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        nodes += isinstance(event, yaml.NodeEvent)
        if depth > MAX_DEPTH:
            raise _Stop(f"expected at most {MAX_DEPTH} levels of nesting", _position(event))
        if nodes > MAX_NODES:
            raise _Stop(f"expected at most {MAX_NODES} values", _position(event))


def _events(text: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise _syntax(error, text) from None


def _compose(text: str) -> yaml.Node:
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise _syntax(error, text) from None
    if node is None:
        raise _Stop("expected a configuration, got an empty file")
    if not isinstance(node, yaml.MappingNode):
        raise _Stop(f"expected a mapping (key: value lines) at the top, got {_shape(node)}", _position(node))
    return node


def _syntax(error: yaml.YAMLError, text: str) -> _Stop:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    position = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
    lines = text.splitlines() or [""]
    line = lines[min(position.line, len(lines)) - 1]
    problem, context = getattr(error, "problem", None) or "it cannot be read", getattr(error, "context", None) or ""
    if "\t" in line[: position.column] and "token" in problem:
        return _Stop("expected spaces, got a tab", Position(position.line, line.index("\t") + 1))
    return _Stop(f"expected YAML, but {problem} {context}".rstrip(), position)


def _position(what: Any) -> Position:
    return Position(what.start_mark.line + 1, what.start_mark.column + 1)


def _shape(node: yaml.Node) -> str:
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "a mapping" if isinstance(node, yaml.MappingNode) else "a single value"


class _Builder:
    """Makes data of nodes, noting positions; mistakes that do not hide others are collected."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._nodes = 0
        self._open: set[int] = set()

    def build(self, node: yaml.Node, path: Path, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > 2 * MAX_DEPTH:
            raise _Stop(f"expected at most {MAX_NODES} values, also with every alias (*name) replaced", _position(node))
        self._document.values[path] = _position(node)
        kind = node.tag.removeprefix(_CORE)
        if kind not in _KINDS[type(node)]:
            self._problem(node, path, f"expected no tag, got '{node.tag}'; write the value without it")
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, kind, path)
        if id(node) in self._open:
            raise _Stop("expected an alias (*name) of another value, got one inside its own", _position(node), path)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path, depth)
            return [self.build(item, (*path, i), depth + 1) for i, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            here = (*path, key)
            if key in made:
                first = self._document.keys[here]
                self._problem(key_node, here, f"expected each key once, got '{key}' again (first in line {first.line})")
                continue
            self._document.keys[here] = _position(key_node)
            made[key] = self.build(value_node, here, depth + 1)
        return made

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._problem(
                node, path, f"expected text as a key, got {_shape(node)}; quote {{...}} that is meant as text"
            )
        elif node.tag != _CORE + "str":
            self._problem(node, path, f"expected text as a key, got {node.value or 'nothing'}; put it in quotes")
        elif node.value == "<<" and not node.style:
            self._problem(
                node, path, "expected a key, got the merge key '<<', which YAML 1.2 does not have; write the keys out"
            )
        else:
            return str(node.value)
        return None

    def _scalar(self, node: yaml.ScalarNode, kind: str, path: Path) -> Any:
        text = str(node.value)
        if kind == "str":
            return text
        pattern = _RESOLVERS.get(kind, ("$.", []))[0]
        if not re.fullmatch(pattern, text) or len(text) > MAX_DIGITS:
            wanted = f"a number of at most {MAX_DIGITS} characters" if re.fullmatch(pattern, text) else f"!!{kind}"
            self._problem(node, path, f"expected {wanted}, got '{text[:MAX_DIGITS]}'")
            return None
        value = _CONSTRUCT[kind](text)
        if isinstance(value, float) and not math.isfinite(value):
            self._problem(node, path, f"expected a finite number, got {text}")
            return None
        return value

    def _problem(self, node: yaml.Node, path: Path, message: str) -> None:
        self._document.problems.append(Problem(_position(node), path, message))


def _int(text: str) -> int:
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _float(text: str) -> float:
    return math.inf if text[-1] in "fFnN" else float(text)


_CONSTRUCT = {"null": lambda _: None, "bool": lambda text: text.lower() == "true", "int": _int, "float": _float}
