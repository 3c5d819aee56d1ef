"""The ensemble as one ONNX file, verified against torch."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from edgefuse.core.errors import ModelError, needs
from edgefuse.training.calibrate import patterns
from edgefuse.training.data import Data
from edgefuse.training.network import Network

_OPSET = 17
_AGREE = 1e-4
_SAMPLES = 24


class Ensemble(nn.Module):
    """Members and temperatures: inputs in the order of the card, then the mask."""

    temperatures: Tensor
    powers: Tensor

    def __init__(self, networks: Sequence[Network], temperatures: NDArray[np.float64]) -> None:
        super().__init__()
        self.names = networks[0].names
        self.networks = nn.ModuleList(networks)
        self.embeds = bool(len(networks[0].project))
        self.vectors: tuple[str, ...] = getattr(networks[0].fusion, "vectors", ())
        self.register_buffer("temperatures", torch.as_tensor(temperatures).float())
        self.register_buffer("powers", 2.0 ** torch.arange(len(self.names)))

    @property
    def outputs(self) -> list[str]:
        """In order."""
        embeddings = ["embedding", *(f"embedding_{name}" for name in self.names)] if self.embeds else []
        return ["probability", "members", *embeddings, *(f"{name}_members" for name in self.vectors)]

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Calibrated probabilities (B, classes), log-probabilities of the members (members, B, classes).

        With a common space also the mean of those present and every modality in it: the members' side by side, of
        length 1, so that a product of two is the mean cosine. Then what a fusion offers besides, its `vectors`, each
        (members, B, ...).
        """
        x, mask = dict(zip(self.names, inputs[:-1], strict=True)), inputs[-1]
        encoded = [network.encode(x) for network in self._members()]
        pairs = list(zip(self._members(), encoded, strict=True))
        fused = [network.fuse(z, mask) for network, z in pairs]
        members = torch.stack([each["log_p"] for each in fused])
        pool = torch.logsumexp(members, 0)
        pattern = ((mask > 0).float() * self.powers).sum(1).long()
        probability = torch.softmax(pool / self.temperatures[pattern].unsqueeze(1), 1)
        more = [torch.stack([each[name] for each in fused]) for name in self.vectors]
        if not self.embeds:
            return probability, members, *more
        spaces = [network.embed(z) for network, z in pairs]
        each = [torch.cat([space[name] for space in spaces], 1) / len(spaces) ** 0.5 for name in self.names]
        each = [vector * (mask[:, number : number + 1] > 0) for number, vector in enumerate(each)]
        return probability, members, functional.normalize(torch.stack(each).sum(0), dim=1), *each, *more

    def _members(self) -> list[Network]:
        return list(self.networks)  # type: ignore[arg-type]


class Singles(nn.Module):
    """Networks of one modality each."""

    def __init__(self, networks: Mapping[str, Sequence[Network]]) -> None:
        super().__init__()
        self.names = list(networks)
        self.each = nn.ModuleList(nn.ModuleList(some) for some in networks.values())

    @property
    def outputs(self) -> list[str]:
        """In order."""
        return [f"single_{name}{end}" for name in self.names for end in ("", "_members")]

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """For each modality the log of the mean probability (B, classes), and (members, B, classes)."""
        out: list[Tensor] = []
        for name, x, networks in zip(self.names, inputs, self.each, strict=True):
            mask = torch.ones_like(x.flatten(1)[:, :1], dtype=torch.float32)
            members = torch.stack([network({name: x}, mask) for network in networks])  # type: ignore[attr-defined]
            out += [torch.log_softmax(torch.logsumexp(members, 0), 1), members]
        return tuple(out)


def export(module: Ensemble | Singles, data: Data, path: Path) -> float:
    """Write the file; the largest difference between ONNX Runtime and torch on real samples and every pattern.

    Raises ModelError when that is above 1e-4.
    """
    masked = isinstance(module, Ensemble)
    names = [*module.names, "mask"] if masked else module.names
    feeds = _feeds(data, masked=masked)
    module.eval()
    write_onnx(module, module.outputs, [torch.as_tensor(feeds[name][:2]) for name in names], path, names)
    worst = difference(module, path, feeds, names)
    if not worst <= _AGREE:
        raise ModelError(f"{path.name}: ONNX Runtime differs from torch by {worst:.2g}, expected at most {_AGREE:g}")
    return worst


def write_onnx(module: nn.Module, outputs: Sequence[str], example: list[Tensor], path: Path, names: list[str]) -> None:
    """Write a module with free batch: the first axis of inputs and outputs, the second of `members`.

    That of a mask is its own: modalities with batch 1 are encoded once and fused for every row of it.
    """
    rows = "masks" if "mask" in names else "batch"
    axes = {name: {0: "batch"} for name in names} | {name: {0: rows} for name in [*outputs, *{"mask"} & {*names}]}
    axes |= {name: {1: rows} for name in outputs if name.endswith("members")}
    with needs("convert", "writing ONNX files"):
        import onnx  # noqa: F401  torch asks for it late
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter itself, and of tracing shapes that are fixed here
        torch.onnx.export(
            module,
            tuple(example),
            str(path),
            input_names=names,
            output_names=list(outputs),
            dynamic_axes=axes,
            opset_version=_OPSET,
            dynamo=False,
        )


def difference(module: nn.Module, path: Path, feeds: Mapping[str, NDArray[Any]], names: Sequence[str]) -> float:
    """Largest absolute difference of any output."""
    from edgefuse.engines.onnx import OnnxBackend

    model = OnnxBackend().load(path, {})
    got = list(model.run(feeds).values())
    with torch.no_grad():
        expected = module(*(torch.as_tensor(feeds[name]) for name in names))
    return max(float(np.abs(a - b.numpy()).max()) for a, b in zip(got, expected, strict=True))


def _feeds(data: Data, *, masked: bool) -> dict[str, NDArray[Any]]:
    """Samples under every pattern and with nothing present; what is masked is NaN."""
    rows = np.linspace(0, len(data.labels) - 1, min(_SAMPLES, len(data.labels))).astype(np.intp)
    if not masked:
        return {name: array[rows] for name, array in data.x.items()}
    masks = np.concatenate([patterns(len(data.x)), np.zeros((1, len(data.x)), np.float32)])
    mask = np.repeat(masks, len(rows), 0) * np.tile(data.present[rows], (len(masks), 1))
    feeds: dict[str, NDArray[Any]] = {"mask": mask.astype(np.float32)}
    for column, (name, array) in enumerate(data.x.items()):
        feed = np.tile(array[rows], (len(masks), *[1] * (array.ndim - 1)))
        if feed.dtype != np.int64:
            feed[mask[:, column] == 0] = np.nan
        feeds[name] = feed
    return feeds
