"""The ladder of engines."""

from typing import Any, ClassVar

import pytest

from edgefuse.config.models import ModelEngine, ModelsConfig
from edgefuse.core.errors import ModelError
from edgefuse.core.ports import Precision, Probe
from edgefuse.engines.catalogue import Entry
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.engines.select import Rung, ladder


class Gpu(OnnxBackend):
    """What a GPU would offer."""

    name: ClassVar[str] = "tensorrt"
    precisions: ClassVar[tuple[Precision, ...]] = ("fp32", "fp16", "int8")
    suffix: ClassVar[str] = ".plan"


class Npu(OnnxBackend):
    """A plug-in of somebody else that knows int8 alone."""

    name: ClassVar[str] = "npu"
    precisions: ClassVar[tuple[Precision, ...]] = ("int8",)


BACKENDS = {"onnx": OnnxBackend, "tensorrt": Gpu, "npu": Npu}
CPU_THERE = {"onnx": Probe(usable=True, reason="onnxruntime 1.32.0"), "npu": Probe(usable=True, reason="an NPU")}
WITH_GPU = {**CPU_THERE, "tensorrt": Probe(usable=True, reason="an Orin")}
WITHOUT = {**CPU_THERE, "tensorrt": Probe(usable=False, reason="no driver")}


def entry(**card: Any) -> Entry:
    pin = {"sha256": "0" * 64, "size": 1}
    take = [{"file": "/", "files": {"m.onnx": "m.onnx"}}]
    body = {"what": "a model", "licence": "none", "files": {"m.onnx": pin}, "sources": [{"take": take}], "card": card}
    return Entry.model_validate({"name": "m", **body})


def steps(rungs: Any) -> list[tuple[str, str]]:
    return [(rung.backend, rung.precision) for rung in rungs]


def climb(config: ModelsConfig, probes: dict[str, Probe], **card: Any) -> list[Rung]:
    return list(ladder(entry(**card), config, probes, BACKENDS))


ON_CPU = [("onnx", "int8"), ("onnx", "fp32")]


@pytest.mark.parametrize(
    ("engine", "precision", "probes", "expected"),
    [
        ("auto", "auto", WITHOUT, ON_CPU),
        ("auto", "auto", WITH_GPU, [("tensorrt", "fp16"), ("tensorrt", "fp32"), *ON_CPU]),
        ("auto", "int8", WITH_GPU, [("tensorrt", "int8"), ("tensorrt", "fp16"), ("tensorrt", "fp32"), *ON_CPU]),
        ("tensorrt", "fp32", WITH_GPU, [("tensorrt", "fp32"), *ON_CPU]),
        ("tensorrt", "auto", WITHOUT, ON_CPU),
        ("cpu", "auto", WITH_GPU, ON_CPU),
        ("cpu", "int8", WITH_GPU, ON_CPU),
        ("cpu", "fp16", WITH_GPU, [("onnx", "fp32")]),
        ("cpu", "fp32", WITH_GPU, [("onnx", "fp32")]),
        ("npu", "auto", WITH_GPU, [("npu", "int8"), *ON_CPU]),
        ("npu", "int8", WITH_GPU, [("npu", "int8"), *ON_CPU]),
    ],
)
def test_the_ladder(engine: str, precision: Any, probes: dict[str, Probe], expected: list[tuple[str, str]]) -> None:
    """The wanted engine comes first, then lesser precisions, and fp32 on the CPU always ends the ladder."""
    assert steps(climb(ModelsConfig(engine=engine, precision=precision), probes)) == expected


def test_the_reason_is_the_probe_s() -> None:
    """What a GPU lacks is said in the probe's own words, asked for or not."""
    asked = climb(ModelsConfig(engine="tensorrt"), WITHOUT)[0]
    automatic = climb(ModelsConfig(), WITHOUT)[0]

    assert asked.why.startswith("tensorrt was asked for, but no driver")
    assert automatic.why.startswith("no driver")


def test_a_card_may_prefer_the_cpu() -> None:
    """A model that gains nothing on a GPU stays on the CPU in `auto`, with the card's reason; an order overrules it."""
    prefers = {"backend": "cpu", "because": "32 ms windows"}

    assert steps(climb(ModelsConfig(), WITH_GPU, prefers=prefers)) == ON_CPU
    assert "32 ms windows" in climb(ModelsConfig(), WITH_GPU, prefers=prefers)[-1].why
    assert steps(climb(ModelsConfig(engine="tensorrt"), WITH_GPU, prefers=prefers))[0] == ("tensorrt", "fp16")


def test_one_model_may_differ() -> None:
    """per_model overrules engine and precision, each by itself."""
    config = ModelsConfig(engine="tensorrt", precision="fp16", per_model={"m": ModelEngine(precision="fp32")})

    assert steps(climb(config, WITH_GPU))[0] == ("tensorrt", "fp32")
    config = ModelsConfig(engine="tensorrt", precision="int8", per_model={"m": ModelEngine(engine="cpu")})
    assert steps(climb(config, WITH_GPU))[0] == ("onnx", "int8")


def test_nobody_builds_what_nobody_asked_for() -> None:
    """In `auto` int8 on the CPU is taken where it is there; asked for, it is built. fp32 on the CPU needs no build."""
    automatic = climb(ModelsConfig(), WITHOUT)
    asked = climb(ModelsConfig(precision="int8"), WITHOUT)

    assert [rung.build for rung in automatic] == [False, False]
    assert [rung.build for rung in asked] == [True, False]


def test_an_unknown_engine_names_the_known_ones() -> None:
    """A backend that is not installed is the operator's mistake, told with the choices."""
    with pytest.raises(ModelError, match=r"model 'm': expected an engine of auto, cpu, npu, tensorrt, got 'tensort'"):
        climb(ModelsConfig(engine="tensort"), WITHOUT)
