"""The GPU and its libraries, the Jetson, and what each backend says about itself."""

import ctypes
import importlib.metadata
import re
from collections.abc import Iterator, Mapping
from math import inf
from pathlib import Path

from edgefuse.app.doctor.findings import Case, Finding, text_of
from edgefuse.app.doctor.models import models_of_site
from edgefuse.app.models import model_store
from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ModelError
from edgefuse.core.ports import Probe
from edgefuse.engines import nvidia
from edgefuse.engines.serve import Choice
from edgefuse.engines.store import Store

_CPU = "onnx"
_TENSORRT = ("tensorrt", "tensorrt-cu13", "tensorrt-cu12", "tensorrt_cu13", "tensorrt_cu12")
_NO_DEVICE = "an NVIDIA GPU on the PCI bus, but no /dev/nvidia*"
_MODE = r"^\s*<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)\s*>"
"""A line of nvpmodel.conf."""
_DRIVER = "install NVIDIA's driver (on Debian: nvidia-driver); a container needs --gpus all"


def check(case: Case) -> Iterator[Finding]:
    """Device and driver, then the backends; without an NVIDIA GPU one line says so."""
    there = nvidia.has_gpu(case.root)
    yield from _hardware(case.root) if there else [_none()]
    yield from jetson(case.root)
    wanted = engines_wanted(case)
    try:
        store = model_store(case.site.models if case.site else ModelsConfig(), case.clock)
    except ModelError:  # told with the models
        return
    probes = store.engines.probes
    for name, probe in probes.items():
        yield backend(name, probe, wanted=name in wanted, gpu=there)
    for name in sorted(wanted - set(probes)):
        yield Finding(name, "engines", "fail", "no backend of this name is installed", "mend models.engine")
    yield from _choices(case, store)


def engines_wanted(case: Case) -> set[str]:
    """Backends that the configuration asks for by name; `auto` asks for none."""
    models = case.site.models if case.site else ModelsConfig()
    asked = {models.engine, *(own.engine for own in models.per_model.values() if own.engine)}
    return {_CPU if name == "cpu" else name for name in asked} - {"auto"}


def backend(name: str, probe: Probe, *, wanted: bool, gpu: bool) -> Finding:
    """What a backend says about itself; one that cannot work is bad only where it is asked for, or could work."""
    if probe.usable:
        return Finding(name, "engines", "ok", probe.reason)
    if name == _CPU:
        return Finding(name, "engines", "fail", probe.reason, "run `pip install --force-reinstall onnxruntime`")
    found, _, then = probe.reason.partition("; ")
    if wanted:
        return Finding(name, "engines", "fail", found, f"{then or 'mend that'}; or set models.engine to auto")
    if gpu:
        return Finding(name, "engines", "warn", found, f"{then or 'mend that'}; until then models run on the CPU")
    return Finding(name, "engines", "ok", f"not used: {found}")


def jetson(root: Path) -> Iterator[Finding]:
    """Model, Jetson Linux and power mode; nothing on another computer."""
    release = text_of(root / "etc/nv_tegra_release")
    if release is None:
        return
    version = re.search(r"R(\d+).*?REVISION:\s*([\d.]+)", release)
    model = text_of(root / "proc/device-tree/model") or "a Jetson"
    number = f"{version[1]}.{version[2]}" if version else release[:40]
    yield Finding("jetson", "engines", "ok", f"{model}, Jetson Linux {number}")
    yield _power(root)


def _power(root: Path) -> Finding:
    """The power mode by the name that this board gives it; less than the highest is a warning."""
    mode = re.search(r"pmode:(\d+)", text_of(root / "var/lib/nvpmodel/status") or "")
    if mode is None:
        return Finding("power", "engines", "warn", "the power mode is not known", "run `sudo nvpmodel -q`")
    now = int(mode[1])
    told = re.findall(_MODE, text_of(root / "etc/nvpmodel.conf") or "", re.MULTILINE)
    names = {int(number): str(name) for number, name in told}
    found = f"power mode {now}" + (f", {names[now]}" if now in names else "")
    powers = {number: _watts(name) for number, name in names.items()}
    best = max(powers, key=lambda number: powers[number], default=now)
    if now not in powers or 0 in powers.values() or powers[now] >= powers[best]:
        return Finding("power", "engines", "ok", found)
    advice = f"`sudo nvpmodel -m {best}` gives the most, if cooling and supply allow it"
    return Finding("power", "engines", "warn", f"{found}; the highest is {best}, {names[best]}", advice)


def _watts(name: str) -> float:
    """What the name of a power mode promises: `15W`, `MODE_30W_ALL`, `MAXN` without a bound; 0 for another one."""
    if name.upper().startswith("MAXN"):
        return inf
    number = re.search(r"(\d+)W(?![A-Z])", name, re.IGNORECASE)
    return float(number[1]) if number else 0


def _none() -> Finding:
    return Finding("gpu", "engines", "ok", "no NVIDIA GPU: every model runs on the CPU")


def _hardware(root: Path) -> Iterator[Finding]:
    there = nvidia.device_nodes(root)
    if not there and not nvidia.is_wsl(root):
        found = "a Jetson, but no device of its GPU" if nvidia.is_jetson(root) else _NO_DEVICE
        yield Finding("gpu", "engines", "warn", found, _DRIVER)
        return
    shown = ", ".join(f"/{path.relative_to(root)}" for path in there) or "the GPU of the Windows outside"
    closed = nvidia.closed_nodes(root)
    if closed:
        names = ", ".join(path.name for path in closed)
        yield Finding("gpu", "engines", "warn", f"{names} may not be opened", nvidia.GROUPS)
    else:
        yield Finding("gpu", "engines", "ok", shown)
    yield _driver(root)
    yield _tensorrt(root)


def _driver(root: Path) -> Finding:
    """NVIDIA's kernel module, and the CUDA version that its library offers."""
    text = text_of(root / "proc/driver/nvidia/version") or ""
    number = re.search(r"(?:Kernel Module[^\d]*)(\d+[\d.]*)", text)
    cuda = _cuda()
    if cuda is None:
        return Finding("driver", "engines", "warn", "libcuda.so.1 cannot be loaded or finds no device", _DRIVER)
    return Finding("driver", "engines", "ok", f"{number[1] if number else 'driver of Jetson Linux'}, CUDA up to {cuda}")


def _cuda() -> str | None:
    """Newest CUDA version that the driver takes (cuDriverGetVersion); None without a driver that works."""
    version = ctypes.c_int()
    try:
        library = ctypes.CDLL("libcuda.so.1")
        if library.cuInit(0) or library.cuDriverGetVersion(ctypes.byref(version)):
            return None
    except (OSError, AttributeError):
        return None
    return f"{version.value // 1000}.{version.value % 1000 // 10}"


def _tensorrt(root: Path) -> Finding:
    """The installed version; whether it works is the probe's to say."""
    for name in _TENSORRT:
        try:
            return Finding("library", "engines", "ok", f"TensorRT {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return Finding("library", "engines", "warn", "TensorRT is not installed", nvidia.how_to_install(root))


def _choices(case: Case, store: Store) -> Iterator[Finding]:
    """Which engine each model that is here gets."""
    needed = models_of_site(case.site) if case.site else [row.name for row in store.list()]
    for name in needed:
        try:
            choice = store.choice(name)
        except ModelError as error:
            found, _, then = str(error).partition("; ")
            yield Finding(name, "engines", "fail", found, then or "mend models.engine or models.precision")
        else:
            if choice is not None:
                yield served(choice, store.engines.probes)


def served(choice: Choice, probes: Mapping[str, Probe]) -> Finding:
    """An engine and why; the reason of a GPU that cannot be used is told once, above."""
    why = choice.why
    for name, probe in probes.items():
        why = why if probe.usable else why.replace(probe.reason, f"{name} cannot be used")
    found = f"{choice.engine}: {why}"
    build = (
        f"run `edgefuse models build {choice.model}`; the daemon does so in the background unless models.build is never"
    )
    if choice.fell_back:
        asked = " ".join(word for word in choice.asked if word != "auto")
        advice = build if choice.missing else "mend that, or ask for auto"
        return Finding(choice.model, "engines", "warn", f"not {asked} but {found}", advice)
    if choice.missing is not None:
        return Finding(choice.model, "engines", "warn", found, build)
    return Finding(choice.model, "engines", "ok", found)
