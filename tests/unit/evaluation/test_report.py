"""Pages and tables about learned models."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from edgefuse.cli import main
from edgefuse.cli.evaluate_fusion import show
from edgefuse.core.errors import ConfigError
from edgefuse.evaluation import overview
from edgefuse.evaluation.fusion import measured
from edgefuse.evaluation.report import page, write_report
from edgefuse.evaluation.singles import verdict
from edgefuse.evaluation.trained import open_model, read_card
from edgefuse.evaluation.words import distinct, notes, rivals, spoken

Make = Callable[..., Any]


@pytest.fixture
def result(tiny_model: Make, tiny_corpus: Make) -> dict[str, Any]:
    """What `evaluate` gives."""
    found: dict[str, Any] = measured(open_model(tiny_model()), tiny_corpus(n=90))
    return found


def test_a_report_is_a_page_with_its_pictures(result: dict[str, Any], tmp_path: Path) -> None:
    """Every picture that the page shows is written, and is a PNG."""
    pytest.importorskip("matplotlib")
    path = write_report(result, tmp_path / "out")
    text = path.read_text(encoding="utf-8")
    shown = [part.partition(")")[0] for part in text.split("](")[1:]]
    assert shown == ["beside.png", "degraded.png", "calibration.png", "worse.png", "confusion.png"]
    assert all((path.parent / name).read_bytes().startswith(b"\x89PNG") for name in shown)


def test_the_page_tells_the_verdict_and_every_condition(result: dict[str, Any]) -> None:
    """The verdict stands first; each condition has its row with the figures of the JSON."""
    text = page(result)
    assert text.startswith("# tiny: who is where\n\n**Fusion (")
    for name, one in distinct(result).items():
        row = next(line for line in text.splitlines() if line.startswith(f"| {spoken(name)} |"))
        assert f" {100 * one['accuracy']:.1f} " in row


def test_the_terminal_has_the_same_facts(result: dict[str, Any]) -> None:
    """Verdict, rivals, conditions and notes are printed, in 80 columns, without cutting a name off."""
    out = io.StringIO()
    show(result, Console(file=out, width=80, color_system=None))
    text = out.getvalue()
    assert "beats the best single modality" in " ".join(text.split())
    assert all(name in text for name in ("rule by hand", "log-odds of singles", "motion is missing", "room is noisy"))
    assert "left out" in text
    assert max(map(len, text.splitlines())) <= 80


def test_rivals_are_in_order(result: dict[str, Any]) -> None:
    """The best comes first, the fused model with its interval, majority among them."""
    rows = rivals(result)
    assert [row[1] for row in rows] == sorted((row[1] for row in rows), reverse=True)
    assert {"fused", "motion alone", "majority"} <= {row[0] for row in rows}
    assert next(row for row in rows if row[0] == "fused")[2] is not None


def test_a_verdict_says_it_plainly() -> None:
    """Worse, better, better without proof, and better on one group alone are four different sentences."""
    assert verdict(0.8, "audio", 0.82, -0.1).endswith(
        "does not beat the best single modality (audio, 82.0 %): -2.0 points"
    )
    assert verdict(0.9, "audio", 0.8, 0.05).endswith("by 10.0 points")
    assert verdict(0.9, "audio", 0.8, -0.05).endswith("which the spread between groups does not bear out")
    assert verdict(0.9, "audio", 0.8, float("nan")).endswith("from one group alone")


def test_notes_warn(result: dict[str, Any]) -> None:
    """Composed data, weights that are not shipped, what is absent and a better rule are told."""
    changed = json.loads(json.dumps(result))
    changed |= {"absent": ["motion"], "groups": 1, "rule": {"accuracy": 1.0}}
    changed["data"] |= {"composed_of": "pictures and sounds", "ship": False}
    told = " / ".join(notes(changed))
    for part in ("no motion", "one group", "rule written by hand is as good", "pictures and sounds", "not shipped"):
        assert part in told


def test_notes_tell_how_phrases_were_enrolled(result: dict[str, Any]) -> None:
    """By examples, or by letters alone and why; nothing where none were."""
    letters = {"auc": 0.85, "words": {"bird": 0.85}}
    examples = {"auc": 0.93, "words": {"bird": 0.93}, "synthesisers": ["espeak-ng", "flite"]}
    both = {"n": 4, "method": "examples", **examples, "ways": {"letters": letters, "examples": examples}}
    alone = {"n": 4, "method": "letters", **letters, "why": "no synthesiser", "ways": {"letters": letters}}
    assert not any("phrases" in note for note in notes(result))
    begin = "phrases that are only written (1, 4 recordings): "
    assert f"{begin}AUC 0.93 by examples from espeak-ng and flite, 0.85 by their letters alone" in notes(
        {**result, "enrolled": both}
    )
    assert f"{begin}found by their letters alone, AUC 0.85; no synthesiser" in notes({**result, "enrolled": alone})


def test_an_overview_has_every_model(tiny_model: Make, result: dict[str, Any], tmp_path: Path) -> None:
    """A row per card, with what was measured where it was, and why a model is not shipped."""
    tiny_model("kept", name="kept", data={"source": "made up", "licence": "research use", "ship": False})
    rows = overview.overview(tmp_path, {"tiny": result})
    assert [row["folder"] for row in rows] == ["kept", "tiny"]
    assert (rows[0]["ship"], rows[1]["ship"]) == (False, True)
    assert "may not be passed on (research use)" in rows[0]["why"]
    assert rows[0]["without"] == {"motion": pytest.approx(0.7), "room": pytest.approx(0.65)}
    assert rows[1]["fused"] == result["conditions"]["clean"]["accuracy"]
    text = overview.write_overview(rows, tmp_path / "out").read_text(encoding="utf-8")
    assert "| [tiny](tiny/report.md) | 75 |" in text
    assert "without motion 70.0" in text


def test_a_model_that_loses_is_not_shipped(tiny_model: Make) -> None:
    """Fused no better than its best single modality: not shipped, whatever its licence."""
    card = read_card(tiny_model())
    assert overview.shipped(card, 0.8, {"modality": "room", "accuracy": 0.8}) == (
        False,
        "room alone is as good (80.0 against 80.0)",
    )
    assert overview.shipped(card, 0.81, {"modality": "room", "accuracy": 0.8})[0]


def test_a_folder_without_models_is_an_error(tmp_path: Path) -> None:
    """It says what was expected."""
    with pytest.raises(ConfigError, match=r"expected folders with card\.json"):
        overview.overview(tmp_path)


def test_fused_pictures_have_a_page_of_their_own(tmp_path: Path) -> None:
    """What is measured by Qabf, SSIM and MI is told beside the classical ways, without figures of classifiers."""
    one = {"qabf": 0.61, "ssim": 0.68, "mi": 3.05}
    result = {
        "n": 12,
        "left_out": 3,
        "best_single": {"modality": "mri", "accuracy": None, **one},
        "conditions": {"clean": one, "without_scan": one},
        "classical": {"guided": one | {"qabf": 0.6}},
        "best_classical": "guided",
    }
    text = write_report(result, tmp_path).read_text(encoding="utf-8")
    assert "| learned | 0.610 | 0.680 | 3.050 |" in text
    assert "| guided | 0.600 |" in text
    assert "| learned, scan is missing |" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.md", "result.json"]


def test_the_command_ends_with_78_and_says_what_to_do(
    tiny_model: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that nobody trained and data of a corpus that is not known are errors of the operator."""
    assert main(["evaluate", "fusion", "nobody", "--data", str(tmp_path)]) == 78
    assert "train it: edgefuse train nobody" in capsys.readouterr().err
    assert main(["evaluate", "fusion", str(tiny_model()), "--data", str(tmp_path)]) == 78
    assert "unknown corpus 'tiny'" in capsys.readouterr().err


def test_the_command_writes_the_overview(tiny_model: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`evaluate report` prints where the page is, or the rows as JSON."""
    folder = tiny_model().parent
    assert main(["evaluate", "report", str(folder), "--out", str(tmp_path / "out")]) == 0
    assert Path(capsys.readouterr().out.strip()).read_text(encoding="utf-8").startswith("# Learned models")
    assert main(["evaluate", "report", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "tiny"


@pytest.mark.parametrize("more", [(), ("--data", ".")])
def test_a_broken_card_does_not_hide_the_other_models(
    tiny_model: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    """The page has the others and says which card cannot be read, once on standard error too; the exit code is 78."""
    models = tiny_model().parent
    (models / "broken").mkdir()
    (models / "broken" / "card.json").write_text('{"name": "broken"}', encoding="utf-8")
    assert main(["evaluate", "report", str(models), "--out", str(tmp_path / "out"), *more]) == 78
    told = capsys.readouterr()
    text = Path(told.out.strip()).read_text(encoding="utf-8")
    assert "| tiny |" in text
    assert "- **broken**: " in text
    assert told.err.count("broken: ") == 1
    assert "card.json: classes: Field required" in told.err
    assert main(["evaluate", "report", str(models), "--json"]) == 78
    broken, tiny = json.loads(capsys.readouterr().out)
    assert set(broken) == {"folder", "fault"}
    assert tiny["name"] == "tiny"
