import math
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from edgefuse.core.errors import ModelError
from edgefuse.engines.bench import BenchRow, Engine, engines_of, measure, percentile
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.engines.store import Store
from edgefuse.pipeline.clock import SystemClock

KEYS = (
    "model backend precision ok detail unit threads runs load_ms first_ms p50_ms p90_ms p99_ms cpu_ms library_mb "
    "memory_mb ratio overhead_us"
)


@pytest.fixture
def engine(tmp_path: Path, double_model: bytes) -> Engine:
    path = tmp_path / "double.onnx"
    path.write_bytes(double_model)
    return Engine("double", "onnx", "fp32", str(path), {"inputs": {"x": {"shape": [4, 3]}}})


def test_the_keys_of_a_row_are_frozen() -> None:
    """Scripts read these keys of `edgefuse models bench --json`."""
    assert [field.name for field in fields(BenchRow)] == KEYS.split()


def test_a_model_is_measured_and_compared_with_its_library(engine: Engine) -> None:
    """Percentiles are ordered, the ratio is finite, and every figure is there."""
    row = measure(engine, OnnxBackend(), SystemClock(), runs=30)

    assert row.ok
    assert row.runs == 30
    assert None not in asdict(row).values()
    latencies = [row.p50_ms or 0, row.p90_ms or 0, row.p99_ms or 0]
    assert latencies == sorted(latencies)
    assert latencies[0] > 0
    assert 0 < (row.ratio or 0) < math.inf


def test_without_a_number_there_are_enough_runs_for_percentiles(engine: Engine) -> None:
    """A quick model is run a thousand times."""
    assert measure(engine, OnnxBackend(), SystemClock()).runs == 1000


def test_a_file_that_is_no_model_is_an_error(engine: Engine) -> None:
    """What cannot be loaded is told as by the backend."""
    Path(engine.path).write_bytes(b"no model")

    with pytest.raises(ModelError, match="cannot load it"):
        measure(engine, OnnxBackend(), SystemClock(), runs=1)


def test_a_percentile_is_a_value_that_was_measured() -> None:
    """Nearest rank, in any order of the values."""
    values = [float(n) for n in (5, 1, 4, 2, 3)]

    assert [percentile(values, q) for q in (0, 0.2, 0.5, 0.9, 1)] == [1, 1, 3, 5, 5]


def test_the_engines_of_a_model_are_its_file_and_what_was_built(catalogue: Callable[..., Store]) -> None:
    """fp32 on ONNX Runtime comes first; a model of a format that nothing runs has none."""
    file = {
        "files": {"m.onnx": {"sha256": "0" * 64, "size": 1}},
        "sources": [{"take": [{"file": "/", "files": {"m.onnx": "m"}}]}],
    }
    store = catalogue(net={**file, "card": {"format": "onnx"}}, table={**file, "card": {"format": "csv"}})
    built = [("tensorrt", "fp16", Path("m.plan"))]

    found = engines_of(store.entry("net"), Path("m.onnx"), built)

    assert [(e.backend, e.precision, e.path) for e in found] == [
        ("onnx", "fp32", "m.onnx"),
        ("tensorrt", "fp16", "m.plan"),
    ]
    assert engines_of(store.entry("table"), Path("m.csv")) == []
