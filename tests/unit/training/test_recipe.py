"""Recipes."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from edgefuse.core.errors import ConfigError
from edgefuse.resources import resource
from edgefuse.training import plugins
from edgefuse.training.recipe import load_recipe

BUNDLED = sorted(resource("models", "recipes").glob("*.yaml"))


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_bundled_recipes_are_valid(path: Path) -> None:
    """Each is found by its file's name, which is its own, and names encoders and a fusion that there are."""
    recipe = load_recipe(path.stem)
    assert recipe.name == path.stem
    assert recipe.fusion.kind in plugins.known("fusions")
    if recipe.task != "fuse":
        assert {spec.encoder.kind for spec in recipe.modalities.values()} <= set(plugins.known("encoders"))


def test_unknown_recipes_are_told() -> None:
    """An unknown name lists the known ones."""
    with pytest.raises(ConfigError, match=r"unknown recipe 'nothing' \(known: .*incidents"):
        load_recipe("nothing")


def test_every_mistake_of_a_recipe_is_told(make_recipe: Any, tmp_path: Path) -> None:
    """Wrong values are named with where they stand; a file that is no YAML is told as such."""
    told = make_recipe().model_dump(mode="json")
    told["fusion"]["kind"] = "magic"
    told["train"]["seeds"] = 0
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(told))
    with pytest.raises(ConfigError) as caught:
        load_recipe(path)
    assert [problem.split(": ")[1] for problem in caught.value.problems] == ["fusion.kind", "train.seeds"]
    path.write_text("a: [")
    with pytest.raises(ConfigError, match="not a recipe"):
        load_recipe(path)


@pytest.mark.parametrize("name", ["mask", "probability", "members", "embedding"])
def test_a_modality_is_not_called_as_another_input_or_output(make_recipe: Any, tmp_path: Path, name: str) -> None:
    """The ONNX file would have two of that name; the error says so, and where."""
    told = make_recipe().model_dump(mode="json")
    told["modalities"][name] = told["modalities"]["room"]
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(told))
    with pytest.raises(ConfigError, match=f"mine.yaml: modalities: .*a modality cannot be called '{name}'"):
        load_recipe(path)


def test_folds_and_test_groups_exclude_each_other(make_recipe: Any) -> None:
    """A split is one or the other."""
    with pytest.raises(ValueError, match="expected either folds or test groups, got both"):
        make_recipe(split={"by": "day", "folds": 3, "test": ["monday"]})


@pytest.mark.parametrize("name", ["../elsewhere", "..", "/etc", ""])
def test_a_name_is_a_folder_in_the_model_folder(make_recipe: Any, name: str) -> None:
    """The model is written to a folder of that name: it leads nowhere else."""
    with pytest.raises(ValueError, match="name"):
        make_recipe(name=name)


def test_an_empty_recipe_is_told_without_a_place(tmp_path: Path) -> None:
    """What is wrong with the file as a whole has no place in it."""
    (tmp_path / "empty.yaml").touch()
    with pytest.raises(ConfigError, match=r"empty\.yaml: Input should be"):
        load_recipe(tmp_path / "empty.yaml")
