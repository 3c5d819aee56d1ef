"""Runs trainings: one after the other, or several processes at a time."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from threading import Thread
from typing import Any

import torch

from edgefuse.corpora.corpus import Report
from edgefuse.training.data import Data
from edgefuse.training.network import Network
from edgefuse.training.train import Job, Trained, train_one

_LOOK_S = 0.5


def train_all(data: Data, jobs: Sequence[Job], report: Report, processes: int = 1) -> dict[str, Trained]:
    """Train every job; by its name. `report` is told of every epoch. The numbers do not depend on `processes`."""
    total = sum(job.epochs for job in jobs)
    if processes > 1 and len(jobs) > 1:
        return _apart(data, jobs, lambda done: report(f"training {len(jobs)} networks", done, total), processes)
    done = 0
    out = {}
    for job in jobs:

        def tick(name: str = job.name) -> None:
            nonlocal done
            done += 1
            report(f"training {name}", done, total)

        out[job.name] = train_one(_seen(data, job), job, tick)
    return out


def _seen(data: Data, job: Job) -> Data:
    return data if len(job.design.inputs) == len(data.x) else data.only(job.design.inputs[0].name)


def _apart(data: Data, jobs: Sequence[Job], tell: Callable[[int], None], processes: int) -> dict[str, Trained]:
    context = get_context("spawn")
    epochs = context.Value("i", 0)
    longest = sorted(jobs, key=lambda job: -job.epochs * len(job.rows) * len(job.design.inputs))
    others = set(active_children())
    pool = ProcessPoolExecutor(min(processes, len(jobs)), context, _begin, (data, epochs))
    try:
        with _uninterrupted():
            running: dict[Future[Any], Job] = {pool.submit(_work, job): job for job in longest}
        left = set(running)
        while left:
            finished, left = wait(left, _LOOK_S)
            for each in finished:
                each.result()
            tell(epochs.value)
        return {job.name: _rebuilt(job, *future.result()) for future, job in running.items()}
    except BaseException:
        for process in set(active_children()) - others:  # or they would train to the end first
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Processes that are started in here never see Ctrl-C, which is for the one that ends them; it sees it after."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_worker: dict[str, Any] = {}
"""Of a process of its own: the data and the count of epochs, which are sent once."""


def _begin(data: Data, epochs: Any) -> None:
    Thread(target=_end_with, args=(parent_process(),), daemon=True).start()
    _worker.update(data=data, epochs=epochs)


def _end_with(parent: Any) -> None:
    """Nobody is left to take what is trained once the parent is gone, be it killed."""
    parent.join()
    os._exit(1)


def _work(job: Job) -> tuple[Any, ...]:
    def tick() -> None:
        with _worker["epochs"].get_lock():
            _worker["epochs"].value += 1

    trained = train_one(_seen(_worker["data"], job), job, tick)
    return (
        {name: tensor.numpy() for name, tensor in trained.network.state_dict().items()},
        trained.loss,
        trained.accuracy,
    )


def _rebuilt(job: Job, weights: dict[str, Any], loss: list[float], accuracy: list[tuple[int, float]]) -> Trained:
    network = Network(job.design)
    network.load_state_dict({name: torch.as_tensor(array) for name, array in weights.items()})
    network.eval()
    return Trained(network, loss, accuracy)
