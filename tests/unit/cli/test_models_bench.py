import argparse
import io
import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from onnx import TensorProto, helper
from rich.console import Console

from edgefuse.app.models import model_store
from edgefuse.cli import main
from edgefuse.cli.models import wanted_names
from edgefuse.cli.models_bench import print_rows
from edgefuse.config.models import ModelsConfig
from edgefuse.engines.bench import BenchRow
from edgefuse.engines.keys import key_for
from edgefuse.pipeline.clock import SystemClock
from edgefuse.resources import resource


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of models whose only entry of its own is a small ONNX file that is there."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "double", [x], [y])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    folder = tmp_path / "models"
    (folder / "double").mkdir(parents=True)
    (folder / "double" / "double.onnx").write_bytes(made)
    pin = {"sha256": sha256(made).hexdigest(), "size": len(made)}
    source = {"take": [{"file": str(tmp_path), "files": {"double.onnx": "double.onnx"}}]}
    entry = {"what": "test", "licence": "none", "files": {"double.onnx": pin}, "sources": [source]}
    (folder / "catalogue.yaml").write_text(yaml.safe_dump({"double": {**entry, "card": {"format": "onnx"}}}))
    return folder


def test_a_model_is_measured_in_a_process_of_its_own(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`models bench NAME --json` prints a row with every figure and leaves with 0."""
    code = main(["models", "bench", "double", "--dir", str(models), "--runs", "5", "--json"])

    rows = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [(row["model"], row["backend"], row["precision"], row["runs"]) for row in rows] == [
        ("double", "onnx", "fp32", 5)
    ]
    assert rows[0]["ratio"] > 0
    assert rows[0]["p50_ms"] <= rows[0]["p90_ms"] <= rows[0]["p99_ms"]


def test_what_was_built_is_measured_beside_the_original(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An engine in the cache is a row of its own, and can be asked for by its precision."""
    store = model_store(ModelsConfig(dir=models, pull="never"), SystemClock())
    entry, path = store.entry("double"), store.path("double")
    note = {"ok": True, "detail": "", "verdict": None, "built_s": 1.0}
    store.engines.cache.put(key_for(entry, path, store.engines.cpu, "int8", None), path, note)
    command = ["models", "bench", "double", "--dir", str(models), "--runs", "5", "--json"]

    assert main(command) == 0
    assert [row["precision"] for row in json.loads(capsys.readouterr().out)] == ["fp32", "int8"]
    assert main([*command, "--precision", "int8", "--engine", "cpu"]) == 0
    assert [row["precision"] for row in json.loads(capsys.readouterr().out)] == ["int8"]


def test_a_model_that_does_not_run_is_a_row_and_an_exit_code(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The card asks for a shape that the model refuses: exit 1, and the row says what was expected."""
    path = models / "catalogue.yaml"
    entries = yaml.safe_load(path.read_text())
    entries["double"]["card"]["inputs"] = {"x": {"shape": [3]}}
    path.write_text(yaml.safe_dump(entries))

    assert main(["models", "bench", "double", "--dir", str(models), "--json"]) == 1
    row = json.loads(capsys.readouterr().out)[0]
    assert (row["ok"], row["ratio"]) == (False, None)
    assert "input 'x'" in row["detail"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--engine", "abacus"], "no backend 'abacus' is installed"),
        (["--precision", "int8"], "no int8 engine to measure"),
    ],
)
def test_nothing_to_measure_is_said(
    models: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    """An engine that is not here is the operator's to act on: exit 78."""
    assert main(["models", "bench", "double", "--dir", str(models), *options]) == 78
    assert said in capsys.readouterr().err


def test_a_missing_model_is_not_pulled(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bench fetches nothing: it says how to pull."""
    shutil.rmtree(models / "double")

    assert main(["models", "bench", "double", "--dir", str(models)]) == 78
    assert "edgefuse models pull double" in capsys.readouterr().err


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_is_whole(width: int) -> None:
    """Every figure of the longest names fits into 80 columns."""
    row = BenchRow(
        "whisper-tiny.en", "microwakeword", "int8", ok=True, detail="", unit="30 s", threads=1, runs=20,
        load_ms=9999.4, first_ms=1.0, p50_ms=1234.0, p90_ms=1234.0, p99_ms=12345.0, cpu_ms=1234.0, library_mb=1.0,
        memory_mb=1444.0, ratio=1.01, overhead_us=999.0,
    )  # fmt: skip
    out = io.StringIO()

    print_rows([row], Console(file=out, width=width))

    assert "whisper-tiny.en microwakeword int8 " in out.getvalue()
    assert "12345" in out.getvalue()
    assert "\u2026" not in out.getvalue()


def test_pulling_everything_asks_for_no_model_that_is_trained_here(tmp_path: Path) -> None:
    """A card without its weights is no model to fetch: `models pull --all` leaves it out."""
    card = json.loads((resource("models", "incidents") / "card.json").read_text())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "card.json").write_text(json.dumps({**card, "name": "mine"}))
    store = model_store(ModelsConfig(dir=tmp_path, pull="never"), SystemClock())
    wanted = wanted_names(store, argparse.Namespace(names=[], config=None, all=True))

    assert store.entry("mine").trained is not None
    assert {"nanodet", "whisper-base"} <= set(wanted)
    assert not {"mine", "incidents"} & set(wanted)
