"""Models that were trained here, found by their cards."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ModelError
from edgefuse.core.health import PartHealth
from edgefuse.engines.catalogue import load_catalogue
from edgefuse.engines.store import Store
from edgefuse.pipeline.clock import SystemClock

GRID = {"kind": "grid", "options": {"channels": ["x"], "steps": 1, "step_s": 1, "hold_s": 60, "known": False}}


def card(model: bytes, **more: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "name": "double",
        "what": "twice a number",
        "classes": ["no", "yes"],
        "modalities": {"x": {"raw": "sequence", "features": GRID, "shape": [4]}},
        "data": {},
        "split": {},
        "seeds": [0],
        "licence": "CC BY 4.0",
        "files": {"model.onnx": {"sha256": hashlib.sha256(model).hexdigest(), "size": len(model)}},
        "recipe": {"name": "doubling"},
        **more,
    }


@pytest.fixture
def store(tmp_path: Path, double_model: bytes) -> Callable[..., Store]:
    """A store with one trained model."""

    def make(name: str = "mine", weights: bytes | None = None, **more: Any) -> Store:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "model.onnx").write_bytes(double_model if weights is None else weights)
        (folder / "card.json").write_text(json.dumps(card(double_model, **more)))
        return Store(ModelsConfig(dir=tmp_path, pull="never"), SystemClock())

    return make


def test_a_card_makes_an_entry(store: Callable[..., Store]) -> None:
    """Under the name of its folder, with the hash of the card, one thread, and the shapes of a batch."""
    entry = store().entry("mine")

    assert (entry.what, entry.licence, entry.used_by) == ("twice a number", "CC BY 4.0", ["learned"])
    assert list(entry.files) == ["model.onnx"]
    assert entry.card["inputs"] == {"x": {"shape": [1, 4], "value": 0}, "mask": {"shape": [1, 1], "value": 1}}
    assert entry.card["profiles"]["x"] == {"min": [1, 4], "opt": [2, 4], "max": [2, 4]}
    assert entry.card["threads"] == 1


def test_it_is_listed_and_used_where_it_lies(store: Callable[..., Store], tmp_path: Path) -> None:
    """Nothing is copied, and nothing is pulled."""
    here = store()
    row = next(row for row in here.list() if row.name == "mine")

    assert (row.state, row.source) == ("cached", f"trained, {tmp_path / 'mine'}")
    assert here.path("mine") == tmp_path / "mine" / "model.onnx"
    assert here.engine("mine")[0] == "cpu"


def test_its_card_is_given(store: Callable[..., Store]) -> None:
    """As the trainer wrote it; a model that was not trained here has none."""
    here = store()
    assert here.card("mine")["classes"] == ["no", "yes"]
    with pytest.raises(ModelError, match=r"'nanodet' has no card.json.*mine"):
        here.card("nanodet")


def test_a_broken_card_names_its_file(store: Callable[..., Store], tmp_path: Path) -> None:
    """What is wrong in it is told with the path."""
    store()
    (tmp_path / "mine" / "card.json").write_text('{"schema": 2}')
    with pytest.raises(ModelError, match=r"mine/card.json: not the card of a trained model.*schema.*train it again"):
        load_catalogue(tmp_path)


def test_a_card_of_no_model(store: Callable[..., Store]) -> None:
    """A card must pin an ONNX file."""
    with pytest.raises(ModelError, match=r"card.json: expected an .onnx file"):
        store(files={})


def test_weights_that_are_not_here_are_trained(store: Callable[..., Store]) -> None:
    """Cards may be passed on without their weights: whoever asks is told how to make them."""
    here = store(weights=b"other")
    row = next(row for row in here.list() if row.name == "mine")
    assert row.state == "corrupt"
    with pytest.raises(ModelError, match=r"expected sha256 .*edgefuse train doubling --data DIR"):
        here.load("mine", PartHealth("x", "belief"))
    with pytest.raises(ModelError, match="edgefuse train doubling"):
        here.pull(["mine"])
    (verdict,) = here.verify(["mine"])
    assert not verdict.ok


def test_the_users_model_wins(store: Callable[..., Store], tmp_path: Path) -> None:
    """Over one of the same name that is bundled, whatever is bundled."""
    bundled = [name for name, entry in load_catalogue(tmp_path / "none").items() if entry.trained]
    for name in bundled or ["occupancy"]:
        assert store(name).entry(name).trained == tmp_path / name
