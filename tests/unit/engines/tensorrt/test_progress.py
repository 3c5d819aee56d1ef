"""The share of a build, out of nested phases; what the builder measured, on the disk."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefuse.core.errors import BuildCancelled
from edgefuse.engines.tensorrt import timing
from edgefuse.engines.tensorrt.progress import Progress

NAMES = st.sampled_from("abcd")
EVENTS = st.one_of(
    st.tuples(st.just("start"), NAMES, st.one_of(st.none(), NAMES), st.integers(-1, 9)),
    st.tuples(st.just("step"), NAMES, st.integers(0, 12)),
    st.tuples(st.just("finish"), NAMES),
)


class Shares:
    """A report that remembers."""

    def __init__(self) -> None:
        self.told: list[float] = []

    def __call__(self, share: float, _phase: str) -> bool:
        self.told.append(share)
        return True


def test_an_inner_phase_is_part_of_the_step_that_it_is_in() -> None:
    """Two steps, the first of them in four parts: an eighth, a quarter, ..., all but what is left for writing."""
    shares = Shares()
    progress = Progress(shares)
    progress.start("outer", None, 2)
    progress.start("inner", "outer", 4)
    for step in range(4):
        progress.step("inner", step)
    progress.finish("inner")
    progress.step("outer", 0)
    progress.step("outer", 1)

    assert shares.told == pytest.approx([0, 0, *(0.98 * part for part in (0.125, 0.25, 0.375, 0.5, 0.5, 1))])


@given(st.lists(EVENTS))
def test_the_share_never_falls_nor_leaves_its_bounds(events: list[tuple[Any, ...]]) -> None:
    """Whatever phases the builder tells, in any order, unknown or in a circle, the share stays sane."""
    shares = Shares()
    progress = Progress(shares)
    for what, name, *rest in events:
        if what == "start":
            progress.start(name, *rest)
        elif what == "step":
            progress.step(name, rest[0])
        else:
            progress.finish(name)

    assert shares.told == sorted(shares.told)
    assert all(0 <= share <= 1 for share in shares.told)


def test_a_report_that_has_said_no_is_not_asked_again() -> None:
    """After False every step answers False, and the build counts as cancelled."""
    asked = []
    progress = Progress(lambda *_: bool(asked.append(1)))

    assert [progress.tell(0.1, "a"), progress.step("a", 0), progress.tell(0.2, "b")] == [False] * 3
    assert len(asked) == 1
    with pytest.raises(BuildCancelled):
        progress.settle()


def test_steps_may_come_from_many_threads() -> None:
    """Phases of several threads never make the share fall."""
    shares = Shares()
    progress = Progress(shares)
    progress.start("outer", None, 4)

    def work(number: int) -> None:
        name = f"inner {number}"
        progress.start(name, "outer", 50)
        for step in range(50):
            progress.step(name, step)
        progress.finish(name)

    with ThreadPoolExecutor(4) as executor:
        list(executor.map(work, range(4)))
    assert shares.told == sorted(shares.told)
    assert len(shares.told) == 205


class Cache:
    """Implements the part of ITimingCache that is used."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def serialize(self) -> bytes:
        return self.content


class Config:
    """Implements the part of IBuilderConfig that holds a timing cache."""

    def __init__(self, *, fits: bool = True, after: bytes = b"") -> None:
        self.given: list[bytes] = []
        self._fits, self._after = fits, after

    def create_timing_cache(self, content: bytes) -> Cache:
        self.given.append(content)
        return Cache(content)

    def set_timing_cache(self, cache: Cache, ignore_mismatch: bool) -> bool:  # noqa: FBT001  as TensorRT's
        assert not ignore_mismatch
        return self._fits or not cache.content

    def get_timing_cache(self) -> Cache:
        return Cache(self._after)


def test_measurements_come_back(tmp_path: Path) -> None:
    """What one build measured is what the next one is given."""
    path = tmp_path / "new" / "timing.cache"
    timing.keep(Config(after=b"measured"), path)
    config = Config()
    timing.use(config, path)

    assert config.given == [b"measured"]
    assert [each.name for each in path.parent.iterdir()] == ["timing.cache"]


@pytest.mark.parametrize("damage", [b"", b"x", b"x" * 32, bytes(40)])
def test_damaged_measurements_are_not_given(tmp_path: Path, damage: bytes) -> None:
    """A file that is cut off, foreign or has other bytes never reaches the library: the build starts empty."""
    path = tmp_path / "timing.cache"
    timing.keep(Config(after=b"measured"), path)
    path.write_bytes(damage or path.read_bytes()[:-1])
    config = Config()
    timing.use(config, path)

    assert config.given == [b""]


def test_measurements_of_another_device_are_not_used(tmp_path: Path) -> None:
    """Where the library refuses what it is given, an empty cache takes its place."""
    path = tmp_path / "timing.cache"
    timing.keep(Config(after=b"measured"), path)
    config = Config(fits=False)
    timing.use(config, path)

    assert config.given == [b"measured", b""]


def test_measurements_that_cannot_be_kept_cost_only_time(tmp_path: Path) -> None:
    """A folder that cannot be written is no error of the build."""
    (tmp_path / "file").write_bytes(b"")
    timing.keep(Config(after=b"measured"), tmp_path / "file" / "timing.cache")

    assert (tmp_path / "file").read_bytes() == b""
