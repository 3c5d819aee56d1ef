"""Runs trainings, one after the other or two at a time."""

from collections.abc import Sequence

from edgefuse.corpora.corpus import Report
from edgefuse.training.data import Data
from edgefuse.training.train import Job, Trained, train_one


def train_all(data: Data, jobs: Sequence[Job], report: Report) -> dict[str, Trained]:
    """Train every job; by its name. `report` is told of every epoch."""
    total, done = sum(job.epochs for job in jobs), 0
    out = {}
    for job in jobs:

        def tick(name: str = job.name) -> None:
            nonlocal done
            done += 1
            report(f"training {name}", done, total)

        some = data if len(job.design.inputs) == len(data.x) else data.only(job.design.inputs[0].name)
        out[job.name] = train_one(some, job, tick)
    return out
