"""The cache of engines, with files of the test's own and builders as processes."""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edgefuse.core.errors import BuildCancelled, ModelError
from edgefuse.engines.cache import EngineCache, Key, Made

ROOMY = 10**9
HOLD = """
import sys, time
from pathlib import Path
from edgefuse.engines.cache import EngineCache, Key
key = Key("m", "gpu", "fp16", {"source": "s"}, ".plan")
with EngineCache(Path(sys.argv[1]), 10**9).lock(key) as work:
    (work / "half").write_bytes(b"half")
    print("held", flush=True)
    time.sleep(60)
"""
PUT_FOREVER = """
import sys
from pathlib import Path
from edgefuse.engines.cache import EngineCache, Key
cache, n = EngineCache(Path(sys.argv[1]), 10**9), 0
while True:
    key = Key("m", "gpu", "fp16", {"source": str(n % 3)}, ".plan")
    with cache.lock(key) as work:
        (work / "engine.plan").write_bytes(str(n).encode() * 50_000)
        cache.put(key, work / "engine.plan", {})
    n += 1
    print(n, flush=True)
"""


def key(source: str = "s", model: str = "m", **depends: str) -> Key:
    return Key(model, "gpu", "fp16", {"source": source, **depends}, ".plan")


def put(cache: EngineCache, which: Key, data: bytes = b"engine", note: Mapping[str, Any] | None = None) -> Path:
    with cache.lock(which) as work:
        (work / "made.plan").write_bytes(data)
        made = cache.put(which, work / "made.plan", note or {})
    assert made.path is not None
    return made.path


def sidecar(path: Path) -> Path:
    return path.with_suffix(".json")


def files_in(folder: Path) -> list[str]:
    """Names of all files below a folder, locks left out."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and ".locks" not in path.parts)


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    """An empty cache."""
    return EngineCache(tmp_path / "engines", ROOMY)


def test_what_is_put_is_found_with_its_note(cache: EngineCache) -> None:
    """An engine is found under its key, with the builder's note and all fields of the key in clear."""
    path = put(cache, key(gpu="Orin"), note={"verdict": "good"})

    found = cache.find(key(gpu="Orin"))

    assert found is not None
    assert (found.path, path.read_bytes()) == (path, b"engine")
    assert found.note["verdict"] == "good"
    assert found.note["depends"] == {"source": "s", "gpu": "Orin"}
    assert path.name == f"gpu-fp16-{key(gpu='Orin').digest[:16]}.plan"
    assert files_in(cache.folder) == sorted([path.name, sidecar(path).name])


@pytest.mark.parametrize(
    "other",
    [
        key(source="t"),
        key(model="n"),
        key(driver="12"),
        Key("m", "cpu", "fp16", {"source": "s"}, ".plan"),
        Key("m", "gpu", "int8", {"source": "s"}, ".plan"),
        Key("m", "gpu", "fp16", {"source": "s"}, ".onnx"),
    ],
)
def test_every_field_is_part_of_the_key(cache: EngineCache, other: Key) -> None:
    """An engine of another model, backend, precision, source or version is not taken."""
    put(cache, key())

    assert cache.find(other) is None
    assert cache.find(key()) is not None


def test_the_order_of_what_it_depends_on_does_not_matter() -> None:
    """The digest is of canonical JSON."""
    one = Key("m", "gpu", "fp16", {"a": "1", "b": "2"}, ".plan")
    two = Key("m", "gpu", "fp16", {"b": "2", "a": "1"}, ".plan")

    assert one.digest == two.digest


def flip(path: Path) -> None:
    """Change one byte; size and mtime stay what they were."""
    stat = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def no_sidecar(path: Path) -> None:
    sidecar(path).unlink()


def garbled_sidecar(path: Path) -> None:
    sidecar(path).write_text("{", encoding="utf-8")


def binary_sidecar(path: Path) -> None:
    sidecar(path).write_bytes(b"\xff\xfe")


def deep_sidecar(path: Path) -> None:
    sidecar(path).write_text("[" * 200_000, encoding="utf-8")


def folder_for_sidecar(path: Path) -> None:
    sidecar(path).unlink()
    sidecar(path).mkdir()


def looping_sidecar(path: Path) -> None:
    sidecar(path).unlink()
    sidecar(path).symlink_to(sidecar(path))


def pipe_for_sidecar(path: Path) -> None:
    sidecar(path).unlink()
    os.mkfifo(sidecar(path))


def list_for_sidecar(path: Path) -> None:
    sidecar(path).write_text("[]", encoding="utf-8")


def engine_of_another_kind(path: Path) -> None:
    note = json.loads(sidecar(path).read_text(encoding="utf-8"))
    sidecar(path).write_text(json.dumps({**note, "engine": {"sha256": 1}}), encoding="utf-8")


def foreign_sidecar(path: Path) -> None:
    """The sidecar of an engine of another driver, right for the bytes but not for the key."""
    note = json.loads(sidecar(path).read_text(encoding="utf-8"))
    other = Key("m", "gpu", "fp16", {"source": "s", "driver": "11"}, ".plan")
    sidecar(path).write_text(json.dumps({**note, **other.fields, "digest": other.digest}), encoding="utf-8")


DAMAGE = [
    flip,
    truncate,
    no_sidecar,
    garbled_sidecar,
    binary_sidecar,
    deep_sidecar,
    folder_for_sidecar,
    looping_sidecar,
    pipe_for_sidecar,
    list_for_sidecar,
    engine_of_another_kind,
    foreign_sidecar,
]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_what_is_damaged_is_quarantined_and_can_be_built_again(cache: EngineCache, damage: Any) -> None:
    """A broken engine is never given out; it lies in quarantine, and its place is free for one that is whole."""
    path = put(cache, key())
    damage(path)

    assert cache.find(key()) is None
    assert not path.exists()
    assert path.name in files_in(cache.folder / ".quarantine")
    assert put(cache, key()) == path
    found = cache.find(key())
    assert found is not None
    assert found.path == path


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_verify_names_what_is_damaged(cache: EngineCache, damage: Any) -> None:
    """Every engine is hashed; a broken one says why and is in quarantine, the others stay."""
    good, bad = put(cache, key(source="good")), put(cache, key())
    damage(bad)

    verdicts = {path.stem: why for path, why in cache.verify()}

    assert verdicts[good.stem] == ""
    assert verdicts[bad.stem]
    assert bad.name in files_in(cache.folder / ".quarantine")
    assert [path for path, _ in cache.verify()] == [good]


def test_verify_looks_at_the_models_asked_for(cache: EngineCache) -> None:
    """Engines of other models are not hashed."""
    put(cache, key(model="a"))
    wanted = put(cache, key(model="b"))

    assert cache.verify(["b"]) == [(wanted, "")]


def test_a_file_that_is_gone_counts_as_not_built(cache: EngineCache) -> None:
    """An engine deleted by hand is built again; its sidecar does not vouch for it."""
    path = put(cache, key())
    path.unlink()

    assert cache.find(key()) is None
    assert cache.find(key()) is None
    assert not sidecar(path).exists()


def test_a_failure_is_remembered_until_something_succeeds(cache: EngineCache) -> None:
    """The record of a failure has no file; it replaces an engine, and an engine replaces it."""
    put(cache, key())

    cache.refuse(key(), {"detail": "too coarse"})
    found = cache.find(key())

    assert found is not None
    assert (found.path, found.note["detail"]) == (None, "too coarse")
    assert files_in(cache.folder) == [f"{key().stem}.json"]
    path = put(cache, key())
    found = cache.find(key())
    assert found is not None
    assert found.path == path


def test_list_shows_engines_and_failures(cache: EngineCache) -> None:
    """Everything with a sidecar that can be read, of all models."""
    path = put(cache, key(model="b"))
    cache.refuse(key(model="a"), {})
    garbled_sidecar(put(cache, key(model="c")))

    assert [(made.note["model"], made.path) for made in cache.list()] == [("a", None), ("b", path)]


def test_a_file_from_elsewhere_is_copied(cache: EngineCache, tmp_path: Path) -> None:
    """What does not lie in the working folder of the lock stays where it is."""
    mine = tmp_path / "mine.plan"
    mine.write_bytes(b"mine")

    made = cache.put(key(), mine, {})

    assert mine.read_bytes() == b"mine"
    assert made.path is not None
    assert made.path.read_bytes() == b"mine"


def test_the_least_recently_used_goes_when_the_cache_is_full(tmp_path: Path) -> None:
    """Beyond the cap the engine that was found longest ago is deleted, whichever model it belongs to."""
    cache = EngineCache(tmp_path, 2500)
    first, second = put(cache, key(model="a"), bytes(1000)), put(cache, key(model="b"), bytes(1000))
    for age, path in ((200, first), (100, second)):
        at = time.time() - age
        os.utime(sidecar(path), (at, at))
    cache.find(key(model="a"))

    third = put(cache, key(model="c"), bytes(1000))

    assert first.exists()
    assert third.exists()
    assert not second.exists()
    assert not sidecar(second).exists()


def test_what_was_just_put_stays_even_if_it_is_too_large(tmp_path: Path) -> None:
    """An engine larger than the cap replaces all others and is kept: without it nothing would run."""
    cache = EngineCache(tmp_path, 1500)
    old = put(cache, key(model="a"), bytes(1000))

    new = put(cache, key(model="b"), bytes(2000))

    assert new.exists()
    assert not old.exists()


def test_the_quarantine_goes_before_any_engine(tmp_path: Path) -> None:
    """What is broken counts towards the cap, and is deleted first."""
    cache = EngineCache(tmp_path, 2500)
    good, bad = put(cache, key(model="a"), bytes(1000)), put(cache, key(model="b"), bytes(1000))
    flip(bad)
    cache.find(key(model="b"))

    put(cache, key(model="c"), bytes(1000))

    assert good.exists()
    assert bad.name not in files_in(tmp_path / ".quarantine")


def test_an_engine_that_somebody_works_on_is_not_evicted(tmp_path: Path) -> None:
    """Whoever holds the lock of an engine keeps it."""
    cache = EngineCache(tmp_path, 1500)
    old = put(cache, key(model="a"), bytes(1000))
    with EngineCache(tmp_path, 1500).lock(key(model="a")):
        put(cache, key(model="b"), bytes(1000))

        assert old.exists()


def test_the_lock_waits_until_the_other_is_done(cache: EngineCache) -> None:
    """Who comes second is told that it waits, and sees what the first has made."""
    begun, waits, seen = threading.Event(), threading.Event(), list[Made | None]()

    def second() -> None:
        begun.wait(10)
        other = EngineCache(cache.folder, ROOMY)
        with other.lock(key(), waits.set):
            seen.append(other.find(key()))

    thread = threading.Thread(target=second)
    thread.start()
    with cache.lock(key()) as work:
        begun.set()
        assert waits.wait(10)
        (work / "e.plan").write_bytes(b"first")
        cache.put(key(), work / "e.plan", {})
        assert not seen
    thread.join(10)

    assert seen[0] is not None
    assert seen[0].path is not None


def test_the_wait_can_be_given_up(cache: EngineCache) -> None:
    """What `waiting` raises ends the wait; the holder keeps the lock."""

    def give_up() -> None:
        raise BuildCancelled("nobody waits")

    with cache.lock(key()):
        with pytest.raises(BuildCancelled), EngineCache(cache.folder, ROOMY).lock(key(), give_up):
            pass
        (sole,) = cache.folder.glob(".work/*/*")
        assert sole.is_dir()


def test_nobody_sees_an_engine_that_is_being_put(cache: EngineCache) -> None:
    """While a builder holds the lock, what it has put half is neither given out nor quarantined."""
    path = put(cache, key())
    sidecar(path).unlink()
    with cache.lock(key()):
        assert EngineCache(cache.folder, ROOMY).find(key()) is None
        assert path.exists()

    assert cache.find(key()) is None
    assert not path.exists()


def test_a_killed_builder_leaves_the_lock_free_and_its_work_is_swept(cache: EngineCache) -> None:
    """After kill -9 the next one has the lock and an empty folder; any other engine that is put sweeps the rest."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(cache.folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        put(cache, key(source="other"))
        assert files_in(cache.folder / ".work") == ["half"], "the work of a living builder is left alone"
        process.send_signal(signal.SIGKILL)

    put(cache, key(source="third"))
    assert files_in(cache.folder / ".work") == []
    assert cache.find(key()) is None
    with cache.lock(key(), lambda: pytest.fail("the lock of a killed process is not free")) as work:
        assert list(work.iterdir()) == []


def test_kill_9_at_any_moment_leaves_engines_whole_or_not_there(cache: EngineCache) -> None:
    """Of a process that puts engines without end and is killed, nothing half is ever given out."""
    for attempt in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", PUT_FOREVER, str(cache.folder)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "1\n"
            time.sleep(0.007 * attempt)
            process.kill()
        for source in ("0", "1", "2"):
            found = cache.find(key(source=source))
            if found is not None:
                assert found.path is not None
                data = found.path.read_bytes()
                assert data == data[: len(data) // 50_000] * 50_000
        assert put(cache, key(source="0")).read_bytes() == b"engine"


def test_a_full_disk_leaves_no_half_file(tmp_path: Path) -> None:
    """A file that the disk refuses gives a ModelError that says what to do; the engine of before is still there."""
    code = """
import sys
from pathlib import Path
from edgefuse.core.errors import ModelError
from edgefuse.engines.cache import EngineCache, Key
key = Key("m", "gpu", "fp16", {"source": "s"}, ".plan")
try:
    EngineCache(Path(sys.argv[1]), 10**9).put(key, Path(sys.argv[2]), {})
except ModelError as error:
    print(error)
    sys.exit(78)
"""
    cache = EngineCache(tmp_path / "engines", ROOMY)
    path = put(cache, key(), b"before")
    big = tmp_path / "big"
    big.write_bytes(bytes(300_000))

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(cache.folder), str(big)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        preexec_fn=small_files,
    )

    assert done.returncode == 78
    assert "no space for an engine" in done.stdout
    assert "models.engines_mb" in done.stdout
    assert path.read_bytes() == b"before"
    assert cache.find(key()) is not None
    assert files_in(cache.folder) == sorted([path.name, sidecar(path).name])


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """The error names the folder and the setting; asking for an engine still works."""
    (tmp_path / "file").write_bytes(b"")
    cache = EngineCache(tmp_path / "file" / "engines", ROOMY)

    with pytest.raises(ModelError, match=r"engines cannot be kept here.*EDGEFUSE_MODELS"):
        cache.put(key(), tmp_path / "file", {})
    assert cache.find(key()) is None


def test_a_read_only_folder_still_gives_its_engines(tmp_path: Path) -> None:
    """An engine is used from a folder that cannot be written; a broken one there is not given out."""
    code = """
import os
from pathlib import Path
from edgefuse.core.errors import ModelError
from edgefuse.engines.cache import EngineCache, Key
if os.geteuid() == 0:
    os.setuid(65534)
cache = EngineCache(Path("engines"), 10**9)
for source in "good", "bad":
    print(cache.find(Key("m", "gpu", "fp16", {"source": source}, ".plan")) is not None)
try:
    cache.put(Key("m", "gpu", "fp16", {"source": "new"}, ".plan"), Path("mine"), {})
except ModelError as error:
    print(error)
"""
    cache = EngineCache(tmp_path / "engines", ROOMY)
    flip(put(cache, key(source="bad")))
    put(cache, key(source="good"))
    (tmp_path / "mine").write_bytes(b"mine")
    everything = [tmp_path, *tmp_path.rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)

    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True, cwd=tmp_path)
    for path in everything:
        path.chmod(0o755)

    lines = done.stdout.splitlines()
    assert lines[:2] == ["True", "False"]
    assert "engines cannot be kept here" in lines[2]
