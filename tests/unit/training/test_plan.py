"""Who is trained on whom."""

from typing import Any

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.corpus import Corpus
from edgefuse.training.data import Data, design, features
from edgefuse.training.plan import Plan, plan


def planned(corpus: Corpus, recipe: Any) -> tuple[Data, Plan]:
    data = features(recipe, corpus, None)
    return data, plan(recipe, data, design(recipe, data))


def test_copies_of_a_sample_stay_on_its_side(corpus: Corpus, make_recipe: Any) -> None:
    """No training has a row of a group that it is judged by, copies included."""
    data, trainings = planned(corpus, make_recipe())
    for job in trainings.jobs():
        assert not set(data.groups[job.rows]) & set(data.groups[job.held])
        assert {len(corpus)} <= {data.n}
    held = np.concatenate([job.held for job in trainings.calibration])
    assert sorted(held) == sorted(trainings.train)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"by": "subject", "folds": 9}, "at least 9 groups by subject"),
        ({"by": "subject", "test": ["g0", "g1", "g2", "g3", "g4"]}, "at least 2 groups by subject"),
    ],
)
def test_a_split_that_cannot_be_is_an_error(corpus: Corpus, make_recipe: Any, split: Any, message: str) -> None:
    """Too few groups are told, by what a group is."""
    with pytest.raises(ConfigError, match=message):
        planned(corpus, make_recipe(split=split))


def test_data_without_the_test_groups_are_trained_on(corpus: Corpus, make_recipe: Any) -> None:
    """Somebody else's data have other subjects: all are trained on, and judged by the trainings for calibration."""
    _, trainings = planned(corpus, make_recipe(split={"by": "subject", "test": ["nobody"]}))

    assert (len(trainings.train), len(trainings.test)) == (len(corpus), 0)
    assert trainings.judged == trainings.calibration


def test_a_class_of_one_group_is_an_error(corpus: Corpus, make_recipe: Any) -> None:
    """A class that a member would never see is named."""
    groups = np.where(corpus.labels == 2, "g1", corpus.groups)
    alone = Corpus(corpus.raws, corpus.present, corpus.labels, corpus.classes, groups)
    with pytest.raises(ConfigError, match="class c is only in groups that it leaves out"):
        planned(alone, make_recipe(split={"by": "subject", "folds": 3}))


def test_a_modality_that_is_never_present_is_an_error(corpus: Corpus, make_recipe: Any) -> None:
    """A modality that no training sample has cannot be learnt, and is named."""
    present = corpus.present.copy()
    present[:, 1] = False
    absent = Corpus(corpus.raws, present, corpus.labels, corpus.classes, corpus.groups)
    with pytest.raises(ConfigError, match="'room' is present in no sample"):
        planned(absent, make_recipe())


def test_a_modality_that_is_not_there_is_an_error(corpus: Corpus, make_recipe: Any) -> None:
    """A recipe that names another modality is told what the corpus has."""
    sensor = {"features": {"kind": "table"}, "encoder": {"kind": "mlp"}}
    with pytest.raises(ConfigError, match=r"modalities smell are not in the corpus .it has motion, room"):
        planned(corpus, make_recipe(modalities={"smell": sensor}))
