"""`edgefuse evaluate objects`."""

from pathlib import Path

import numpy as np
import pytest

from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.engines.store import Store
from edgefuse.evaluation.objects import evaluate
from edgefuse.pipeline.clock import SystemClock


def folder(path: Path, label: str | None = None) -> Path:
    """One photograph, with what its label file holds."""
    cv2 = pytest.importorskip("cv2")
    data = pytest.importorskip("skimage.data")
    (path / "images").mkdir()
    (path / "labels").mkdir()
    cv2.imwrite(str(path / "images" / "a.png"), np.ascontiguousarray(data.astronaut()[..., ::-1]))
    if label is not None:
        (path / "labels" / "a.txt").write_text(label, encoding="utf-8")
    return path


@pytest.fixture
def _nanodet() -> None:
    try:
        Store(ModelsConfig(pull="never"), SystemClock()).path("nanodet")
    except ModelError as error:
        pytest.skip(str(error))


def test_another_layout_is_an_error_of_the_operator(tmp_path: Path) -> None:
    """A folder without images/ or labels/, or without pictures, is named with what was expected."""
    with pytest.raises(ConfigError, match="expected folders images/ and labels/, found no images/"):
        evaluate(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(ConfigError, match="found no labels/"):
        evaluate(tmp_path)
    (tmp_path / "labels").mkdir()
    with pytest.raises(ConfigError, match=r"expected \.jpg or \.png files, found none"):
        evaluate(tmp_path)


@pytest.mark.parametrize(
    "line", ["0 .5 .5 1", "80 .5 .5 1 1", "0.5 .5 .5 1 1", "0 .5 .5 nan 1", "0 .5 .5 1.2 1", "person"]
)
def test_a_bad_label_is_named_by_file_and_line(tmp_path: Path, line: str) -> None:
    """A line that is not class and four fractions is an error with its place."""
    with pytest.raises(ConfigError, match=r"a\.txt:2: expected class 0\.\.79 and x y w h as fractions, got"):
        evaluate(folder(tmp_path, f"0 .5 .5 1 1\n{line}\n"))


@pytest.mark.models
@pytest.mark.usefixtures("_nanodet")
def test_a_photograph_is_measured(tmp_path: Path) -> None:
    """The astronaut alone, labelled: the first keys are those of the contract, and the person is found."""
    result = evaluate(folder(tmp_path, "0 0.46 0.5 0.82 1.0\n"))

    assert list(result)[:5] == ["n", "map50_95", "map50", "person", "cpu_ms_per_image"]
    assert (result["n"], result["map50"], result["person"]) == (1, 1.0, {"precision": 1.0, "recall": 1.0})


@pytest.mark.models
@pytest.mark.data
@pytest.mark.usefixtures("_nanodet")
def test_the_figures_on_real_photographs_hold(data_dir: Path) -> None:
    """On 64 photographs of COCO: mAP50-95 and mAP50 above the published throwaway figures, precision of persons .85."""
    result = evaluate(data_dir / "coco_val")

    assert result["n"] == 64
    assert result["map50_95"] >= 0.335
    assert result["map50"] >= 0.5
    assert result["person"]["precision"] >= 0.85
    assert result["person"]["recall"] >= 0.63
