import json
from pathlib import Path

import pytest

from edgefuse.cli import main
from edgefuse.evaluation.grounding import evaluate, figures, judged
from edgefuse.evaluation.grounding_cases import ReadCase, read_cases
from edgefuse.evaluation.grounding_judge import Act, Came

pytest.importorskip("hassil")
ROOT = Path(__file__).resolve().parents[3]
CASES = sorted((ROOT / "tests" / "data" / "grounding").glob("*.yaml"))
EXAMPLE = ROOT / "deploy" / "grounding-example.yaml"
RIGHT = 0.95
HOME = "home: {device: {id: hub, area: den}, things: {lamp: {area: den, kind: light}}}\n"
KEYS = {"n", "answerable", "right", "wrong_action", "wrong_answer", "asked", "refused", "asked_rightly"}


@pytest.mark.skipif(not CASES, reason="the tests run outside a checkout")
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_what_is_said_is_understood_or_refused_and_never_done_wrongly(path: Path) -> None:
    """Over all cases of a file nothing wrong is done, and .95 of what can be answered is exactly right."""
    result = evaluate(path, details=True)
    wrong = [f"{one['place']} {one['words']}: {one['got']}" for one in result["failures"] if one["wrong"] == "action"]

    assert wrong == []
    assert result["right"] >= RIGHT


@pytest.mark.skipif(not EXAMPLE.exists(), reason="the tests run outside a checkout")
def test_the_example_of_the_document_comes_out_as_it_says() -> None:
    """Every case of deploy/grounding-example.yaml is right."""
    result = evaluate(EXAMPLE, details=True)

    assert [(one["words"], one["got"]) for one in result["failures"]] == []
    assert KEYS | {"p50_ms", "p95_ms"} <= set(result)


def test_figures_count_what_was_done_wrongly_over_all_cases(tmp_path: Path) -> None:
    """One right, one wrong, one asked instead of done, one refused rightly: shares of all, right of the answerable."""
    path = tmp_path / "cases.yaml"
    path.write_text(
        HOME
        + """cases:
  a:
    - {words: right, expect: {intent: turn_on, target: lamp}}
    - {words: asked, expect: {intent: turn_on, target: lamp}, split: held}
  b:
    - {words: wrong, expect: {refusal: true}}
    - {words: refused, expect: {refusal: true}, split: held}
""",
        encoding="utf-8",
    )
    on = Came((Act("turn_on", ("lamp",)),))
    comes = {"right": on, "wrong": on, "asked": Came((), ("lamp",)), "refused": Came()}

    def listen(case: ReadCase) -> tuple[Came, int, tuple[str, ...]]:
        return comes[case.words], 2_000_000, ("so",)

    result = figures(judged(read_cases(path), listen))

    assert {key: result[key] for key in ("n", "answerable", "right", "wrong_action", "asked", "refused")} == {
        "n": 4, "answerable": 2, "right": 0.5, "wrong_action": 0.25, "asked": 0.25, "refused": 0.25
    }  # fmt: skip
    assert (result["refused_rightly"], result["asked_rightly"], result["p95_ms"]) == (0.5, None, 2.0)
    assert result["splits"]["held"]["wrong_action"] == 0
    assert result["categories"]["b"]["right"] is None
    assert [(one["words"], one["wrong"]) for one in result["failures"]] == [("asked", ""), ("wrong", "action")]


def test_evaluate_grounding_prints_its_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON with stable keys; as a table, with what came out otherwise on request."""
    path = tmp_path / "cases.yaml"
    path.write_text(HOME + "cases: [{words: turn on the lamp, expect: {refusal: true}}]", encoding="utf-8")

    assert main(["evaluate", "grounding", "--data", str(path), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result) >= KEYS
    assert (result["n"], result["wrong_action"], result["right"]) == (1, 1, None)

    assert main(["evaluate", "grounding", "--data", str(path), "--details"]) == 0
    out = capsys.readouterr().out
    assert "wrong action turn on the lamp" in out
    assert "got turn_on lamp" in out


def test_evaluate_grounding_tells_mistakes_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 78, with the line."""
    path = tmp_path / "cases.yaml"
    path.write_text(HOME + "cases: [{words: x, expect: {intent: fly}}]", encoding="utf-8")

    assert main(["evaluate", "grounding", "--data", str(path)]) == 78
    assert f"{path}:2:" in capsys.readouterr().err
