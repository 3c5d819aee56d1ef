"""Building engines, with a backend that copies (`copying_backend.py`)."""

import errno
import importlib.util
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import BuildCancelled, ModelError
from edgefuse.core.ports import Probe
from edgefuse.engines.build import Record, Workshop
from edgefuse.engines.cache import EngineCache
from edgefuse.engines.guard import guarded
from edgefuse.engines.keys import key_for
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.engines.precision import Verdict
from edgefuse.engines.serve import Engines, Plugins
from edgefuse.pipeline.clock import SystemClock

HELPER = Path(__file__).with_name("copying_backend.py")


def _load_helper() -> Any:
    spec = importlib.util.spec_from_file_location("copying_backend", HELPER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


copying = _load_helper()


def quiet(_share: float, _phase: str) -> bool:
    return True


def files_in(folder: Path) -> list[str]:
    """Names of all files below a folder, locks left out."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and ".locks" not in path.parts)


@pytest.fixture
def source(tmp_path: Path, double_model: bytes) -> Path:
    """An fp32 ONNX file."""
    path = tmp_path / "double.onnx"
    path.write_bytes(double_model)
    return path


@pytest.fixture
def backend(tmp_path: Path) -> Any:
    """The backend that copies."""
    return copying.CopyingBackend(tmp_path / "backend")


@pytest.fixture
def build(tmp_path: Path, source: Path, backend: Any) -> Callable[..., Record]:
    """Builds `double` in fp32; keywords go to the card's `copying`."""

    def run(report: Callable[[float, str], bool] = quiet, *, force: bool = False, **how: Any) -> Record:
        shop = copying.workshop(tmp_path / "engines", backend)
        record: Record = shop.build(copying.entry(source, copying=how), source, "copying", "fp32", report, force=force)
        return record

    return run


def test_an_engine_is_built_judged_and_kept(tmp_path: Path, source: Path, backend: Any) -> None:
    """The record names a file that the backend loads, with a verdict; the sidecar has what made it."""
    shop: Workshop = copying.workshop(tmp_path / "engines", backend)
    entry = copying.entry(source)
    assert shop.state(entry, source, "copying", "fp32") is None

    record = shop.build(entry, source, "copying", "fp32", quiet)

    assert (record.ok, record.model, record.backend, record.precision) == (True, "double", "copying", "fp32")
    assert record.path is not None
    assert record.path.suffix == ".plan"
    assert record.verdict is not None
    assert record.verdict.cosine > 0.9999
    x = np.ones((2, 3), np.float32)
    assert np.array_equal(backend.load(record.path, entry.card).run({"x": x})["y"], x + x)
    assert shop.state(entry, source, "copying", "fp32") == record
    (made,) = EngineCache(tmp_path / "engines", 10**9).list()
    assert made.note["depends"]["backend.version"] == "1"
    assert {"made", "built_s", "file"} <= set(made.note)
    assert {"edgefuse", "onnxruntime"} <= set(made.note["tools"])


@pytest.mark.parametrize(
    "damage",
    [
        {"detail": None, "built_s": "x"},
        {"verdict": {"x": 1}, "built_s": {}},
        {"verdict": dict.fromkeys(Verdict.__slots__, "x")},
    ],
)
def test_a_note_with_nonsense_is_no_engine(
    build: Callable[..., Record], tmp_path: Path, source: Path, backend: Any, damage: dict[str, Any]
) -> None:
    """A sidecar that is about the right engine but not as we write it: nothing breaks, the engine is built again."""
    first = build()
    assert first.path is not None
    sidecar = first.path.with_suffix(".json")
    note = json.loads(sidecar.read_text("utf-8"))
    sidecar.write_text(json.dumps({**note, **damage}), "utf-8")
    shop: Workshop = copying.workshop(tmp_path / "engines", backend)

    assert shop.state(copying.entry(source, copying={}), source, "copying", "fp32") is None
    assert build().ok
    assert backend.builds == 2


def test_a_folder_of_engines_that_cannot_be_read_is_a_failure(tmp_path: Path, source: Path, backend: Any) -> None:
    """Who asks for the state is told why there is no engine, and can go on without."""
    shop: Workshop = copying.workshop(tmp_path / ("a name that is too long" * 20), backend)

    record = shop.state(copying.entry(source), source, "copying", "fp32")

    assert record is not None
    assert (record.ok, record.path) == (False, None)
    assert "EDGEFUSE_MODELS" in record.detail


def test_what_is_there_is_not_built_again(build: Callable[..., Record], backend: Any) -> None:
    """A second build gives the first one's record; `force` builds anew."""
    first = build()

    assert build() == first
    assert backend.builds == 1
    assert build(force=True).path == first.path
    assert backend.builds == 2


def test_an_engine_with_other_numbers_is_refused(build: Callable[..., Record], backend: Any, tmp_path: Path) -> None:
    """The verdict says by how much it is off; no file is kept, and only `force` tries again."""
    record = build(op="Mul")

    assert not record.ok
    assert record.path is None
    assert record.verdict is not None
    assert not record.verdict.ok
    assert "cosine" in record.detail or "error" in record.detail
    assert [name for name in files_in(tmp_path / "engines") if not name.endswith(".json")] == []
    assert build(op="Mul") == record
    assert backend.builds == 1
    build(op="Mul", force=True)
    assert backend.builds == 2


def test_a_build_that_fails_is_remembered(build: Callable[..., Record], backend: Any) -> None:
    """Its reason is the record's; it is not tried again until asked for with `force`, or for another card."""
    record = build(refuses="operator NonMaxSuppression is not supported")

    assert (record.ok, record.path, record.verdict) == (False, None, None)
    assert "NonMaxSuppression" in record.detail
    assert build(refuses="operator NonMaxSuppression is not supported") == record
    assert backend.builds == 1
    assert build().ok


def test_a_bug_of_a_backend_is_not_the_engines_failure(tmp_path: Path, source: Path) -> None:
    """What a guarded backend raises unforeseen is told and not recorded: the next build tries it again."""
    backend: Any = guarded(copying.CopyingBackend)(tmp_path / "backend")
    shop = copying.workshop(tmp_path / "engines", backend)
    entry = copying.entry(source, copying={"stumbles": "no such attribute"})
    records = [shop.build(entry, source, "copying", "fp32", quiet) for _ in range(2)]

    assert [(record.ok, "TypeError: no such attribute" in record.detail) for record in records] == [(False, True)] * 2
    assert backend.builds == 2
    assert files_in(tmp_path / "engines") == []


def test_only_what_somebody_wants_is_probed(tmp_path: Path, source: Path) -> None:
    """A backend that nobody asked for is not asked what it can: its answer may hang."""

    class Hangs(copying.CopyingBackend):  # type: ignore[misc]  # found when it runs
        def probe(self) -> Probe:
            raise AssertionError("it was asked")

    plugins = Plugins({"onnx": OnnxBackend, "hangs": Hangs})
    engines = Engines(ModelsConfig(), tmp_path / "models", SystemClock(), plugins)

    assert engines.choose(copying.entry(source), source).engine == "cpu fp32"
    assert sorted(engines.probes) == ["hangs", "onnx"]
    with pytest.raises(AssertionError, match="it was asked"):
        engines.probes["hangs"]


def test_an_engine_that_cannot_be_loaded_is_refused(build: Callable[..., Record], tmp_path: Path) -> None:
    """What the backend built but does not take is a failure with its words, not a crash."""
    record = build(op="NoSuchOperator")

    assert not record.ok
    assert "NoSuchOperator" in record.detail
    assert len(files_in(tmp_path / "engines")) == 1


def test_an_engine_of_an_older_driver_is_not_taken(tmp_path: Path, source: Path) -> None:
    """When the backend's fingerprint changes, the engine counts as not built."""
    entry = copying.entry(source)
    old, new = (copying.CopyingBackend(tmp_path / "backend", version) for version in ("1", "2"))
    copying.workshop(tmp_path / "engines", old).build(entry, source, "copying", "fp32", quiet)

    assert copying.workshop(tmp_path / "engines", new).state(entry, source, "copying", "fp32") is None
    assert copying.workshop(tmp_path / "engines", old).state(entry, source, "copying", "fp32").ok


@pytest.mark.parametrize(
    ("card", "same"),
    [
        ({"threads": 4}, True),
        ({"outputs": {"y": "twice x"}}, True),
        ({"inputs": {"x": {"shape": [2, 3], "value": 0.5, "about": "anything"}}}, True),
        ({"inputs": {"x": {"shape": [1, 3], "value": 0.5}}}, False),
        ({"profiles": {"x": {"min": [1, 3], "opt": [2, 3], "max": [4, 3]}}}, False),
    ],
)
def test_what_of_the_card_decides(tmp_path: Path, source: Path, backend: Any, card: Any, same: bool) -> None:  # noqa: FBT001
    """Words and threads change no engine; shapes and profiles do."""
    shop = copying.workshop(tmp_path / "engines", backend)
    shop.build(copying.entry(source), source, "copying", "fp32", quiet)

    assert (shop.state(copying.entry(source, **card), source, "copying", "fp32") is not None) == same


def test_another_source_is_another_engine(tmp_path: Path, source: Path, backend: Any) -> None:
    """The bytes of the ONNX file are part of the key."""
    shop = copying.workshop(tmp_path / "engines", backend)
    entry = copying.entry(source)
    shop.build(entry, source, "copying", "fp32", quiet)

    source.write_bytes(source.read_bytes() + b"\x3a\x00")

    assert shop.state(entry, source, "copying", "fp32") is None


def test_fp32_on_the_cpu_is_always_there(tmp_path: Path, source: Path, backend: Any) -> None:
    """It is the model's own file; nothing is built or written."""
    shop = copying.workshop(tmp_path / "engines", backend)
    entry = copying.entry(source)

    record = shop.state(entry, source, "onnx", "fp32")

    assert record is not None
    assert (record.ok, record.path) == (True, source)
    assert shop.build(entry, source, "onnx", "fp32", quiet) == record
    assert not (tmp_path / "engines").exists()


def test_the_share_only_grows(build: Callable[..., Record]) -> None:
    """Progress goes through build and verify, from 0 to at most 1, and never back."""
    told: list[tuple[float, str]] = []

    def report(share: float, phase: str) -> bool:
        told.append((share, phase))
        return True

    build(report)

    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] <= 1
    assert {phase.partition(":")[0] for _, phase in told} == {"build", "verify"}
    assert "build: step 2" in {phase for _, phase in told}


@pytest.mark.parametrize("phase", ["build: step 0", "build: step 3", "verify"])
def test_a_cancelled_build_leaves_nothing(build: Callable[..., Record], tmp_path: Path, phase: str) -> None:
    """Whoever answers False gets BuildCancelled; no file, no record of a failure; the next build succeeds."""
    with pytest.raises(BuildCancelled):
        build(lambda _share, now: now != phase)

    assert files_in(tmp_path / "engines") == []
    assert build().ok


def test_an_interrupted_build_leaves_nothing(build: Callable[..., Record], tmp_path: Path) -> None:
    """Ctrl-C in the middle takes the unfinished files away and lets the lock go."""

    def report(share: float, _phase: str) -> bool:
        if share > 0.3:
            raise KeyboardInterrupt
        return True

    with pytest.raises(KeyboardInterrupt):
        build(report)

    assert files_in(tmp_path / "engines") == []
    assert build().ok


def test_a_failure_of_a_cancelled_backend_is_no_failure(tmp_path: Path, source: Path, backend: Any) -> None:
    """A backend that raises another error once it was told to stop is not recorded as broken."""
    shop = copying.workshop(tmp_path / "engines", backend)
    entry = copying.entry(source, copying={"deaf": True, "refuses": "no engine came out"})
    seen: list[str] = []

    def report(_share: float, phase: str) -> bool:
        seen.append(phase)
        return phase != "build: step 3"

    with pytest.raises(BuildCancelled):
        shop.build(entry, source, "copying", "fp32", report)
    assert shop.state(entry, source, "copying", "fp32") is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_takes_no_more_is_no_failure_of_the_engine(
    build: Callable[..., Record], tmp_path: Path, number: int
) -> None:
    """The operator is told what to do; nothing is recorded, so that the next build tries again."""
    with pytest.raises(ModelError, match="EDGEFUSE_MODELS"):
        build(disk=number)

    assert files_in(tmp_path / "engines") == []


def test_samples_that_are_missing_are_told_and_not_recorded(tmp_path: Path, source: Path, backend: Any) -> None:
    """An empty folder of the user's samples fails this time only."""
    (tmp_path / "samples" / "double").mkdir(parents=True)
    trial = copying.Sampled([{"x": np.ones((2, 3), np.float32)}])
    shop = copying.workshop(tmp_path / "engines", backend, trial, tmp_path / "samples")
    entry = copying.entry(source)

    record = shop.build(entry, source, "copying", "fp32", quiet)

    assert not record.ok
    assert "expected samples" in record.detail
    assert shop.state(entry, source, "copying", "fp32") is None
    (tmp_path / "samples" / "double" / "one.txt").write_text("sample", encoding="utf-8")
    assert shop.build(entry, source, "copying", "fp32", quiet).ok


def test_an_engine_that_is_refused_is_built_once_more(tmp_path: Path, source: Path, backend: Any) -> None:
    """What cannot be loaded goes to the quarantine and is built again; if that is refused, too, it stays."""
    shop = copying.workshop(tmp_path / "engines", backend)
    which = (copying.entry(source), source, "copying", "fp32")
    shop.build(*which, quiet)

    assert shop.reject(*which, "built by another version")
    assert shop.state(*which) is None
    again = shop.build(*which, quiet)
    assert not shop.reject(*which, "built by another version")

    assert again.ok
    assert shop.state(*which) == again
    assert backend.builds == 2


def test_what_serves_rejects_an_engine_that_does_not_load(tmp_path: Path, source: Path) -> None:
    """The CPU serves, the reason is told, and the engine is to be built again; the second time it is only told."""
    config = ModelsConfig.model_validate({"engine": "copying", "precision": "fp32"})
    plugins = Plugins({"onnx": OnnxBackend, "copying": copying.CopyingBackend})
    engines = Engines(config, tmp_path, SystemClock(), plugins)
    entry = copying.entry(source)
    backend: Any = engines.backends["copying"]

    missing = []
    for _ in range(2):
        engines.workshop.build(entry, source, "copying", "fp32", quiet)
        backend.broken = True
        model, choice = engines.load(entry, source, entry.card)
        backend.broken = False
        model.close()
        assert (choice.backend, choice.precision) == ("onnx", "fp32")
        assert "not an engine of this version" in choice.why
        missing.append(choice.missing and choice.missing.backend)

    assert missing == ["copying", None]
    assert backend.builds == 2


def test_the_models_own_file_is_never_rejected(tmp_path: Path, source: Path, backend: Any) -> None:
    """There is nothing to build again."""
    shop = copying.workshop(tmp_path / "engines", backend)

    assert not shop.reject(copying.entry(source), source, "onnx", "fp32", "broken")
    assert source.exists()


def test_the_samples_are_part_of_the_key_where_they_decide(tmp_path: Path, source: Path, backend: Any) -> None:
    """fp32 does not depend on them; fp16 and int8 do, by their bytes, and so does the recipe."""
    entry, folder = copying.entry(source), tmp_path / "samples"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"one")

    def digest(precision: Any, samples: Path | None) -> str:
        return key_for(entry, source, backend, precision, samples).digest

    assert digest("fp32", None) == digest("fp32", folder)
    before = {precision: digest(precision, folder) for precision in ("fp16", "int8")}
    assert before["int8"] != digest("int8", None)
    (folder / "a.jpg").write_bytes(b"another")
    for precision, old in before.items():
        assert digest(precision, folder) != old
        assert "recipe" in key_for(entry, source, backend, precision, folder).depends


def test_a_copy_of_less_precision_is_calibrated_and_judged(tmp_path: Path, source: Path, backend: Any) -> None:
    """Between source and engine the workshop converts, with the trial's samples; the note says how it was done."""
    trial = copying.Sampled([{"x": np.full((2, 3), value, np.float32)} for value in (0.5, 1.0)])
    shop = copying.workshop(tmp_path / "engines", backend, trial)
    phases: list[str] = []

    def report(_share: float, phase: str) -> bool:
        phases.append(phase)
        return True

    record = shop.build(copying.entry(source), source, "copying", "fp16", report)

    assert record.verdict is not None, record.detail
    assert record.verdict.metric == "nothing"
    assert phases[0].partition(":")[0] == "to fp16"
    (made,) = EngineCache(tmp_path / "engines", 10**9).list()
    assert made.note["how"]


def test_four_processes_build_once(tmp_path: Path, source: Path, backend: Any) -> None:
    """Of four that want the same engine at once one builds, the others wait and take its file."""
    command = [sys.executable, str(HELPER), str(source), str(tmp_path / "engines")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate(timeout=60) for process in processes]

    records = [json.loads(out) for out, _ in said]
    assert backend.builds == 1
    assert all(record["ok"] for record in records)
    assert len({record["path"] for record in records}) == 1
    assert files_in(tmp_path / "engines") == sorted(
        [Path(records[0]["path"]).name, Path(records[0]["path"]).with_suffix(".json").name]
    )


def test_who_waits_for_another_builder_is_told_and_may_leave(tmp_path: Path, source: Path, backend: Any) -> None:
    """While another one builds the same engine the phase says so, and the answer False ends the wait."""
    entry, told = copying.entry(source), list[str]()

    def report(_share: float, phase: str) -> bool:
        told.append(phase)
        return len(told) < 3

    shop = copying.workshop(tmp_path / "engines", backend)
    key = key_for(entry, source, backend, "fp32", None)
    with EngineCache(tmp_path / "engines", 10**9).lock(key), pytest.raises(BuildCancelled):
        shop.build(entry, source, "copying", "fp32", report)

    assert told == ["waiting for another process that builds it"] * 3
    assert backend.builds == 0


def test_kill_9_at_any_moment_is_survived(tmp_path: Path, source: Path, backend: Any) -> None:
    """A killed builder leaves no engine that is not whole, and the next one builds without waiting."""
    engines = tmp_path / "engines"
    dice = random.Random(7)
    entry = copying.entry(source, copying={"steps": 10, "step_s": 0.03})
    for _ in range(4):
        with subprocess.Popen(
            [sys.executable, str(HELPER), str(source), str(engines)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            process.stderr.readline()
            time.sleep(dice.uniform(0, 0.4))
            process.kill()
        found = copying.workshop(engines, backend).state(entry, source, "copying", "fp32")
        assert found is None or found.ok
        for path in engines.glob("double/*"):
            path.unlink()

    waits: list[str] = []

    def report(_share: float, phase: str) -> bool:
        waits.append(phase)
        return True

    assert copying.workshop(engines, backend).build(entry, source, "copying", "fp32", report).ok
    assert not any("waiting" in phase for phase in waits)
    assert len(files_in(engines)) == 2
