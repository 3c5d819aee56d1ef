"""`edgefuse evaluate fusion` on a model and a corpus made by hand."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.corpora.corpus import Corpus
from edgefuse.evaluation import scoring
from edgefuse.evaluation.fusion import measured
from edgefuse.evaluation.robustness import Condition
from edgefuse.evaluation.trained import find, open_model
from edgefuse.fusion.card import FusionCard

Make = Callable[..., Any]


def test_the_keys_are_those_of_the_contract(tiny_model: Make, tiny_corpus: Make) -> None:
    """n, majority, best_single and the conditions with four figures each, as JSON without NaN."""
    corpus = tiny_corpus()
    result = measured(open_model(tiny_model()), corpus)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert result["n"] == 150  # g0 was seen by both members
    assert result["left_out"] == 30
    assert result["majority"] == pytest.approx(np.bincount(corpus.labels[corpus.groups != "g0"]).max() / 150, abs=1e-4)
    assert set(result["best_single"]) >= {"modality", "accuracy"}
    wanted = {"clean", "without_motion", "without_room", "noise_motion", "noise_room", "only_motion", "delayed_motion"}
    assert wanted <= set(result["conditions"])
    assert all({"accuracy", "macro_f1", "auc", "ece"} <= set(one) for one in result["conditions"].values())
    assert result["conditions"]["clean"]["accuracy"] > result["conditions"]["noise_room"]["accuracy"]
    assert sum(map(sum, result["confusion"]["matrix"])) == 150


def test_a_missing_modality_leaves_the_other(tiny_model: Make, tiny_corpus: Make) -> None:
    """Without one is only the other; both together beat the best, and the gain has an interval above nothing."""
    result = measured(open_model(tiny_model()), tiny_corpus())
    found = result["conditions"]
    assert found["without_motion"] == found["only_room"]
    assert found["clean"]["accuracy"] > result["best_single"]["accuracy"] >= result["singles"]["room"]["masked"]
    assert result["gain"]["ci95"][0] > 0
    assert "beats the best single modality" in result["verdict"]


def test_members_judge_only_what_they_have_not_seen(tiny_model: Make, tiny_corpus: Make) -> None:
    """A sample of a group that one member was trained on has the other one's probability, calibrated."""
    trained = open_model(tiny_model())
    corpus = scoring.aligned(tiny_corpus(), trained.card)
    corpus = corpus.take(np.flatnonzero(scoring.Unseen.of(corpus, trained.card).scorable()))
    said = scoring.outcomes(trained, corpus, [Condition("clean")])["clean"]
    for group, member in (("g1", 1), ("g2", 0)):
        here = corpus.groups == group
        assert said.probability[here] == pytest.approx(said.members[member][here], abs=1e-6)
    fresh = np.isin(corpus.groups, ["g3", "g4", "g5"])
    assert np.abs(said.probability[fresh] - said.members[0][fresh]).max() > 1e-3


def test_what_is_composed_otherwise_of_the_same_is_not_new(tiny_card: Make, tiny_corpus: Make) -> None:
    """A sample is judged by members that have seen none of its parts, whatever its group is called now."""
    card = tiny_card(members=[["x", "y"], ["x", "z"]], parts={"y": ["ann", "bob"], "z": ["eve"]}, extra={})
    made = [("ann",), ("eve", "new"), ("bob", "eve"), ("new",), ("x",), ()]
    corpus = replace(tiny_corpus(n=6, groups=6), parts=made)
    free = scoring.Unseen.of(corpus, card)
    assert free.members.T.tolist() == [
        [False, True],
        [True, False],
        [False, False],
        [True, True],
        [False, False],
        [True, True],
    ]
    assert free.scorable().tolist() == [True, True, False, True, False, True]
    taken = corpus.take(np.array([2, 0]))
    assert scoring.Unseen.of(taken, card).members.T.tolist() == [[False, False], [False, True]]


def test_a_card_without_parts_knows_groups(tiny_card: Make, tiny_corpus: Make) -> None:
    """Older cards are read as before."""
    corpus = replace(tiny_corpus(n=3, groups=3), parts=[("ann",)] * 3)
    free = scoring.Unseen.of(corpus, tiny_card(members=[["g0"], ["g2"]], extra={}))
    assert free.members.tolist() == [[False, True, True], [True, True, False]]


def test_pooling_here_is_pooling_in_the_file(tiny_model: Make, tiny_corpus: Make) -> None:
    """Where all members may judge, pool and temperature by hand give the model's own `probability`, for every mask."""
    trained = open_model(tiny_model())
    corpus = tiny_corpus()
    inputs = trained.inputs(corpus.raws)
    for mask in ([1, 1], [1, 0], [0, 1], [0, 0]):
        masks = np.tile(np.array(mask, bool), (len(corpus), 1))
        out = trained.fuse(inputs, masks)
        free = np.ones((2, len(corpus)), bool)
        pool = scoring.pooled(out["members"].astype(np.float64), free)
        warmth = scoring.temperatures(trained.card, masks)
        assert scoring.softmax(pool / warmth[:, None]) == pytest.approx(out["probability"], abs=1e-5)


def test_an_unknown_pattern_is_as_warm_as_its_neighbours(tiny_card: Callable[..., FusionCard]) -> None:
    """A pattern that was not fitted has the geometric mean of those with as many modalities; none present has 1."""
    told = [{"present": ["room"], "temperature": 4.0, "n": 1, "metrics": {}}]
    card = tiny_card(patterns=told)
    assert scoring.temperatures(card, np.array([[1, 0], [0, 1], [0, 0]], bool)).tolist() == pytest.approx([4, 4, 1])


def test_nothing_left_is_an_error(tiny_model: Make, tiny_corpus: Make) -> None:
    """Data of groups that all members were trained on cannot be judged, and the error says so."""
    with pytest.raises(ConfigError, match="nothing left to judge: every member of 'tiny' was trained"):
        measured(open_model(tiny_model()), tiny_corpus(groups=1))


def test_data_without_a_modality_is_judged_without(tiny_model: Make, tiny_corpus: Make) -> None:
    """The model runs on what is there, the result names what is not, and nothing is claimed of its noise."""
    full = tiny_corpus()
    bare = replace(full, raws={"room": full.raws["room"]}, present=full.present[:, 1:])
    result = measured(open_model(tiny_model()), bare)
    whole = measured(open_model(tiny_model("again")), full)
    assert result["absent"] == ["motion"]
    assert result["conditions"]["clean"]["accuracy"] == whole["conditions"]["without_motion"]["accuracy"]
    assert "noise_motion" not in result["conditions"]
    assert "noise_room" in result["conditions"]


def test_other_classes_or_shapes_are_errors(tiny_model: Make, tiny_corpus: Make) -> None:
    """A class that the model does not know and features of another shape are named."""
    trained = open_model(tiny_model())
    corpus: Corpus = tiny_corpus()
    with pytest.raises(ConfigError, match="classes of the data: 'gone' is none of the model's"):
        measured(trained, replace(corpus, classes=("away", "home", "gone")))
    longer = replace(corpus.raws["room"], data=np.zeros((len(corpus), 5), np.float32))
    with pytest.raises(ConfigError, match=r"features of 'room': expected shape \[3\].*got \[5\]"):
        measured(trained, replace(corpus, raws={**corpus.raws, "room": longer}))


def test_classes_in_another_order_are_the_same(tiny_model: Make, tiny_corpus: Make) -> None:
    """Classes go by name: data that lists them otherwise, or lacks one, is judged alike."""
    corpus = tiny_corpus()
    turned = replace(corpus, classes=CLASSES_TURNED, labels=2 - corpus.labels, rule=None)
    one, other = (measured(open_model(tiny_model(name)), c) for name, c in (("a", corpus), ("b", turned)))
    assert one["conditions"]["clean"]["macro_f1"] == other["conditions"]["clean"]["macro_f1"]


CLASSES_TURNED = ("asleep", "home", "away")


def test_files_that_do_not_belong_together(tiny_model: Make, tmp_path: Path) -> None:
    """Another network than the card's, a folder without a card and a name that nobody trained are told apart."""
    folder = tiny_model()
    (folder / "model.onnx").write_bytes((folder / "singles.onnx").read_bytes())
    with pytest.raises(ModelError, match=r"model\.onnx: expected sha256 \w+ of card\.json, got"):
        open_model(folder)
    (folder / "card.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"card\.json: name: Field required"):
        open_model(folder)
    (folder / "card.json").unlink()
    with pytest.raises(ConfigError, match=r"expected card\.json in the folder of a trained model"):
        find(str(folder), [])
    with pytest.raises(ConfigError, match=r"'tinier': no trained model in .*tinier; train it: edgefuse train"):
        find("tinier", [tmp_path])


def test_a_model_is_found_by_its_recipe(tiny_model: Make, tmp_path: Path) -> None:
    """A folder, a name, and a recipe file with that name lead to the same model."""
    folder = tiny_model()
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("name: tiny\n", encoding="utf-8")
    for model in (folder, "tiny", recipe):
        assert find(str(model), [tmp_path / "empty", tmp_path]) == folder


def test_a_limit_draws_the_same_samples(tiny_model: Make, tiny_corpus: Make) -> None:
    """`limit` judges that many, the same ones each time."""
    trained = open_model(tiny_model())
    one, other = (measured(trained, tiny_corpus(), limit=40) for _ in range(2))
    assert one == other
    assert one["n"] == 40


def test_a_corpus_may_measure_more(tiny_model: Make, tiny_corpus: Make) -> None:
    """What the corpus module adds is given the judged samples and what was said of them."""

    def more(corpus: Corpus, outputs: dict[str, Any], card: FusionCard) -> dict[str, Any]:
        return {"enrolled": {"n": len(corpus), "shape": list(outputs["probability"].shape), "of": card.name}}

    result = measured(open_model(tiny_model()), tiny_corpus(), more=more)
    assert result["enrolled"] == {"n": 150, "shape": [150, 3], "of": "tiny"}


def test_a_model_without_singles_is_compared_with_itself(tiny_model: Make, tiny_corpus: Make) -> None:
    """Without networks of one modality each there is no log-odds fusion; the fused one, masked, is the single."""
    folder = tiny_model(extra={})
    (folder / "singles.onnx").unlink()
    result = measured(open_model(folder), tiny_corpus())
    assert result["log_odds"] is None
    assert result["best_single"]["trained"] == "masked"
    assert result["effective_robustness"] == {}
    assert "log_odds" not in result["conditions"]["clean"]


def test_the_curve_begins_where_nothing_is_wrong(tiny_model: Make, tiny_corpus: Make) -> None:
    """With all samples in both, severity 0 is the clean condition and severity 1 the one of that name."""
    result = measured(open_model(tiny_model()), tiny_corpus())
    for name, curve in result["curves"].items():
        if isinstance(curve, dict):
            assert curve["fused"][0] == result["conditions"]["clean"]["accuracy"]
            assert curve["fused"][-1] == result["conditions"][name]["accuracy"]
            assert curve["log_odds"][0] == result["log_odds"]["accuracy"]
