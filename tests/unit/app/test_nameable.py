from pathlib import Path

import pytest

from edgefuse.app.build import check_site, read_site
from edgefuse.app.models import nameable
from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ConfigError


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
