"""The computer: Python, clock, memory, processor, and the service."""

import ctypes
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping

from edgefuse import __version__
from edgefuse.app.doctor.findings import Case, Finding, text_of

_LEAST_PYTHON = (3, 10)
_LEAST_YEAR = 2024
_ROOMY_MB, _TIGHT_MB = 800, 300
"""The daemon with every default model stays below 700 MB."""
_TIME_ERROR = 5
_SYSTEMCTL_S = 5
_INT8 = ("amx_int8", "avx512_vnni", "avx_vnni", "i8mm", "asimddp")
"""Instructions that multiply bytes, by the names in /proc/cpuinfo of x86 and ARM."""
_SELF_GOVERNED = ("intel_pstate", "amd-pstate-epp", "amd_pstate_epp")
"""Drivers whose `powersave` still goes up to full speed."""
_SHOWN = "LoadState,ActiveState,SubState,Result,UnitFileState,NRestarts,ExecMainStatus"


def check(case: Case) -> Iterator[Finding]:
    """Everything about the computer but its disks."""
    yield python(sys.version_info[:2], venv=sys.prefix != sys.base_prefix)
    yield Finding("edgefuse", "system", "ok", f"{__version__} on {platform.system()} {platform.machine()}")
    yield clock(case, synchronised())
    yield memory(case)
    yield processor(case)
    yield governor(case)
    yield service(_unit())


def python(version: tuple[int, ...], *, venv: bool) -> Finding:
    """Version and environment."""
    number = ".".join(map(str, version))
    if version < _LEAST_PYTHON:
        wanted = ".".join(map(str, _LEAST_PYTHON))
        return Finding("python", "system", "fail", f"{number}, too old", f"install Python {wanted} or newer")
    where = f"virtual environment {sys.prefix}" if venv else f"no virtual environment, {sys.executable}"
    return Finding("python", "system", "ok", f"{platform.python_version()}, {where}")


def synchronised() -> bool | None:
    """Whether the kernel's clock follows a time server (adjtimex, any NTP client); None when it does not say."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        result = libc.adjtimex(ctypes.create_string_buffer(512))  # modes 0: only asks
    except (OSError, AttributeError):
        return None
    return None if result < 0 else result != _TIME_ERROR


def clock(case: Case, synced: bool | None) -> Finding:  # noqa: FBT001  what `synchronised` said
    """Alerts carry wall time, and rules speak of the time of day."""
    now = case.clock.wall(case.clock.now())
    shown = f"{now:%Y-%m-%d %H:%M} UTC"
    set_it = "run `timedatectl set-ntp true`, or install chrony; a container takes the time of its host"
    if now.year < _LEAST_YEAR:
        return Finding("clock", "system", "fail", f"{shown} cannot be right", set_it)
    if synced is None:
        return Finding("clock", "system", "ok", f"{shown}; the kernel does not say whether it is synchronised")
    if not synced:
        return Finding("clock", "system", "warn", f"{shown}, not synchronised", set_it)
    return Finding("clock", "system", "ok", f"{shown}, synchronised")


def memory(case: Case) -> Finding:
    """Room for the daemon: what is available, and the limit of the control group."""
    text = text_of(case.root / "proc/meminfo") or ""
    sizes = {key: int(kb) // 1000 for key, kb in re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)}
    limit = text_of(case.root / "sys/fs/cgroup/memory.max") or "max"
    if "MemAvailable" not in sizes:
        return Finding("memory", "system", "warn", "/proc/meminfo cannot be read", "look at `free -m` by hand")
    free = min(sizes["MemAvailable"], int(limit) // 1_000_000) if limit.isdecimal() else sizes["MemAvailable"]
    found = f"{free} MB available of {sizes.get('MemTotal', 0)} MB"
    if free < _ROOMY_MB:
        state = case.bad() if free < _TIGHT_MB else "warn"
        return Finding("memory", "system", state, found, f"free some: all default models need {_ROOMY_MB} MB")
    return Finding("memory", "system", "ok", found)


def processor(case: Case) -> Finding:
    """Cores, and whether int8 models are any faster on them."""
    text = text_of(case.root / "proc/cpuinfo") or ""
    name = re.search(r"^(?:model name|Model|Hardware)\s*:\s*(.+)$", text, re.MULTILINE)
    flags = set(re.findall(r"\w+", " ".join(re.findall(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)[:1])))
    fast = [flag for flag in _INT8 if flag in flags]
    cores = len(os.sched_getaffinity(0))
    kind = f"int8 by {', '.join(fast)}" if fast else "no byte dot products: int8 models gain little"
    return Finding("cpu", "system", "ok", f"{cores} x {name[1] if name else platform.machine()}; {kind}")


def governor(case: Case) -> Finding:
    """Whether the clock frequency may rise."""
    folder = case.root / "sys/devices/system/cpu/cpu0/cpufreq"
    chosen, driver = text_of(folder / "scaling_governor"), text_of(folder / "scaling_driver")
    if chosen is None:
        return Finding("governor", "system", "ok", "the system does not offer one")
    if chosen == "powersave" and driver not in _SELF_GOVERNED:
        advice = "run `echo schedutil | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor`"
        return Finding("governor", "system", "warn", "powersave keeps the lowest frequency", advice)
    return Finding("governor", "system", "ok", chosen)


def service(unit: Mapping[str, str] | None) -> Finding:
    """The state of edgefuse.service from what `systemctl show` says; None where systemd is not running."""
    if unit is None:
        return Finding("service", "system", "ok", "systemd is not running here")
    if unit.get("LoadState") != "loaded":
        return Finding("service", "system", "ok", "not installed as a service (deploy/install.sh does that)")
    at_boot = unit.get("UnitFileState", "")
    state = f"{unit.get('ActiveState')} ({unit.get('SubState')}), {at_boot}"
    if unit.get("ActiveState") == "failed":
        why = "configuration or model" if unit.get("ExecMainStatus") == "78" else unit.get("Result", "")
        return Finding("service", "system", "fail", f"failed: {why}", "read `journalctl -u edgefuse -n 30`")
    if unit.get("ActiveState") not in {"active", "reloading", "activating"}:
        return Finding("service", "system", "warn", state, "run `sudo systemctl enable --now edgefuse`")
    if at_boot == "disabled":
        return Finding(
            "service", "system", "warn", state, "run `sudo systemctl enable edgefuse`: it is off after a boot"
        )
    return Finding("service", "system", "ok", f"{state}, restarted {unit.get('NRestarts', '0')} times")


def daemon_runs() -> bool:
    """Whether the service is up, and may be using microphones and cameras."""
    return (_unit() or {}).get("ActiveState") == "active"


def _unit() -> dict[str, str] | None:
    program = shutil.which("systemctl")
    if program is None:
        return None
    command = [program, "show", "edgefuse.service", f"--property={_SHOWN}"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=_SYSTEMCTL_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
