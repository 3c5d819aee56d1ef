"""Beliefs that ask a trained model, as `edgefuse check` sees them."""

from dataclasses import replace
from textwrap import dedent
from typing import Any

import pytest

from edgefuse.config.lint import Nameable
from edgefuse.config.load import Checked, check_text
from edgefuse.config.models import SourceConfig
from edgefuse.fusion.bayes import BayesConfig
from edgefuse.fusion.card import FusionCard
from edgefuse.fusion.learned import LearnedConfig
from edgefuse.testing.trained import Shelf, Sum

HOME = """
device: {id: hall}
sources:
  lux: {type: any}
  climate: {type: any}
beliefs:
  hall.used:
    fuser: learned
    model: sum
    label: "yes"
    inputs: {warm: {from: climate, label: temperature}, lit: {from: lux, label: illuminance}}
"""
OTHERWISE = "    otherwise: {prior: .1, evidence: [{from: lux, label: lit, if_true: .99, if_false: .01}]}\n"


class AnySource(SourceConfig):
    """A source of this test."""


CARD = FusionCard.model_validate(Shelf(Sum({"warm": 1.0, "lit": 1.0})).card("sum"))
KNOWN = Nameable(["auto"], ["sum", "nanodet"], {"sum": CARD})


def check(text: str, known: Nameable = KNOWN) -> Checked:
    kinds: dict[str, Any] = {"learned": LearnedConfig, "bayes": BayesConfig, "any": AnySource, "mqtt": AnySource}
    return check_text(dedent(text), "home.yaml", lambda _kind, name: kinds[name], nameable=lambda _config: known)


def told(text: str) -> list[str]:
    return [f"{problem.path}: {problem.message}" for problem in check(text).problems]


def test_a_good_one() -> None:
    """Nothing is said of a belief that fits its model."""
    assert (told(HOME), check(HOME).warnings) == ([], ())
    assert told(HOME + OTHERWISE) == []


@pytest.mark.parametrize(
    ("old", "new", "want"),
    [
        ("model: sum", "model: some", "beliefs.hall.used.model: expected a trained model, got 'some'"),
        ("model: sum", "model: nanodet", "beliefs.hall.used.model: expected a trained model, got 'nanodet'"),
        ('"yes"', "maybe", "beliefs.hall.used.label: expected a class of 'sum' (no, yes), got 'maybe'"),
        ("lit: {from", "dark: {from", "beliefs.hall.used.inputs.dark: expected a channel of 'sum' (warm, lit)"),
        ("from: lux", "from: lamp", "beliefs.hall.used.inputs.lit.from: expected the name of a source or detector"),
    ],
)
def test_what_does_not_fit(old: str, new: str, want: str) -> None:
    """The place in the file is named, and what is known."""
    assert any(line.startswith(want) for line in told(HOME.replace(old, new)))


def test_a_model_that_is_not_here_is_a_warning_where_something_else_decides() -> None:
    """The daemon starts with it, so that this is no mistake."""
    checked = check((HOME + OTHERWISE).replace("model: sum", "model: some"))
    assert checked.problems == ()
    assert "what stands under `otherwise` would decide" in checked.warnings[0].message


def test_missing_weights_are_a_warning_where_something_else_decides() -> None:
    """As a model that is not there at all; otherwise they are a mistake."""
    known = replace(KNOWN, lacking=lambda name: f"model '{name}': got no file")
    (problem,) = check(HOME, known).problems
    assert str(problem) == "home.yaml:9:12: beliefs.hall.used.model: model 'sum': got no file"
    checked = check(HOME + OTHERWISE, known)
    assert (checked.problems, len(checked.warnings)) == ((), 1)


def test_evidence_of_otherwise_is_checked_too() -> None:
    """A part that is not there is a mistake there as anywhere."""
    (line,) = told(HOME + OTHERWISE.replace("from: lux", "from: lamp"))
    assert line.startswith("beliefs.hall.used.otherwise.evidence[0].from: expected the name of a source or detector")


RULE = """
rules:
  - name: greet
    when: {belief: hall.used, above: .8}
    then: [{say: hello}]
"""


def test_a_rule_that_cannot_fire_without_its_source() -> None:
    """Said of a belief all of whose inputs come from one source, and not where another is left."""
    assert not check(HOME + RULE).warnings
    alone = HOME.replace("from: lux", "from: climate")
    (warning,) = check(alone + RULE).warnings
    assert "rule greet cannot fire when climate is down" in warning.message
    assert not check(alone + OTHERWISE + RULE).warnings
