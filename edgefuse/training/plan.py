"""Who is trained on whom: members of the ensemble, trainings for calibration, single modalities."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError
from edgefuse.training.data import Data
from edgefuse.training.network import Design
from edgefuse.training.recipe import Recipe
from edgefuse.training.train import Job

_CALIBRATION_SEED = 1000
_SINGLE_SEED = 2000


@dataclass(frozen=True, slots=True)
class Plan:
    """All trainings of a recipe."""

    members: list[Job]
    calibration: list[Job]
    """Without folds; with folds the members themselves are judged on the groups that each has not seen."""
    singles: dict[str, list[Job]]
    test: NDArray[np.intp]
    """Samples of the test groups."""
    train: NDArray[np.intp]

    @property
    def judged(self) -> list[Job]:
        """Those whose held samples, together, are all training samples."""
        return self.calibration or self.members

    def jobs(self) -> list[Job]:
        """All of them."""
        return [*self.members, *self.calibration, *(job for jobs in self.singles.values() for job in jobs)]


def plan(recipe: Recipe, data: Data, design: Design, seeds: int | None = None) -> Plan:
    """Lay out the trainings; `seeds` overrides the recipe.

    Data without the recipe's test groups are trained on all the same, and judged by the trainings for calibration.
    Raises ConfigError for too few groups, and for a class that a member would never see.
    """
    groups, samples = data.groups[: data.n], np.arange(data.n)
    _expect(recipe, np.unique(groups))
    tested = np.isin(groups, recipe.split.test)
    train, test = samples[~tested], samples[tested]
    judged = train[~np.isin(groups[train], recipe.split.always)]
    folds = _folds(groups, judged, recipe.split.folds or recipe.split.calibration_folds)
    full, half = recipe.train.epochs, -(-recipe.train.epochs // 2)

    def job(name: str, kept: NDArray[np.intp], held: NDArray[np.intp], seed: int, epochs: int) -> Job:
        rows = data.rows(kept, copies=True)
        _complete(recipe, data, kept, train, name)
        return Job(design, rows, held, seed, epochs, recipe.train, recipe.fusion.modality_dropout, name)

    def left_out(name: str, base: int, epochs: int) -> list[Job]:
        return [job(f"{name} {k}", np.setdiff1d(train, held), held, base + k, epochs) for k, held in enumerate(folds)]

    if recipe.split.folds:
        members, calibration = left_out("member", 0, full), []
    else:
        members = [job(f"member {seed}", train, test, seed, full) for seed in range(seeds or recipe.train.seeds)]
        calibration = left_out("calibration", _CALIBRATION_SEED, half)
    singles = {}
    for name in data.modalities if recipe.train.singles else []:
        some = left_out if recipe.split.folds else None
        jobs = (
            some(name, _SINGLE_SEED, full)
            if some
            else [job(f"{name} {k}", train, test, _SINGLE_SEED + k, full) for k in range(recipe.train.singles)]
        )
        singles[name] = [_alone(each, data, name) for each in jobs]
    return Plan(members, calibration, singles, test, train)


def _alone(job: Job, data: Data, name: str) -> Job:
    column = data.modalities.index(name)
    rows = job.rows[data.present[job.rows, column] > 0]
    if not len(rows):
        raise ConfigError(
            f"{job.name}: '{name}' is present in no sample that is trained on; leave it out of the recipe"
        )
    held = job.held[data.present[job.held, column] > 0]
    return Job(job.design.only(name), rows, held, job.seed, job.epochs, job.spec, 0.0, job.name)


def _folds(groups: NDArray[np.str_], train: NDArray[np.intp], count: int) -> Sequence[NDArray[np.intp]]:
    """Samples of each share: whole groups, the largest first, each to the share that is smallest so far."""
    names, sizes = np.unique(groups[train], return_counts=True)
    count = min(count, len(names))
    shares: list[list[str]] = [[] for _ in range(count)]
    filled = np.zeros(count)
    for place in np.argsort(-sizes, kind="stable"):
        least = int(filled.argmin())
        shares[least].append(str(names[place]))
        filled[least] += sizes[place]
    return [train[np.isin(groups[train], share)] for share in shares]


def _expect(recipe: Recipe, names: NDArray[np.str_]) -> None:
    split = recipe.split
    left = len(names) - int(np.isin(split.test, names).sum()) - int(np.isin(split.always, names).sum())
    if left < max(2, split.folds):
        raise ConfigError(
            f"recipe '{recipe.name}': expected at least {max(2, split.folds)} groups by {split.by} to train on, got "
            f"{left}; a group is never on both sides of a split"
        )


def _complete(recipe: Recipe, data: Data, kept: NDArray[np.intp], train: NDArray[np.intp], name: str) -> None:
    lost = np.setdiff1d(data.labels[train], data.labels[kept])
    if len(lost):
        raise ConfigError(
            f"recipe '{recipe.name}', {name}: class {', '.join(data.classes[each] for each in lost)} is only in groups "
            f"that it leaves out; give it to groups of more than one {recipe.split.by}, or take fewer folds"
        )
