"""From a corpus to a folder with a model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.corpus import Corpus, sha256_of
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.fusion.card import FusionCard
from edgefuse.training.calibrate import pooled, scaled
from edgefuse.training.run import train_corpus


def feed(corpus: Corpus, mask: list[float]) -> dict[str, Any]:
    """Raw of this corpus is as the features are."""
    inputs = {name: raw.data.copy() for name, raw in corpus.raws.items()}
    return {**inputs, "mask": np.tile(np.float32(mask), (len(corpus), 1))}


def test_model_beats_chance_on_groups_that_it_has_not_seen(trained: tuple[Path, FusionCard]) -> None:
    """Fused accuracy on the test group is far above the share of the largest class, and above the weaker modality."""
    metrics = trained[1].metrics
    assert metrics["each"]["accuracy"]["mean"] > metrics["majority"] + 0.3
    assert metrics["best_single"]["accuracy"] > metrics["majority"]


def test_folder_is_what_the_card_says(trained: tuple[Path, FusionCard]) -> None:
    """The card in the folder is the one that is returned, and names every other file with hash and size."""
    out, card = trained
    assert FusionCard.model_validate_json((out / "card.json").read_bytes()) == card
    others = {path.name for path in out.iterdir()} - {"card.json"}
    assert others == set(card.files) == {"model.onnx", "singles.onnx", "curves.png"}
    assert all(card.files[name]["sha256"] == sha256_of(out / name) for name in others)
    assert (out / "curves.png").read_bytes()[1:4] == b"PNG"


def test_what_is_masked_may_be_anything(trained: tuple[Path, FusionCard], corpus: Corpus) -> None:
    """NaN in a masked input gives the same bits as zeros; in one that is present it is finite too."""
    model = OnnxBackend().load(trained[0] / "model.onnx", {})
    without = feed(corpus, [1, 0])
    before = model.run(without)["probability"].copy()
    without["room"][:] = np.nan
    assert np.array_equal(model.run(without)["probability"], before)
    unknown = feed(corpus, [1, 1])
    unknown["room"][:, 1] = np.nan
    assert np.isfinite(model.run(unknown)["probability"]).all()


def test_nothing_present_gives_the_prior(trained: tuple[Path, FusionCard], corpus: Corpus) -> None:
    """With everything masked the probabilities are the shares of the classes in the training data."""
    got = OnnxBackend().load(trained[0] / "model.onnx", {}).run(feed(corpus, [0, 0]))
    assert got["probability"] == pytest.approx(np.tile(trained[1].prior, (len(corpus), 1)), abs=1e-3)


def test_probability_follows_from_members_and_temperature(trained: tuple[Path, FusionCard], corpus: Corpus) -> None:
    """Probability is the pool of the members at the temperature that the card has for the pattern."""
    model = OnnxBackend().load(trained[0] / "model.onnx", {})
    patterns = {tuple(pattern.present): pattern.temperature for pattern in trained[1].patterns}
    for mask, names in (([1, 1], ("motion", "room")), ([0, 1], ("room",))):
        got = model.run(feed(corpus, mask))
        expected = scaled(pooled(got["members"].astype(np.float64)), patterns[names])
        assert got["probability"] == pytest.approx(expected, abs=1e-4)
    assert trained[1].patterns[0].present == ["motion", "room"]


def test_no_member_of_a_fold_has_seen_what_it_is_judged_by(folded: tuple[Path, FusionCard], corpus: Corpus) -> None:
    """Every group is left out by exactly one member, which is the one that leaves the others' groups in."""
    everything = set(corpus.groups.tolist())
    left_out = [everything - set(seen) for seen in folded[1].members]
    assert sorted(name for names in left_out for name in names) == sorted(everything)
    assert folded[1].extra["singles"]["motion"] == folded[1].members
    assert folded[1].patterns[0].n == len(corpus)


def test_the_card_tells_of_what_its_groups_were_composed(folded: tuple[Path, FusionCard], corpus: Corpus) -> None:
    """Every group with the parts of its samples, each once."""
    groups = sorted(set(corpus.groups.tolist()))
    assert folded[1].parts == {group: ["a house", f"film of {group}"] for group in groups}


def test_test_groups_are_in_no_training(trained: tuple[Path, FusionCard]) -> None:
    """No member and no single modality has seen the test group."""
    card = trained[1]
    seen = [*card.members, *(groups for members in card.extra["singles"].values() for groups in members)]
    assert all("g0" not in groups for groups in seen)
    assert card.patterns[0].n == 30


def test_same_seed_gives_same_numbers(
    trained: tuple[Path, FusionCard], corpus: Corpus, make_recipe: Any, tmp_path: Path
) -> None:
    """Training again gives the same metrics and temperatures."""
    again = train_corpus(make_recipe(), corpus, tmp_path / "again")
    assert again.metrics == trained[1].metrics
    assert again.patterns == trained[1].patterns


def test_singles_give_log_probabilities(trained: tuple[Path, FusionCard], corpus: Corpus) -> None:
    """singles.onnx takes every modality and says for each alone what it thinks."""
    model = OnnxBackend().load(trained[0] / "singles.onnx", {})
    got = model.run({name: raw.data for name, raw in corpus.raws.items()})
    assert np.exp(got["single_room"]).sum(1) == pytest.approx(1.0, abs=1e-4)
    assert got["single_motion_members"].shape == (1, len(corpus), 3)


def test_operating_points_fall_in_recall(trained: tuple[Path, FusionCard]) -> None:
    """Per class and pattern the card has thresholds in order, each with a recall that is not above the one before."""
    for pattern in trained[1].patterns:
        for points in pattern.operating.values():
            thresholds, _, recalls = zip(*points, strict=True)
            assert list(thresholds) == sorted(thresholds)
            assert list(recalls) == sorted(recalls, reverse=True)
            assert len(points) <= 20


def test_the_card_says_whether_eight_bits_will_do(trained: tuple[Path, FusionCard]) -> None:
    """A copy of 8 bits is made, judged on the test group and thrown away."""
    extra = trained[1].extra
    assert extra["onnx_difference"] <= 1e-4
    assert extra["int8"]["passes"] == (extra["int8"]["kept"] >= 0.99 and extra["int8"]["moved"] <= 0.02)
    assert extra["int8"]["kept"] > 0.8


def test_something_else_is_not_replaced(corpus: Corpus, make_recipe: Any, tmp_path: Path) -> None:
    """A folder that is no model stays as it is, and nothing is trained."""
    (tmp_path / "letter").write_text("dear")
    with pytest.raises(ConfigError, match="choose another --out"):
        train_corpus(make_recipe(), corpus, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter"]


def test_a_stopped_training_leaves_the_old_model(corpus: Corpus, make_recipe: Any, tmp_path: Path) -> None:
    """Ctrl-C in the middle leaves the folder as it was and nothing beside it."""
    out = tmp_path / "model"
    out.mkdir()
    (out / "card.json").write_text(json.dumps({"old": True}))

    def stop(what: str, done: int, total: int) -> None:
        del what, total
        if done > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_corpus(make_recipe(), corpus, out, progress=stop)
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "card.json"]


def test_a_model_is_replaced(corpus: Corpus, make_recipe: Any, tmp_path: Path) -> None:
    """Training again into the folder of a model puts the new one there."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "card.json").write_text("{}")
    train = {"seeds": 1, "epochs": 1, "singles": 0}
    card = train_corpus(make_recipe(train=train), corpus, tmp_path / "model")
    assert (tmp_path / "model" / "card.json").stat().st_size > 100
    assert "singles.onnx" not in card.files
    assert len(list(tmp_path.iterdir())) == 1


def test_a_test_group_of_one_class_gives_a_card_that_can_be_read(
    corpus: Corpus, make_recipe: Any, tmp_path: Path
) -> None:
    """What cannot be computed, an AUC of one class, is left out of the card; a sample may lack a modality."""
    groups = np.where((corpus.groups == "g0") & (corpus.labels > 0), "g1", corpus.groups)
    present = corpus.present.copy()
    present[::5, 1] = False
    corpus.raws["room"].data[::5] = np.nan
    one = Corpus(corpus.raws, present, corpus.labels, corpus.classes, groups, rule=np.full((len(corpus), 3), 1 / 3))
    train_corpus(make_recipe(train={"seeds": 1, "epochs": 1, "singles": 1}), one, tmp_path / "model")
    card = FusionCard.model_validate_json((tmp_path / "model" / "card.json").read_bytes())
    assert "auc" not in card.patterns[0].metrics
    assert card.patterns[0].n == 8
    assert card.patterns[1].n == 10
    assert np.isfinite(card.metrics["each"]["accuracy"]["mean"])


def test_two_processes_give_the_numbers_of_one(corpus: Corpus, make_recipe: Any, tmp_path: Path) -> None:
    """How many trainings run at a time changes nothing."""
    recipe = make_recipe(train={"seeds": 1, "epochs": 1, "singles": 0})
    one, two = (train_corpus(recipe, corpus, tmp_path / str(count), processes=count) for count in (1, 2))
    assert one.metrics == two.metrics
