from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from edgefuse.app.doctor import disk, system
from edgefuse.app.doctor.findings import Case
from edgefuse.testing.fakes import FakeClock

Make = Callable[..., Case]
Put = Callable[[str, str], None]
X86 = "processor : 0\nmodel name : Some CPU\nflags : fpu avx2 avx_vnni\n"
ARM = "processor : 0\nFeatures : fp asimd asimddp\nModel : NVIDIA Jetson Orin Nano\n"


def test_a_python_that_is_too_old_is_a_failure() -> None:
    """3.10 is the oldest; the finding says what to install."""
    old = system.python((3, 9), venv=True)

    assert (old.state, system.python((3, 10), venv=False).state) == ("fail", "ok")
    assert "3.10" in old.next


@pytest.mark.parametrize(
    ("year", "synced", "state"), [(1970, True, "fail"), (2026, False, "warn"), (2026, True, "ok"), (2026, None, "ok")]
)
def test_the_clock_must_be_right(year: int, *, synced: bool | None, state: str) -> None:
    """A clock of the epoch is a failure, one that no time server corrects a warning."""
    case = Case(None, FakeClock(start=datetime(year, 1, 1, tzinfo=timezone.utc)))

    found = system.clock(case, synced)

    assert found.state == state
    assert bool(found.next) == (state != "ok")


def test_the_kernel_is_asked_whether_time_is_synchronised() -> None:
    """adjtimex answers on Linux, or says that it may not; either is an answer."""
    assert system.synchronised() in {True, False, None}


@pytest.mark.parametrize(("available_kb", "limit", "state"), [
    (4_000_000, "max", "ok"), (500_000, "max", "warn"), (100_000, "max", "fail"), (4_000_000, "600000000", "warn"),
])  # fmt: skip
def test_memory_must_suffice(case: Make, put: Put, available_kb: int, limit: str, state: str) -> None:
    """What is available counts, and the limit of the control group; the failure is one of a configured device."""
    put("proc/meminfo", f"MemTotal: 8000000 kB\nMemAvailable:   {available_kb} kB\n")
    put("sys/fs/cgroup/memory.max", limit + "\n")

    assert system.memory(case("")).state == state


def test_memory_that_cannot_be_read_is_a_warning(case: Make) -> None:
    """A system without /proc/meminfo is told, not a crash."""
    assert system.memory(case()).state == "warn"


@pytest.mark.parametrize(("text", "said"), [
    (X86, "Some CPU; int8 by avx_vnni"), (ARM, "NVIDIA Jetson Orin Nano; int8 by asimddp"),
    ("model name : Old\nflags : fpu avx2\n", "Old; no byte dot products"),
])  # fmt: skip
def test_the_processor_is_named_with_what_int8_needs(case: Make, put: Put, text: str, said: str) -> None:
    """x86 and ARM name it under other keys."""
    put("proc/cpuinfo", text)

    assert said in system.processor(case()).found


@pytest.mark.parametrize(("governor", "driver", "state"), [
    ("powersave", "cppc_cpufreq", "warn"), ("powersave", "intel_pstate", "ok"), ("schedutil", "tegra194", "ok"),
])  # fmt: skip
def test_powersave_is_a_warning_where_it_means_slow(
    case: Make, put: Put, governor: str, driver: str, state: str
) -> None:
    """Intel's driver goes up to full speed under that name."""
    put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", governor + "\n")
    put("sys/devices/system/cpu/cpu0/cpufreq/scaling_driver", driver + "\n")

    assert system.governor(case()).state == state


@pytest.mark.parametrize(("unit", "state", "said"), [
    (None, "ok", "systemd is not running"),
    ({"LoadState": "not-found", "ActiveState": "inactive"}, "ok", "not installed"),
    ({"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled"}, "ok", "active"),
    ({"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "disabled"}, "warn", "disabled"),
    ({"LoadState": "loaded", "ActiveState": "inactive"}, "warn", "inactive"),
    ({"LoadState": "loaded", "ActiveState": "failed", "ExecMainStatus": "78"}, "fail", "configuration or model"),
    ({"LoadState": "loaded", "ActiveState": "failed", "Result": "watchdog"}, "fail", "watchdog"),
])  # fmt: skip
def test_the_state_of_the_service_is_told(unit: dict[str, str] | None, state: str, said: str) -> None:
    """A failed unit is a failure, one that does not run or not start with the machine a warning."""
    found = system.service(unit)

    assert found.state == state
    assert said in found.found


def test_a_folder_that_is_not_there_yet_is_judged_by_the_one_above(case: Make, tmp_path: Path) -> None:
    """It would be made when it is needed; nothing is left behind in the folder above."""
    found = disk.folder(case(), "state", tmp_path / "a" / "b", 1, "device.state_dir")

    assert (found.state, list(tmp_path.iterdir())) == ("ok", [])


def test_a_folder_that_takes_no_files_cannot_be_written(case: Make) -> None:
    """/proc takes no files: a failure for a configured device, and the key to change is named."""
    found = disk.folder(case(""), "state", Path("/proc/edgefuse"), 1, "device.state_dir")

    assert found.state == "fail"
    assert "device.state_dir" in found.next


def test_a_disk_with_too_little_room_is_a_warning(case: Make, tmp_path: Path) -> None:
    """The room that may be needed is compared with what is free."""
    found = disk.folder(case(""), "state", tmp_path, 1e12, "device.state_dir")

    assert found.state == "warn"
    assert "free" in found.next


def test_every_area_of_the_system_speaks(case: Make) -> None:
    """Without any file of the system each check still gives its line."""
    names = [finding.check for finding in system.check(case())]

    assert names == ["python", "edgefuse", "clock", "memory", "cpu", "governor", "service"]
    assert [finding.check for finding in disk.check(case())] == ["state", "models"]
