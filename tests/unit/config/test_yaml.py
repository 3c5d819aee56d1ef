import pytest

from edgefuse.config.yaml import MAX_BYTES, MAX_DEPTH, Position, parse


def only_problem(text: str | bytes) -> tuple[int, int, str]:
    document = parse(text)
    [problem] = document.problems
    return (*problem.position, problem.message)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("12:30", "12:30"),
        ("010", "010"),
        ("-007", "-007"),
        ("1_000", "1_000"),
        ("2026-01-31", "2026-01-31"),
        ("0x1F", 31),
        ("0o17", 15),
        ("-3", -3),
        ("+3", 3),
        ("0", 0),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-0.5", -0.5),
        ("~", None),
        ("null", None),
        ("", None),
        ("true", True),
        ("FALSE", False),
        ("'5'", "5"),
        ('"true"', "true"),
        ("!!str 5", "5"),
        ("!!int '7'", 7),
        ("!!float 7", 7.0),
        ("[a, 1]", ["a", 1]),
        ("{a: on}", {"a": "on"}),
        ("!!map {}", {}),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(written: str, value: object) -> None:
    """A plain scalar is a number, truth value or null only where the core schema says so, and has its type."""
    document = parse(f"key: {written}")

    assert document.problems == []
    assert document.data == {"key": value}
    assert type(document.data["key"]) is type(value)


def test_every_key_and_value_has_a_position() -> None:
    """Positions count lines and columns from 1."""
    document = parse("a:\n  b: [x, {c: 1}]\n")

    assert document.keys["a", "b"] == Position(2, 3)
    assert document.at(("a", "b")) == Position(2, 6)
    assert document.at(("a", "b", 1, "c")) == Position(2, 14)
    assert document.key_at(("a", "b", 1, "c")) == Position(2, 11)
    assert document.key_at(("a", "b", 0)) == Position(2, 7)


def test_position_of_what_is_missing_is_the_nearest_thing_around() -> None:
    """A path that is not in the file leads to its parent."""
    document = parse("a:\n  b: {c: 1}\n")

    assert document.at(("a", "b", "x", "y")) == Position(2, 6)
    assert parse("").at(("a",)) == Position(1, 1)


def test_columns_count_characters_not_bytes() -> None:
    """Letters of several bytes count once."""
    document = parse("ä: {ö: 1}".encode())

    assert document.at(("ä", "ö")) == Position(1, 8)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a: 1\nb: 2\na: 3", 3, 1, "expected each key once, got 'a' again (first in line 1)"),
        ("3: x", 1, 1, "expected text as a key, got 3; put it in quotes"),
        ("~: x", 1, 1, "expected text as a key, got ~; put it in quotes"),
        ("a: {b}: c", 1, 7, "expected YAML, but mapping values are not allowed in this context"),
        ("? [a]\n: b", 1, 3, "expected text as a key, got a list; quote {...} that is meant as text"),
        (
            "<<: {a: 1}",
            1,
            1,
            "expected a key, got the merge key '<<', which YAML 1.2 does not have; write the keys out",
        ),
        ("a:\n\tb: 1", 2, 1, "expected spaces, got a tab"),
        (b"ok: 1\na: \xff", 2, 4, "expected UTF-8, got the byte 0xff"),
        ("a: 1".encode("utf-16"), 1, 1, "expected UTF-8, got UTF-16; save the file as UTF-8"),
        ("a: 1\nb: \x00", 2, 4, "expected printable text, got the character U+0000"),
        ("a: \udc00", 1, 4, "expected printable text, got the character U+DC00"),
        ("", 1, 1, "expected a configuration, got an empty file"),
        ("# nothing", 1, 1, "expected a configuration, got an empty file"),
        ("- a", 1, 1, "expected a mapping (key: value lines) at the top, got a list"),
        ("a", 1, 1, "expected a mapping (key: value lines) at the top, got a single value"),
        ("a: 1\n---\nb: 2", 2, 1, "expected one document, got another one after '---'"),
        ("a: !foo 1", 1, 4, "expected no tag, got '!foo'; write the value without it"),
        ("a: !!map []", 1, 4, "expected no tag, got 'tag:yaml.org,2002:map'; write the value without it"),
        ("a: !!int x", 1, 4, "expected !!int, got 'x'"),
        ("a: .inf", 1, 4, "expected a finite number, got .inf"),
        ("a: 1e999", 1, 4, "expected a finite number, got 1e999"),
        ("a: " + "9" * 5000, 1, 4, f"expected a number of at most 40 characters, got '{'9' * 40}'"),
        ("a: *b", 1, 4, "expected YAML, but found undefined alias"),
        ("a: &x [*x]", 1, 4, "expected an alias (*name) of another value, got one inside its own"),
        ("a: 'x", 1, 6, "expected YAML, but found unexpected end of stream while scanning a quoted scalar"),
    ],
)
def test_mistakes_are_told_with_their_place(text: str | bytes, line: int, column: int, message: str) -> None:
    """Whatever YAML cannot be, or we refuse, is one clear problem with line and column."""
    assert only_problem(text) == (line, column, message)


def test_mistakes_that_do_not_hide_others_are_told_together() -> None:
    """Duplicate keys, wrong keys and tags are collected."""
    document = parse("a: 1\na: 2\n3: x\nb: !x 1\n")

    assert [problem.position.line for problem in document.problems] == [2, 3, 4]
    assert document.data == {"a": 1, "b": None}


def test_a_byte_order_mark_is_skipped() -> None:
    """Editors of Windows write one."""
    assert parse("\ufeffa: 1".encode()).data == {"a": 1}


def test_an_alias_is_its_value_again() -> None:
    """Aliases are expanded; the position is where the value is written."""
    document = parse("a: &x [1, 2]\nb: *x\n")

    assert document.data == {"a": [1, 2], "b": [1, 2]}
    assert document.at(("b", 1)) == Position(1, 11)


def test_billion_laughs_are_refused() -> None:
    """Nine levels of aliases stay small."""
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [f"{c}: &{c} [{','.join([f'*{chr(ord(c) - 1)}'] * 9)}]" for c in "bcdefghi"]

    assert only_problem("\n".join(lines))[2].startswith("expected at most 50000 values, also with every alias")


def test_deep_nesting_is_refused() -> None:
    """Brackets cannot exhaust the stack."""
    assert only_problem("a: " + "[" * 200_000)[2] == f"expected at most {MAX_DEPTH} levels of nesting"


def test_many_values_are_refused() -> None:
    """A list of a hundred thousand entries is no configuration."""
    assert only_problem("a: [" + "1," * 100_000 + "]")[2] == "expected at most 50000 values"


def test_large_files_are_refused_unread() -> None:
    """A text above the limit is not parsed."""
    assert only_problem("#" * (MAX_BYTES + 1)) == (1, 1, f"expected at most {MAX_BYTES} bytes, got {MAX_BYTES + 1}")
