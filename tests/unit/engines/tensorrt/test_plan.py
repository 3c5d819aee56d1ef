"""Engines built by NVIDIA's real builder, TensorRT-RTX, which needs no GPU."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from edgefuse.app.models import trial_of
from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import BuildCancelled, ModelError
from edgefuse.core.ports import Precision
from edgefuse.engines.catalogue import load_catalogue
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.engines.precision import convert, filled
from edgefuse.engines.store import Store
from edgefuse.engines.tensorrt import freeze
from edgefuse.engines.tensorrt.plan import Job, build
from edgefuse.pipeline.clock import SystemClock

Built = Callable[..., bytes]
Profile = Callable[..., Mapping[str, Any]]


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_a_float_model_becomes_an_engine(built: Built, workshop: Any, kind: Any) -> None:
    """fp32 and fp16 files build as they are typed."""
    assert len(built(workshop.conv(kind))) > 1000


def test_a_symmetric_int8_model_becomes_an_engine(built: Built, workshop: Any) -> None:
    """Q/DQ nodes with zero points of 0 build."""
    assert len(built(workshop.quantised(symmetric=True))) > 1000


def test_an_asymmetric_int8_model_is_refused(built: Built, workshop: Any) -> None:
    """A file quantised for the CPU is an error that names the operator, its node and the zero point."""
    with pytest.raises(ModelError, match=r"operator QuantizeLinear \(node 'quantise'\): .*zero point"):
        built(workshop.quantised(symmetric=False))


def test_free_sizes_build_within_a_profile(built: Built, workshop: Any, profile: Profile) -> None:
    """A free batch becomes an engine once the card bounds it; 0 is a size."""
    path = workshop.conv(batch="n")

    assert len(built(path, profile(1, 2, 4))) > 1000
    assert len(built(path, profile(0, 1, 4))) > 1000


def test_an_input_of_sizes_builds_within_a_profile(built: Built, workshop: Any) -> None:
    """An input whose values are the sizes of an output is bounded by its values."""
    path = workshop.reshape()
    assert len(built(path, {"profiles": {"s": {"min": [1, 1], "opt": [3, 4], "max": [12, 12]}}})) > 1000

    with pytest.raises(ModelError, match=r"input 's' \(2\): its values are sizes, and the card has no profile"):
        built(path)


def test_free_sizes_without_a_profile_are_told_before_building(built: Built, workshop: Any) -> None:
    """The error names the input and what is to be written into the card; the builder is never asked."""
    phases: list[str] = []

    with pytest.raises(ModelError, match=r"input 'x' \(free, 3, 8, 8\).*no profile.*profiles: {x: {min: "):
        built(workshop.conv(batch="n"), report=lambda _share, phase: bool(phases.append(phase)) or True)
    assert phases == ["reading the model"]


@pytest.mark.parametrize(
    ("profiles", "message"),
    [
        ({"x": {"min": [4, 3, 8, 8], "opt": [2, 3, 8, 8], "max": [1, 3, 8, 8]}}, "min <= opt <= max"),
        ({"x": {"min": [1, 4, 8, 8], "opt": [1, 4, 8, 8], "max": [1, 4, 8, 8]}}, "sizes that are fixed"),
        ({"x": {"min": [1], "opt": [1], "max": [1]}}, "expected 4 numbers each"),
        ({"x": {"min": [1, 3, 8, 8]}}, "a profile with min, opt and max"),
        ({"x": {"min": "1", "opt": [1, 3, 8, 8], "max": [1, 3, 8, 8]}}, "min of its profile to be a list of sizes"),
        ({"x": {"min": [-1, 3, 8, 8], "opt": [1, 3, 8, 8], "max": [1, 3, 8, 8]}}, "to be a list of sizes"),
        ({"x": {"min": [True, 3, 8, 8], "opt": [1, 3, 8, 8], "max": [1, 3, 8, 8]}}, "to be a list of sizes"),
        ({"x": {"min": [1, 3, 8, 8], "opt": [1, 3, 8, 8], "max": [2**40, 3, 8, 8]}}, "to be a list of sizes"),
        ({"z": {"min": [1], "opt": [1], "max": [1]}}, r"profiles for \['z'\], the model has inputs \['x'\]"),
        ([1], "expected the card's profiles to be"),
    ],
)
def test_a_profile_that_makes_no_sense_is_told(built: Built, workshop: Any, profiles: Any, message: str) -> None:
    """A mistake in a card's profiles is named, with what is expected, before anything is built."""
    with pytest.raises(ModelError, match=message):
        built(workshop.conv(batch="n"), {"profiles": profiles})


def test_sizes_that_the_card_fixes_decide_branches(built: Built, workshop: Any) -> None:
    """A profile with one size only is written into the model, and an If that follows from it is gone."""
    path = workshop.branches()
    card = {"profiles": {"x": {"min": [1, 3, 4], "opt": [1, 3, 4], "max": [1, 3, 4]}}}
    assert len(built(path, card)) > 1000

    with freeze.fixed(path, card) as copy:
        assert [node.op_type for node in onnx.load(copy).graph.node] == ["Squeeze"]


def test_fixing_sizes_leaves_precision_alone(workshop: Any, profile: Profile) -> None:
    """The copy that is built from has the sizes of the card, and the types and Q/DQ of the file."""
    path = workshop.conv(np.float16, batch="n")
    with freeze.fixed(path, profile(2, 2, 2)) as copy:
        model = onnx.load(copy)
    (x,) = model.graph.input

    assert [dim.dim_value for dim in x.type.tensor_type.shape.dim] == [2, 3, 8, 8]
    assert {weight.data_type for weight in model.graph.initializer} == {onnx.TensorProto.FLOAT16}
    assert [node.op_type for node in model.graph.node] == ["Conv", "Relu"]
    assert not copy.exists()
    with freeze.fixed(path, profile(1, 2, 2)) as same:
        assert same == path


CATALOGUE = {
    name: entry
    for name, entry in load_catalogue(Path("none")).items()
    if entry.trained is None or all((entry.trained / each).exists() for each in entry.files)
}
"""Without models whose card alone travels with the project."""


@pytest.mark.models
@pytest.mark.parametrize("name", [entry.name for entry in CATALOGUE.values() if entry.card.get("format") == "onnx"])
def test_every_model_of_the_catalogue_becomes_an_engine(built: Built, name: str) -> None:
    """Each ONNX model that the catalogue names builds with the profiles of its card."""
    store = Store(ModelsConfig.model_validate({"pull": "never"}), SystemClock())
    try:
        path = store.path(name)
    except ModelError:
        pytest.skip(f"{name} is not here: run `edgefuse models pull {name}`")

    assert len(built(path, store.entry(name).card)) > 10_000


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[str, Precision], tuple[Path, Mapping[str, Any]]]:
    """The copy of a model that `convert` makes for TensorRT on two samples, and the model's card."""

    def copy(name: str, precision: Precision) -> tuple[Path, Mapping[str, Any]]:
        store = Store(ModelsConfig.model_validate({"pull": "never"}), SystemClock())
        entry = store.entry(name)
        try:
            path = store.path(name)
        except ModelError:
            pytest.skip(f"{name} is not here: run `edgefuse models pull {name}`")
        trial = trial_of(entry)
        assert trial is not None
        feeds = filled(OnnxBackend().load(path, entry.card), trial.feeds(None)[:2], trial.carried)
        target = tmp_path / "copy.onnx"
        convert(path, target, precision, "symmetric", feeds, entry.card, lambda *_: True)
        return target, entry.card

    return copy


WHISPER = [f"whisper-{size}-{half}" for size in ("tiny.en", "base") for half in ("encoder", "decoder")]


@pytest.mark.models
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("nanodet", "fp16"),
        ("nanodet", "int8"),
        *((name, "fp16") for name in WHISPER),
        ("whisper-tiny.en-encoder", "int8"),
    ],
)
def test_a_copy_of_less_precision_becomes_an_engine(built: Built, copied: Any, name: str, precision: Precision) -> None:
    """The copies that are made for TensorRT build, with the profiles of the card."""
    assert len(built(*copied(name, precision))) > 10_000


@pytest.mark.models
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_copies_of_silero_are_refused(built: Built, copied: Any, precision: Precision) -> None:
    """Branches are folded in fp32 only, and TensorRT-RTX cannot follow those of silero: fp32, or the CPU, serves."""
    with pytest.raises(ModelError, match="graphScope"):
        built(*copied("silero-vad", precision))


def test_progress_never_falls_and_ends_at_one(built: Built, workshop: Any) -> None:
    """Nested phases become one share from 0 to 1 that only rises, told in many steps."""
    shares: list[float] = []
    built(workshop.conv(), report=lambda share, _phase: bool(shares.append(share) or True))

    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    assert len(set(shares)) > 20


@pytest.mark.parametrize("share", [0, 0.3, 0.7, 1])
def test_a_cancelled_build_leaves_nothing(built: Built, workshop: Any, tmp_path: Path, share: float) -> None:
    """A report that answers False ends the build, whatever it has come to, without an engine."""
    with pytest.raises(BuildCancelled):
        built(workshop.conv(), report=lambda done, _phase: done < share)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".onnx"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, BuildCancelled])
def test_what_the_report_raises_comes_back(built: Built, workshop: Any, error: type[BaseException]) -> None:
    """An exception in the report passes no C++ frame: it ends the build and is raised after it."""
    calls = 0

    def report(share: float, _phase: str) -> bool:
        nonlocal calls
        if share > 0.3:
            calls += 1
            raise error("from the report")
        return True

    with pytest.raises(error, match="from the report"):
        built(workshop.conv(), report=report)
    assert calls == 1


def test_a_truncated_model_is_told(built: Built, workshop: Any) -> None:
    """A file that is cut off, empty or absent is an error with its path and the library's reason."""
    path = workshop.conv()
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ModelError, match=rf"{path}: TensorRT .* cannot read it: .*Failed to parse"):
        built(path)

    path.write_bytes(b"")
    with pytest.raises(ModelError, match=rf"{path}: TensorRT"):
        built(path)

    path.unlink()
    with pytest.raises(ModelError, match=rf"{path}: TensorRT .* cannot be found"):
        built(path)


def test_every_unsupported_operator_is_named(built: Built, workshop: Any) -> None:
    """All operators that the parser refuses are told, with the names of their nodes."""
    with pytest.raises(ModelError, match=r"Frobnicate \(node 'frob'\): .*Wibble \(node 'wob'\): "):
        built(workshop.unsupported())


def test_an_engine_that_cannot_be_written_is_told(built: Built, workshop: Any, tmp_path: Path) -> None:
    """A target that is a folder is an OSError, for whoever owns the folder to tell; nothing half is left."""
    (tmp_path / "engine.plan").mkdir()
    with pytest.raises(OSError, match=r"engine.plan"):
        built(workshop.conv())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["conv_float32_1.onnx", "engine.plan"]


@pytest.mark.filterwarnings("ignore:.*no-ops in TensorRT-RTX")
def test_a_timing_cache_passes_through_the_library(rtx: Any, workshop: Any, tmp_path: Path) -> None:
    """A cache is made, taken and serialised by the library's own classes; in TensorRT-RTX it holds nothing."""
    cache = tmp_path / "cache" / "timing.cache"
    for _ in range(2):
        build(rtx, Job(workshop.conv(), {}, tmp_path / "a.plan", 1 << 30, cache), lambda *_: True)

    assert len(cache.read_bytes()) > 32
