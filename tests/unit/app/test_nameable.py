import re
import shutil
from pathlib import Path

import pytest

from edgefuse.app.build import check_site, read_site
from edgefuse.app.models import nameable
from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ConfigError
from edgefuse.resources import resource


def test_a_wrong_engine_and_a_wrong_model_are_mistakes_of_the_file(tmp_path: Path) -> None:
    """`check` and the start look at what is installed and at the real catalogue."""
    file = tmp_path / "a.yaml"
    file.write_text("device: {id: a}\nmodels: {engine: tensort, per_model: {nanodett: {engine: onnx}}}\n", "utf-8")
    told = [problem.path for problem in check_site(file).problems]
    assert told == ["models.engine", "models.per_model.nanodett"]
    with pytest.raises(ConfigError, match="did you mean 'tensorrt'"):
        read_site(file)


def test_models_of_the_user_s_own_catalogue_may_be_named(tmp_path: Path) -> None:
    """`catalogue.yaml` in the folder of models counts; one that cannot be read leaves the models open."""
    (tmp_path / "catalogue.yaml").write_text(
        "mine: {what: a, licence: a, files: {a.onnx: {sha256: " + "a" * 64 + ", size: 1}}, "
        "sources: [{take: [{file: /, files: {a.onnx: a}}]}]}",
        "utf-8",
    )
    known = nameable(ModelsConfig(dir=tmp_path)).models
    (tmp_path / "catalogue.yaml").write_text("[", "utf-8")
    assert {"mine", "nanodet"} <= set(known)
    assert list(nameable(ModelsConfig(dir=tmp_path)).models) == []
    assert "catalogue.yaml: not a catalogue of models" in nameable(ModelsConfig(dir=tmp_path)).fault


SITE = """
device: {id: a}
sources: {climate: {type: mqtt, topic: a/b}}
models: {dir: models}
"""
BELIEF = """
beliefs:
  office.used:
    fuser: learned
    model: office
    label: occupied
    inputs: {temperature: null, humidity: null, light: null, co2: {from: climate, label: co2}}
"""


@pytest.mark.parametrize(
    ("spoilt", "want"),
    [
        ("card.json", "card.json: not the card of a trained model: name: Field required"),
        ("model.onnx", "model.onnx: expected sha256 .*, got no file; `edgefuse train occupancy --data DIR` makes it"),
    ],
)
def test_a_trained_model_that_cannot_be_loaded_is_told_where_it_is_named(
    tmp_path: Path, spoilt: str, want: str
) -> None:
    """A broken card and missing weights, at which the daemon would stop, are mistakes by line and column."""
    file, model = tmp_path / "a.yaml", tmp_path / "models" / "office"
    shutil.copytree(resource("models", "occupancy"), model)
    file.write_text(SITE + BELIEF, "utf-8")
    assert check_site(file).problems == ()
    (model / spoilt).unlink()
    if spoilt == "card.json":
        (model / spoilt).write_text("{}", "utf-8")
    (problem,) = check_site(file).problems
    assert (problem.path, problem.line, problem.column) == ("beliefs.office.used.model", 9, 12)
    assert re.search(want, problem.message)


def test_a_catalogue_that_cannot_be_read_is_a_mistake_without_beliefs_too(tmp_path: Path) -> None:
    """Nothing starts with it, whoever asks for a model."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "catalogue.yaml").write_text("[", "utf-8")
    file = tmp_path / "a.yaml"
    file.write_text(SITE, "utf-8")
    (problem,) = check_site(file).problems
    assert (problem.path, problem.line) == ("models", 4)
    assert "catalogue.yaml: not a catalogue of models" in problem.message
