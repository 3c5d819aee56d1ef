"""A corpus of two modalities that is learnt in a moment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from edgefuse.corpora.corpus import Corpus, Raw
from edgefuse.fusion.card import FusionCard
from edgefuse.training.recipe import Recipe
from edgefuse.training.run import train_corpus

Make = Callable[..., Recipe]


def corpus_of(n: int = 180, groups: int = 6) -> Corpus:
    """Motion tells the class well, the room a little."""
    rng = np.random.default_rng(0)
    labels = np.arange(n, dtype=np.int64) % 3
    names = np.array([f"g{number}" for number in np.arange(n) // 3 % groups])
    motion = rng.standard_normal((n, 12, 2)).astype(np.float32)
    motion[:, :, 0] += labels[:, None]
    room = rng.standard_normal((n, 3)).astype(np.float32)
    room[:, 1] += 2 * labels
    raws = {"motion": Raw("sequence", motion, 10.0), "room": Raw("table", room)}
    parts = [(f"film of {name}", "a house") for name in names]
    return Corpus(raws, np.ones((n, 2), bool), labels, ("a", "b", "c"), names, {"file": "0" * 64}, parts=parts)


def recipe_of(**changes: Any) -> Recipe:
    """Small and quick; `changes` replace whole parts."""
    told: dict[str, Any] = {
        "name": "tiny",
        "what": "a test",
        "data": {"corpus": "none", "source": "made", "licence": "CC0", "ship": True},
        "split": {"by": "subject", "test": ["g0"], "calibration_folds": 2},
        "modalities": {
            "motion": {
                "features": {"kind": "sequence"},
                "encoder": {"kind": "cnn1d", "options": {"width": 8, "layers": 1}},
                "augment": [{"jitter": 0.3}],
            },
            "room": {"features": {"kind": "table"}, "encoder": {"kind": "mlp", "options": {"width": 8}}},
        },
        "train": {"seeds": 2, "epochs": 6, "singles": 1, "copies": 1, "rate": 0.02},
    }
    return Recipe.model_validate(told | changes)


@pytest.fixture
def corpus() -> Corpus:
    return corpus_of()


@pytest.fixture
def make_recipe() -> Make:
    return recipe_of


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FusionCard]:
    """A model with test groups, and its card."""
    out = tmp_path_factory.mktemp("trained") / "model"
    return out, train_corpus(recipe_of(), corpus_of(), out)


@pytest.fixture(scope="session")
def folded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FusionCard]:
    """A model of three folds, and its card."""
    out = tmp_path_factory.mktemp("folded") / "model"
    return out, train_corpus(recipe_of(split={"by": "subject", "folds": 3}), corpus_of(), out)
