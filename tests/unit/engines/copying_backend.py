"""A backend whose engines are copies of the ONNX file, as slow, wrong or broken as the model's card says.

`copying`: {steps: of a build, step_s: pause between them, deaf: to being stopped, op: instead of the first
node's, refuses: why, stumbles: a bug, disk: errno}.
As a script: builds `double` out of argv[1] into the cache argv[2] and prints what came of it.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from edgefuse.core.errors import BuildCancelled, ModelError
from edgefuse.core.ports import BuildReport, Model, Precision, Probe, Tensors, Trial
from edgefuse.engines.build import Workshop
from edgefuse.engines.cache import EngineCache
from edgefuse.engines.catalogue import Entry
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.pipeline.clock import SystemClock


class CopyingBackend:
    """Appends a line to `builds` in its folder for every build that it begins."""

    name: ClassVar[str] = "copying"
    precisions: ClassVar[tuple[Precision, ...]] = ("fp32", "fp16", "int8")
    suffix: ClassVar[str] = ".plan"
    int8: ClassVar[Literal["asymmetric", "symmetric"]] = "symmetric"

    def __init__(self, folder: Path, version: str = "1") -> None:
        self._folder = folder
        self._version = version
        self.broken = False
        """Whether it loads no engine any more."""

    @property
    def builds(self) -> int:
        log = self._folder / "builds"
        return len(log.read_text(encoding="utf-8").splitlines()) if log.exists() else 0

    def probe(self) -> Probe:
        return Probe(usable=True, reason="copying is always possible")

    def fingerprint(self) -> Mapping[str, str]:
        return {"version": self._version}

    def build(self, path: Path, card: Mapping[str, Any], target: Path, report: BuildReport) -> None:
        import onnx

        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "builds").open("a", encoding="utf-8") as log:
            log.write(f"{os.getpid()}\n")
        how = card.get("copying", {})
        steps = how.get("steps", 4)
        for step in range(steps):
            target.write_bytes(path.read_bytes()[: step * 10])
            if not report(step / steps, f"step {step}") and not how.get("deaf"):
                raise BuildCancelled("told to stop")
            time.sleep(how.get("step_s", 0))
        if "disk" in how:
            raise OSError(how["disk"], os.strerror(how["disk"]), str(target))
        if "stumbles" in how:
            raise TypeError(how["stumbles"])
        if "refuses" in how:
            raise ModelError(how["refuses"])
        model = onnx.load(str(path))
        model.producer_name = "copying"
        if "op" in how:
            model.graph.node[0].op_type = how["op"]
        onnx.save(model, str(target))

    def load(self, path: Path, card: Mapping[str, Any]) -> Model:
        if self.broken:
            raise ModelError(f"{path}: not an engine of this version")
        return OnnxBackend().load(path, card)


class Sampled:
    """A trial with feeds of its own, without a task: every copy agrees."""

    metric = "nothing"
    floor = 0.5
    carried: Mapping[str, str] = {}

    def __init__(self, feeds: list[Tensors]) -> None:
        self._feeds = feeds

    def feeds(self, folder: Path | None) -> list[Tensors]:
        if folder is not None and not any(folder.iterdir()):
            raise ModelError(f"{folder}: expected samples, found none")
        return self._feeds

    def agreement(self, reference: Any, candidate: Any) -> float:
        return float(len(reference) == len(candidate))


class SamplingDetector:
    """Has samples for a model with an input x of shape (1, 32, 28, 28): numbers of a fixed seed."""

    @staticmethod
    def trial(_model: str) -> Sampled:
        dice = np.random.default_rng(7)
        return Sampled([{"x": dice.standard_normal((1, 32, 28, 28), np.float32)} for _ in range(8)])


def entry(source: Path, **card: Any) -> Entry:
    """An entry of the catalogue for an ONNX file with the input x of shape (n, 3)."""
    full = {"format": "onnx", "inputs": {"x": {"shape": [2, 3], "value": 0.5}}, **card}
    pin = {"sha256": "0" * 64, "size": 1}
    body = {"files": {source.name: pin}, "sources": [{"take": [{"file": "/", "files": {source.name: "a"}}]}]}
    return Entry.model_validate({"name": "double", "what": "test", "licence": "none", "card": full, **body})


def workshop(
    folder: Path, backend: CopyingBackend, trial: Trial | None = None, samples: Path | None = None
) -> Workshop:
    """With a cache in `folder`."""
    backends = {"onnx": OnnxBackend(), "copying": backend}
    return Workshop(EngineCache(folder, 10**9), backends, lambda _: trial, SystemClock(), samples)


def main(source: Path, folder: Path) -> None:
    shop = workshop(folder, CopyingBackend(folder.parent / "backend"))
    slow = entry(source, copying={"steps": 10, "step_s": 0.03})

    def report(share: float, phase: str) -> bool:
        print(f"{share:.3f} {phase}", file=sys.stderr, flush=True)
        return True

    record = shop.build(slow, source, "copying", "fp32", report)
    print(json.dumps({"ok": record.ok, "path": str(record.path), "detail": record.detail}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
