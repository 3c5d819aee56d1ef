"""The loop: one network, trained on some rows, with modality dropout and auxiliary losses."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from edgefuse.core.errors import ModelError
from edgefuse.training.data import Data
from edgefuse.training.losses import contrastive, rebuilding
from edgefuse.training.network import Design, Network
from edgefuse.training.recipe import TrainSpec

Tick: TypeAlias = Callable[[], None]
"""Called after every epoch."""
_CLIP = 5.0
_CHECKS = 10
"""How often the validation accuracy is looked at, for the picture alone."""
_WATCHED = 600


@dataclass(frozen=True, slots=True)
class Job:
    """One training."""

    design: Design
    rows: NDArray[np.intp]
    held: NDArray[np.intp]
    """Rows of groups that it does not see: for curves and predictions."""
    seed: int
    epochs: int
    spec: TrainSpec
    modality_dropout: float
    name: str = ""


@dataclass(slots=True)
class Trained:
    """What comes out."""

    network: Network
    loss: list[float] = field(default_factory=list)
    """Per epoch."""
    accuracy: list[tuple[int, float]] = field(default_factory=list)
    """(epoch, accuracy on held rows)."""


def train_one(data: Data, job: Job, tick: Tick = lambda: None) -> Trained:
    """Train a network; the same data, job and machine give the same weights. Raises ModelError when it diverges."""
    torch.set_num_threads(1)
    torch.manual_seed(job.seed)
    rng = np.random.default_rng(job.seed)
    out = Trained(Network(job.design))
    feed, rows = _Feed(data), torch.as_tensor(job.rows)
    weights, shares = _weights(feed.labels[rows], job)
    out.network.fit({name: each[rows] for name, each in feed.x.items()}, feed.present[rows], feed.labels[rows], shares)
    batches = -(-len(rows) // job.spec.batch)
    optimiser = torch.optim.AdamW(out.network.parameters(), job.spec.rate, weight_decay=job.spec.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, job.spec.rate, total_steps=job.epochs * batches + 1)
    for epoch in range(job.epochs):
        out.network.train()
        total = 0.0
        for batch in np.array_split(rng.permutation(job.rows), batches):
            loss = _loss(out.network, feed, batch, weights, job, rng)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(out.network.parameters(), _CLIP)
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        out.loss.append(total / batches)
        _finite(total, job, epoch)
        if len(job.held) and (epoch + 1) % max(1, job.epochs // _CHECKS) == 0:
            out.accuracy.append((epoch + 1, _accuracy(out.network, data, job.held)))
        tick()
    out.network.eval()
    return out


class _Feed:
    """The data as tensors."""

    def __init__(self, data: Data) -> None:
        self.x = {name: torch.as_tensor(array) for name, array in data.x.items()}
        self.present = torch.as_tensor(data.present)
        self.labels = torch.as_tensor(data.labels)


def _finite(total: float, job: Job, epoch: int) -> None:
    if not np.isfinite(total):
        raise ModelError(
            f"{job.name}: the loss is not a number after {epoch + 1} of {job.epochs} epochs; lower train.rate (it is "
            f"{job.spec.rate:g}) or look for extreme values in the data"
        )


def dropped(present: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Masks that keep 1 to all but one of what is present, every number as likely; (B, modalities)."""
    count = present.sum(1)
    keep = 1 + np.floor(rng.random(len(present)) * np.maximum(count - 1, 1))
    rank = np.argsort(np.argsort(np.where(present > 0, rng.random(present.shape), 2.0), axis=1), axis=1)
    return np.asarray((rank < keep[:, None]) & (present > 0), np.float32)


def predict(
    network: Network, data: Data, rows: NDArray[np.intp], masks: NDArray[np.float32] | None = None, batch: int = 256
) -> NDArray[np.float64]:
    """Log-probabilities of rows, (patterns, rows, classes), for `masks` (patterns, modalities) and what is present.

    Without masks: (1, rows, classes), with all that is present.
    """
    masks = np.ones((1, len(data.x)), np.float32) if masks is None else masks
    out = np.empty((len(masks), len(rows), network.design.classes))
    network.eval()
    with torch.no_grad():
        for at in range(0, len(rows), batch):
            some = rows[at : at + batch]
            present = torch.as_tensor(data.present[some])
            z = network.encode({name: torch.as_tensor(array[some]) for name, array in data.x.items()})
            for number, mask in enumerate(masks):
                log_p = network.fuse(z, present * torch.as_tensor(mask))["log_p"]
                out[number, at : at + batch] = log_p.double().numpy()
    return out


def _loss(
    network: Network, feed: _Feed, batch: NDArray[np.intp], weights: Tensor, job: Job, rng: np.random.Generator
) -> Tensor:
    """Everything present and less of it, from the same encoders; then each modality alone."""
    picked = torch.as_tensor(batch)
    present, labels = feed.present[picked], feed.labels[picked]
    drop = job.modality_dropout if present.shape[1] > 1 else 0.0
    fewer = torch.as_tensor(dropped(present.numpy(), rng)) if drop else present
    x = network.standardised({name: each[picked] for name, each in feed.x.items()})
    z = network.encode_standardised(x)
    loss = torch.zeros(())
    for mask, share in ((present, 1 - drop), (fewer, drop)):
        if share:
            out: dict[str, Any] = network.fuse(z, mask)
            extra = out.get("loss", 0.0) + rebuilding(network, x, out, present)
            loss = loss + share * (_cross_entropy(out["log_p"], labels, weights, job) + extra)
    if contrast := float(job.design.options.get("contrastive", 0.0)):
        loss = loss + contrast * contrastive(network.embed(z), present, labels)
    if job.spec.auxiliary and present.shape[1] > 1:
        loss = loss + job.spec.auxiliary * _alone(network.each(z), present, labels, weights, job)
    return loss


def _alone(each: dict[str, Tensor], present: Tensor, labels: Tensor, weights: Tensor, job: Job) -> Tensor:
    """Sum of the losses of each modality, where it is present."""
    loss = torch.zeros(())
    for here, logits in zip(present.T > 0, each.values(), strict=True):
        if bool(here.any()):
            log_p = functional.log_softmax(logits[here], 1)
            loss = loss + _cross_entropy(log_p, labels[here], weights, job)
    return loss


def _cross_entropy(log_p: Tensor, labels: Tensor, weights: Tensor, job: Job) -> Tensor:
    return functional.cross_entropy(log_p, labels, weights, label_smoothing=job.spec.label_smoothing)


def _weights(labels: Tensor, job: Job) -> tuple[Tensor, Tensor]:
    """Weight of each class in the loss, and the share of each that the network is to take for granted."""
    counts = torch.bincount(labels, minlength=job.design.classes).float()
    if not job.spec.balanced:
        return torch.ones_like(counts), (counts + 0.5) / (counts + 0.5).sum()
    weights = torch.where(counts > 0, len(labels) / counts.clamp_min(1) / (counts > 0).sum(), torch.zeros_like(counts))
    return weights, torch.full_like(counts, 1 / len(counts))


def _accuracy(network: Network, data: Data, rows: NDArray[np.intp]) -> float:
    some = rows[:: max(1, len(rows) // _WATCHED)]
    return float((predict(network, data, some)[0].argmax(1) == data.labels[some]).mean())
