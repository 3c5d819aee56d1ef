from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.evaluation.fusion import evaluate
from edgefuse.training.recipe import Recipe, load_recipe
from edgefuse.training.run import train


@pytest.fixture
def recipe() -> Recipe:
    """The bundled one, small."""
    data = load_recipe("medical").model_dump()
    data["data"]["options"] = {"size": 64}
    data["fusion"]["options"] = {"levels": 2, "width": 4}
    data["train"] |= {"epochs": 2, "batch": 2}
    data["split"]["folds"] = 2
    return Recipe.model_validate(data)


@pytest.fixture
def brains(tmp_path: Path) -> Path:
    """Four patients, two slices each: a bright ring by CT, stripes by MRI."""
    draw = np.random.default_rng(1)
    y, x = np.mgrid[:64, :64]
    for kind, folder in (("CT", "CT-MRI"), ("MRI", "CT-MRI")):
        (tmp_path / folder / kind).mkdir(parents=True)
        for patient in (3, 4, 5, 6):
            for piece in (1, 2):
                ring = 200 * (np.abs(np.hypot(y - 32, x - 32) - 20 - piece) < 2)
                lines = 100 * (x % (patient + 2) < 2)
                picture = (ring if kind == "CT" else lines) + draw.integers(0, 9, (64, 64))
                cv2.imwrite(str(tmp_path / folder / kind / f"{patient}{piece:03d}.png"), picture.astype(np.uint8))
    return tmp_path


def test_pictures_are_fused_and_judged_on_other_patients(recipe: Recipe, brains: Path, tmp_path: Path) -> None:
    """All eight pairs are judged, each beside five classical ways; of one picture alone comes that picture."""
    card = train(recipe, brains, tmp_path / "model")
    found: dict[str, Any] = evaluate(tmp_path / "model", brains)
    network = OnnxBackend().load(tmp_path / "model" / "model.onnx", {"threads": 1})
    example = {name: np.random.default_rng(2).random((1, 1, 64, 64), np.float32) for name in ("scan", "mri")}
    alone = network.run(
        {**example, "mri": np.full((1, 1, 64, 64), np.nan, np.float32), "mask": np.array([[1, 0]], np.float32)}
    )

    assert [len(groups) for groups in card.members] == [2, 2]
    assert (found["n"], found["left_out"], set(found["classical"])) == (
        8,
        0,
        {"average", "maximum", "laplacian", "wavelet", "guided"},
    )
    assert set(found["conditions"]) == {"clean", "without_scan", "without_mri", "noise_scan", "noise_mri"}
    assert found["conditions"]["clean"]["qabf"] > found["classical"]["average"]["qabf"]
    assert np.allclose(alone["fused"], example["scan"], atol=1e-4)


def test_a_folder_without_pairs_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    """The error names the folders that are expected."""
    with pytest.raises(ConfigError, match=r"expected folders CT-MRI/\{CT,MRI\}"):
        train(recipe, tmp_path, tmp_path / "model")
