"""Figures of the sound detector, and the whole command with a file shaped as YAMNet."""

from pathlib import Path

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.core.types import SAMPLE_RATE
from edgefuse.evaluation.sounds import Heard, by_category, evaluate, recall


def heard(seconds: float = 5, **scores: float) -> Heard:
    """A clip with these scores; what reaches .5 is called."""
    return Heard(scores, frozenset(label for label, score in scores.items() if score >= 0.5), round(seconds * 16000))


def test_a_category_is_judged_against_all_others() -> None:
    """AUC, recall and false calls of a label; another category that means the same is no negative."""
    categories = ["siren", "siren", "rain", "dog", "pouring_water", "toilet_flush"]
    clips = [
        heard(siren=0.9),
        heard(siren=0.3),
        heard(siren=0.6, water=0.1),
        heard(siren=0.1, dog=0.8, water=0.2),
        heard(water=0.7),
        heard(water=0.15),
    ]

    found = by_category(categories, clips)

    assert list(found) == ["dog", "pouring_water", "siren", "toilet_flush"]
    assert found["siren"] == {
        "label": "siren",
        "clips": 2,
        "auc": 0.875,
        "recall_at_1_false_per_hour": 0.5,
        "recall": 0.5,
        "false": 1,
    }
    assert found["toilet_flush"]["auc"] == 0.75
    assert found["pouring_water"]["auc"] == 1.0


def test_one_false_call_an_hour() -> None:
    """In two hours the two highest of the others may be exceeded; in less than one hour none."""
    right, wrong = np.array([0.9, 0.5, 0.3]), np.array([0.2, 0.8, 0.6, 0.4])

    assert recall(right, wrong, hours=2.5) == pytest.approx(2 / 3)
    assert recall(right, wrong, hours=0.9) == pytest.approx(1 / 3)
    assert recall(right, wrong, hours=9) == 1.0


@pytest.fixture
def yamnet(tmp_path: Path) -> tuple[Path, Path]:
    """An ONNX file whose every score is the peak of the wave, and its class map."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto
    nodes = [
        helper.make_node("Abs", ["waveform"], ["size"]),
        helper.make_node("ReduceMax", ["size"], ["peak"], keepdims=1),
        helper.make_node("Reshape", ["peak", "one"], ["square"]),
        helper.make_node("Expand", ["square", "all"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "peak",
        [helper.make_tensor_value_info("waveform", kind.FLOAT, ["n"])],
        [helper.make_tensor_value_info("scores", kind.FLOAT, ["frames", 2])],
        [helper.make_tensor("one", kind.INT64, [2], [1, 1]), helper.make_tensor("all", kind.INT64, [2], [2, 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, tmp_path / "yamnet.onnx")
    (tmp_path / "map.csv").write_text("index,mid,display_name\n0,/m/1,Siren\n1,/m/2,Piano\n")
    return tmp_path / "yamnet.onnx", tmp_path / "map.csv"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A loud siren, soft rain, and two clips of speech in folders."""
    soundfile = pytest.importorskip("soundfile")
    folder = tmp_path / "sounds"
    (folder / "speech" / "yes").mkdir(parents=True)
    (folder / "speech" / "_silence_").mkdir()
    rng = np.random.default_rng(0)
    sizes = {"a": 0.9, "b": 0.01, "speech/yes/a": 0.02, "speech/yes/b": 0.8, "speech/_silence_/a": 0.9}
    for name, size in sizes.items():
        soundfile.write(folder / f"{name}.flac", rng.uniform(-size, size, SAMPLE_RATE), SAMPLE_RATE)
    (folder / "meta.csv").write_text("file,category\na.flac,siren\nb.flac,rain\n")
    return folder


def test_the_command(data: Path, yamnet: tuple[Path, Path]) -> None:
    """The keys that are promised, for a file that lies anywhere; silence beside the words is no speech."""
    model, classes = yamnet

    found = evaluate(data, speech=data / "speech", model=str(model), classes=classes)

    assert found["n"] == 2
    assert found["classes"]["siren"]["auc"] == 1.0
    assert found["classes"]["siren"]["recall_at_1_false_per_hour"] == 1.0
    assert found["speech_false"] == {"clips": 2, "called_event": 1}
    assert found["confusion"] == {"rain": {"nothing": 1}, "siren": {"siren": 1}}
    assert found["else"] == ["rain"]


def test_what_is_missing_is_named(tmp_path: Path, yamnet: tuple[Path, Path]) -> None:
    """A folder without meta.csv, a table of other columns, an empty one, and a model that is not there."""
    with pytest.raises(ConfigError, match=r"meta\.csv"):
        evaluate(tmp_path)
    for text in ("name,kind\na,b\n", "file,category\n"):
        (tmp_path / "meta.csv").write_text(text)
        with pytest.raises(ConfigError, match=r"meta\.csv"):
            evaluate(tmp_path)
    (tmp_path / "meta.csv").write_text("file,category\na.flac,siren\n")
    with pytest.raises(ModelError, match=r"none\.onnx"):
        evaluate(tmp_path, model=str(tmp_path / "none.onnx"), classes=yamnet[1])


def test_wrong_options_and_half_a_line_are_told_before_anything_is_heard(tmp_path: Path, data: Path) -> None:
    """A file without its class map, a line without a category (by number), and no speech: each is a ConfigError."""
    with pytest.raises(ConfigError, match=r"--model any\.onnx, --classes not given: .*expected `classes`"):
        evaluate(data, model="any.onnx")
    with pytest.raises(ConfigError, match=r"nothing: expected a folder"):
        evaluate(data, model="not asked for", speech=tmp_path / "nothing")
    (data / "meta.csv").write_text("file,category\na.flac,siren\n# a comment\n")
    with pytest.raises(ConfigError, match=r"meta\.csv:3: expected a file and its category"):
        evaluate(data, model="not asked for")
