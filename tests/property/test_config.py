import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefuse.config.load import check_text, render
from edgefuse.config.models import PublisherConfig, Site
from edgefuse.config.rules import ACTION_KEYS, CONDITION_KEYS, Rule
from edgefuse.config.yaml import parse
from edgefuse.core.errors import ConfigError

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,10}", fullmatch=True)
SCALARS = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"], exclude_characters="\ufeff"))
JSON = st.recursive(SCALARS | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)

SYNTAX = st.text(alphabet="abc01.-+:,[]{}#&*!|>'\"%@`?~<= \n\t\\é\u2028\x85", max_size=60)

NUMBERS = st.floats(-100, 100)
BOUNDS = st.fixed_dictionaries({}, optional={"above": NUMBERS, "below": NUMBERS, "hysteresis": st.floats(0, 1)})
TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
LEAVES = st.one_of(
    st.builds(lambda name, bounds: {"belief": name, **bounds}, NAMES, BOUNDS),
    st.builds(lambda intents: {"said": {"intent": intents}}, st.lists(NAMES) | NAMES | st.none()),
    st.builds(lambda label, n: {"seen": {"label": label, "at_least": n}}, NAMES, st.integers(1, 9)),
    st.builds(lambda of, value: {"reading": {"of": of, "quantity": "t", "above": value}}, NAMES, NUMBERS),
    st.builds(lambda after, before: {"time": {"after": after, "before": before}}, TIMES, TIMES),
    st.builds(lambda of: {"health": {"of": of, "state": "failed"}}, NAMES),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(
            lambda parts, s: {"any": parts, "for_s": s}, st.lists(inner, min_size=1, max_size=3), st.integers(0, 9)
        ),
        st.builds(lambda part: {"not": part}, inner),
    ),
    max_leaves=6,
)
ACTIONS = st.one_of(
    st.builds(lambda thing: {"command": thing, "intent": "turn_on"}, NAMES),
    st.builds(lambda name: {"alert": name, "severity": "Severe"}, NAMES),
    st.builds(lambda topic, payload: {"publish": topic, "payload": payload}, NAMES, JSON),
    st.builds(lambda text: {"say": text}, TEXT),
)
RULES = st.builds(
    lambda name, when, then: {"name": name, "when": when, "then": then},
    NAMES,
    CONDITIONS,
    st.lists(ACTIONS, min_size=1),
)


def config_of(kind: str, name: str) -> type[Any]:
    """No plug-in but the default publisher."""
    if (kind, name) != ("publisher", "mqtt"):
        raise ConfigError(f"unknown {kind} type '{name}'")
    return PublisherConfig


@given(st.text() | st.binary() | SYNTAX)
def test_yaml_never_crashes(text: str | bytes) -> None:
    """Any text or bytes give data or a problem with a position inside the text."""
    document = parse(text)

    assert document.data is not None or document.problems
    assert all(problem.position >= (1, 1) for problem in document.problems)


@given(st.dictionaries(TEXT, JSON))
def test_what_is_written_as_json_is_read_the_same(data: dict[str, Any]) -> None:
    """JSON is YAML: what another program writes means the same here."""
    document = parse(json.dumps(data, ensure_ascii=False))

    assert document.problems == []
    assert document.data == data


@given(st.dictionaries(TEXT, JSON))
def test_every_value_has_a_position(data: dict[str, Any]) -> None:
    """Each path of the data is found, in order of the text."""
    document = parse(json.dumps(data, ensure_ascii=False))

    def walk(value: Any, path: tuple[str | int, ...]) -> None:
        assert path in document.values
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, item in items:
            walk(item, (*path, key))

    walk(data, ())
    positions = list(document.values.values())
    assert positions == sorted(positions)


@given(st.lists(RULES, max_size=3, unique_by=lambda rule: rule["name"]))
@settings(deadline=None)
def test_rules_survive_the_round_trip(rules: list[dict[str, Any]]) -> None:
    """Rule -> JSON -> YAML text -> Rule is the same rule."""
    site = Site.model_validate({"device": {"id": "a"}, "rules": rules})
    dumped = json.loads(json.dumps([rule.model_dump(by_alias=True) for rule in site.rules]))
    read = parse(json.dumps({"rules": dumped}, ensure_ascii=False)).data

    assert tuple(Rule.model_validate(rule) for rule in read["rules"]) == tuple(site.rules)


@given(
    st.dictionaries(
        st.sampled_from([*Site.model_fields, "x"]),
        st.recursive(
            SCALARS | TEXT,
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [*CONDITION_KEYS, *ACTION_KEYS, "name", "when", "then", "type", "on", "kind", "id"]
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=15,
        ),
    )
)
@settings(deadline=None)
def test_checking_never_crashes(data: dict[str, Any]) -> None:
    """Whatever stands where, the check ends with a site or with problems that have places."""
    checked = check_text(json.dumps(data), "x.yaml", config_of)

    assert (checked.site is None) == bool(checked.problems)
    assert render(checked).splitlines()[-1].startswith("x.yaml: ")


@given(RULES)
@settings(deadline=None)
def test_lint_takes_every_rule(rule: dict[str, Any]) -> None:
    """Any well-formed rule can be judged, and the judgement is the same again."""
    text = json.dumps({"device": {"id": "a"}, "rules": [rule]}, ensure_ascii=False)
    once, again = (check_text(text, "x.yaml", config_of) for _ in range(2))

    assert once.problems == again.problems
    assert all(problem.path.startswith("rules[0]") for problem in once.problems)


def test_a_deep_condition_is_refused_not_fatal() -> None:
    """Nesting beyond the limit of YAML cannot reach the types."""
    deep = '{"not": ' * 60 + '{"belief": "b"}' + "}" * 60
    checked = check_text(
        f'{{"device": {{"id": "a"}}, "rules": [{{"name": "r", "when": {deep}}}]}}', "x.yaml", config_of
    )

    assert [problem.message for problem in checked.problems] == ["expected at most 50 levels of nesting"]


@pytest.mark.parametrize("n", [1, 45])
def test_a_condition_as_deep_as_allowed_works(n: int) -> None:
    """Everything below the limit is judged."""
    deep = '{"not": ' * n + '{"health": {"of": "broker"}}' + "}" * n
    rule = f'{{"name": "r", "when": {deep}, "then": [{{"alert": "x"}}]}}'

    assert check_text(f'{{"device": {{"id": "a"}}, "rules": [{rule}]}}', "x.yaml", config_of).problems == ()
