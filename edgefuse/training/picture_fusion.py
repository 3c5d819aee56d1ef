"""Trains networks that fuse pictures: no labels, each fold of patients judged by the network that has not seen it."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.corpora import corpus as corpora
from edgefuse.corpora.corpus import Corpus, Report, sha256_of
from edgefuse.evaluation.picture_fusion import measured
from edgefuse.fusion.card import FeatureSpec, FusionCard, ModalityCard
from edgefuse.training.export import difference, write_onnx
from edgefuse.training.folder import whole, write_card
from edgefuse.training.picture_network import PictureFusion, loss
from edgefuse.training.recipe import Recipe

_AGREE = 1e-4
_CROP = 128


class Pictures(nn.Module):
    """Members side by side; inputs in the order of the card, then the mask."""

    outputs = ("fused", "members")

    def __init__(self, members: list[PictureFusion]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, scan: Tensor, mri: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The mean picture (B, 1, h, w) and those of the members (members, B, 1, h, w)."""
        each = torch.stack([member(scan, mri, mask) for member in self.members])
        return each.mean(0), each


def train(recipe: Recipe, data: Path, out: Path, seeds: int | None, progress: Report) -> FusionCard:
    """As `edgefuse.training.run.train`, for the task `fuse`; `seeds` is the number of folds."""
    corpus = corpora.load(recipe.data.corpus, data, recipe.data.options, progress)
    names = list(corpus.raws)
    pictures = [torch.as_tensor(corpus.raws[name].data, dtype=torch.float32)[:, None] / 255 for name in names]
    held = _folds(corpus.groups, seeds or recipe.split.folds)
    members = [_member(recipe, pictures, np.flatnonzero(~out_), k, len(held), progress) for k, out_ in enumerate(held)]
    with whole(out) as folder:
        worst = _export(Pictures(members), pictures, names, folder / "model.onnx")
        card = _card(recipe, corpus, held, worst)
        card = card.model_copy(update={"metrics": measured(folder / "model.onnx", card, corpus)})
        path = folder / "model.onnx"
        card = card.model_copy(update={"files": {path.name: {"sha256": sha256_of(path), "size": path.stat().st_size}}})
        write_card(card, folder)
    return card


def _folds(groups: NDArray[np.str_], count: int) -> list[NDArray[np.bool_]]:
    names = np.unique(groups)
    if not 2 <= count <= len(names):  # noqa: PLR2004  one fold holds everything out
        raise ConfigError(f"expected 2 to {len(names)} folds for {len(names)} groups, got {count}")
    return [np.isin(groups, names[fold::count]) for fold in range(count)]


def _member(
    recipe: Recipe, pictures: list[Tensor], rows: NDArray[np.intp], seed: int, of: int, progress: Report
) -> PictureFusion:
    torch.manual_seed(seed)
    draw, spec = np.random.default_rng(seed), recipe.train
    network = PictureFusion(**recipe.fusion.options)
    optimiser = torch.optim.AdamW(network.parameters(), spec.rate, weight_decay=spec.weight_decay)
    steps = spec.epochs * -(-len(rows) // spec.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, spec.rate, total_steps=steps)
    for epoch in range(spec.epochs):
        for batch in np.array_split(draw.permutation(rows), steps // spec.epochs):
            first, second = _crop([each[batch] for each in pictures], draw)
            lost = loss(first, second, network(first, second, torch.ones(len(batch), 2)))
            if not torch.isfinite(lost):
                raise ModelError(f"recipe '{recipe.name}': the loss is no number (epoch {epoch + 1}); lower train.rate")
            optimiser.zero_grad()
            lost.backward()  # type: ignore[no-untyped-call]  # torch has no types here
            optimiser.step()
            schedule.step()
        progress(f"training member {seed}", seed * spec.epochs + epoch + 1, of * spec.epochs)
    return network.eval()


def _crop(pictures: list[Tensor], draw: np.random.Generator) -> list[Tensor]:
    """The same square of both, mirrored half of the time."""
    y, x = (int(draw.integers(0, max(1, side - _CROP + 1))) for side in pictures[0].shape[2:])
    cut = [each[:, :, y : y + _CROP, x : x + _CROP] for each in pictures]
    return [each.flip(3) for each in cut] if draw.random() < 0.5 else cut  # noqa: PLR2004  a coin


def _export(module: Pictures, pictures: list[Tensor], names: list[str], path: Path) -> float:
    module.eval()
    count = min(3, len(pictures[0]))
    mask = torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])[:count]
    example = [*(each[:count] for each in pictures), mask]
    write_onnx(module, Pictures.outputs, example, path, [*names, "mask"])
    feeds: dict[str, NDArray[Any]] = {name: each.numpy() for name, each in zip([*names, "mask"], example, strict=True)}
    worst = difference(module, path, feeds, [*names, "mask"])
    if not worst <= _AGREE:
        raise ModelError(f"{path.name}: ONNX Runtime differs from torch by {worst:.2g}, expected at most {_AGREE:g}")
    return worst


def _card(recipe: Recipe, corpus: Corpus, held: list[NDArray[np.bool_]], worst: float) -> FusionCard:
    shape = [1, *corpus.raws["mri"].data.shape[1:]]
    feature = FeatureSpec(kind="image")
    return FusionCard(
        schema=1,
        name=recipe.name,
        what=recipe.what,
        task="fuse",
        classes=list(corpus.classes),
        modalities={name: ModalityCard(raw="image", features=feature, shape=shape) for name in corpus.raws},
        members=[sorted(set(corpus.groups[~out].tolist())) for out in held],
        data={
            **recipe.data.model_dump(exclude={"options"}),
            "files": dict(corpus.files),
            "groups": sorted(set(corpus.groups.tolist())),
            "n": len(corpus),
        },
        split=recipe.split.model_dump(),
        seeds=list(range(len(held))),
        limits=recipe.limits,
        licence=recipe.data.licence,
        extra={"onnx_difference": worst},
        recipe=recipe.model_dump(mode="json"),
    )
