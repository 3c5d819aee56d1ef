from typing import Any, get_args

import pytest
from pydantic_core import PydanticKnownError
from pydantic_core.core_schema import ErrorType

from edgefuse.config.wording import expected, nearest, shown

CONTEXT: dict[str, Any] = {
    "gt": 1.5, "ge": 1, "lt": 2, "le": 2, "multiple_of": 5, "min_length": 1, "max_length": 3, "actual_length": 9,
    "field_type": "List", "pattern": "^a$", "expected": "'a' or 'b'", "expected_tags": "'a', 'b'", "discriminator": "t",
    "tag": "x", "error": "expected something else",
    "class": "X", "class_name": "X", "method_name": "m", "encoding": "utf-8",
    "encoding_error": "e", "tz_expected": 0, "tz_actual": 1, "expected_version": 4, "expected_schemes": "a",
    "max_digits": 3,
    "decimal_places": 2, "whole_digits": 2, "attribute": "a", "field_name": "a", "expected_count": 1,
}  # fmt: skip
NEVER = {"needs_python_object", "set_item_not_hashable"}
"""Not possible with what YAML can hold."""
OWN = {"value_error", "assertion_error", "union_tag_not_found"}


def words(kind: str, value: object = "x", key: str = "size") -> str:
    """The message for one of pydantic's error types."""
    error = PydanticKnownError(kind, CONTEXT) if kind not in OWN else None  # type: ignore[arg-type]
    message = error.message() if error else "Value error, expected something else"
    return expected({"type": kind, "ctx": CONTEXT, "input": value, "msg": message}, ("a", key))


@pytest.mark.parametrize("kind", sorted(set(get_args(ErrorType)) - NEVER))
def test_every_error_of_pydantic_has_words(kind: str) -> None:
    """Whatever a plug-in's Config uses, the message starts with what was expected and has no jargon."""
    try:
        message = words(kind)
    except (TypeError, KeyError) as error:
        pytest.skip(f"needs a context of its own: {error}")

    assert message.startswith("expected ")
    for jargon in ("Input", "should be", "pydantic", "validator", "None"):
        assert jargon not in message.removesuffix("got 'x'")


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("greater_than", 1, "expected more than 1.5, got 1"),
        ("multiple_of", 3, "expected a multiple of 5, got 3"),
        ("string_too_long", "abcd", "expected at most 3 characters, got 'abcd'"),
        ("too_short", [], "expected at least 1 item, got an empty list"),
        ("string_pattern_mismatch", "b", "expected text that matches ^a$, got 'b'"),
        ("literal_error", "c", "expected 'a' or 'b', got 'c'"),
        ("dict_type", [1, 2], "expected a mapping, got a list of 2"),
        ("int_from_float", 1.5, "expected a whole number, got 1.5"),
        ("bool_parsing", "maybe", "expected true or false, got 'maybe'"),
        ("none_required", "x", "expected nothing, got 'x'"),
        ("union_tag_invalid", "x", "expected one of 'a', 'b', got 'x'"),
        ("value_error", "x", "expected something else, got 'x'"),
        ("value_error", {}, "expected something else"),
        ("is_instance_of", 3, "expected an instance of X, got 3"),
    ],
)
def test_words_of_the_common_errors(kind: str, value: object, message: str) -> None:
    """What was expected and what we got, in the words of the file."""
    assert words(kind, value) == message


def test_a_validator_that_names_the_secret_is_not_repeated() -> None:
    """The value of a key called password never shows up."""
    error = {"type": "value_error", "ctx": {"error": ValueError("bad 'hunter2'")}, "input": "hunter2", "msg": ""}

    assert expected(error, ("mqtt", "password")) == "expected another value, got a value that is not shown"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (None, "nothing"),
        (1.5, "1.5"),
        ("a" * 100, "'" + "a" * 37 + "...'"),
        ({"a": 1}, "a mapping"),
        ({}, "an empty mapping"),
        ("rtsp://me:pw@cam/1", "'rtsp://***@cam/1'"),
    ],
)
def test_values_are_shown_short_and_as_yaml_writes_them(value: object, text: str) -> None:
    """Long texts are cut; passwords of URLs are masked."""
    assert shown(value) == text


def test_nearest_ignores_capitals_and_lists_few_names() -> None:
    """A near spelling is offered, else all names where they fit a line."""
    assert nearest("Kitchen", ["kitchen", "hall"]) == "; did you mean 'kitchen'?"
    assert nearest("x", ["kitchen", "hall"]) == " (known: kitchen, hall)"
    assert nearest("x", []) == ""
    assert nearest("x", [f"name{i}" for i in range(40)]) == ""
