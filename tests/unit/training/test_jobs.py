"""Several trainings at a time, and how they end."""

from multiprocessing import active_children
from typing import Any

import pytest

from edgefuse.corpora.corpus import Corpus
from edgefuse.training.data import design, features
from edgefuse.training.jobs import train_all
from edgefuse.training.plan import plan


def test_an_interruption_ends_every_training(corpus: Corpus, make_recipe: Any) -> None:
    """Ctrl-C while processes train: they are ended, not waited for, and the interruption is passed on."""
    recipe = make_recipe(train={"seeds": 2, "epochs": 10**6, "singles": 0})
    data = features(recipe, corpus, None)
    jobs = plan(recipe, data, design(recipe, data)).jobs()

    def interrupt(what: str, done: int, total: int) -> None:
        del what, total
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_all(data, jobs, interrupt, processes=2)
    assert not active_children()
