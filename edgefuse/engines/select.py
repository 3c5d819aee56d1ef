"""Which engine a model is to have here, and why. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ModelError
from edgefuse.core.ports import Backend, Precision, Probe
from edgefuse.engines.catalogue import Entry

CPU = "onnx"
"""The backend that is always there; `cpu` in the configuration."""
GPU = "tensorrt"
_DOWN: Mapping[str, Sequence[Precision]] = {
    "int8": ("int8", "fp16", "fp32"),
    "fp16": ("fp16", "fp32"),
    "fp32": ("fp32",),
    "auto": ("fp16", "fp32"),
}
"""Wanted precision -> what is tried, best first."""
Probes: TypeAlias = Mapping[str, Probe]


@dataclass(frozen=True, slots=True)
class Rung:
    """One engine that a model could have."""

    backend: str
    precision: Precision
    why: str
    """Why it is on the ladder."""
    build: bool
    """Whether to build it when it is not there."""


def ladder(
    entry: Entry, config: ModelsConfig, probes: Probes, backends: Mapping[str, type[Backend] | Backend]
) -> Sequence[Rung]:
    """Engines to try, best first; the last is fp32 on the CPU, which needs no build.

    Raises ModelError for a backend that is not installed under the wanted name.
    """
    engine, precision = config.wanted(entry.name)
    backend, why = _backend(entry, "onnx" if engine == "cpu" else engine, probes)
    rungs = list(_rungs(backend, precision, why, backends))
    if backend != CPU:
        rungs += _rungs(CPU, "auto", "until a better engine is built", backends)
    return rungs


def _backend(entry: Entry, engine: str, probes: Probes) -> tuple[str, str]:
    """Its name and why."""
    if engine == "auto":
        return _automatic(entry, probes)
    if engine not in probes:
        known = ", ".join(sorted({"auto", "cpu", *probes} - {CPU}))
        raise ModelError(f"models: model '{entry.name}': expected an engine of {known}, got '{engine}'")
    probe = probes[engine]
    if not probe.usable:
        return CPU, f"{engine} was asked for, but {probe.reason}"
    return engine, f"{'cpu' if engine == CPU else engine} was asked for"


def _automatic(entry: Entry, probes: Probes) -> tuple[str, str]:
    prefers = entry.card.get("prefers") or {}
    if prefers.get("backend") == "cpu":
        return CPU, str(prefers.get("because", "the model's card prefers the CPU"))
    probe = probes.get(GPU, Probe(usable=False, reason="no backend for GPUs is installed"))
    return (GPU, probe.reason) if probe.usable else (CPU, probe.reason)


def _rungs(backend: str, precision: str, why: str, backends: Mapping[str, type[Backend] | Backend]) -> Iterator[Rung]:
    """What one backend can offer, best first; on the CPU `auto` takes int8 that is there, but does not build it."""
    runs = backends[backend].precisions
    if backend == CPU and precision == "auto":
        yield Rung(CPU, "int8", f"{why}; int8 was built and passed", build=False)
        yield Rung(CPU, "fp32", why, build=False)
        return
    known = [each for each in _DOWN[precision] if each in runs]
    for each in known or (runs if precision == "auto" else ()):
        yield Rung(backend, each, _reason(why, precision, each), build=backend != CPU or each != "fp32")


def _reason(why: str, wanted: str, got: Precision) -> str:
    if wanted in {"auto", got}:
        return why
    return f"{why}; {got} instead of {wanted}"
