"""Whether there is NVIDIA hardware, as the kernel shows it: no library is loaded, no driver is asked."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

_NODES = ("nvidia[0-9]*", "nvidiactl", "nvgpu/igpu0/ctrl", "nvhost-gpu", "nvhost-ctrl-gpu", "nvmap")
"""Of graphics cards and of Jetsons, in /dev."""
_WSL = "usr/lib/wsl/lib/libcuda.so.1"
_VENDOR = "0x10de"
"""NVIDIA's, on the PCI bus."""
_ROOT = Path("/")
GROUPS = "add the user to the groups video and render: sudo usermod -aG video,render $USER, then log in again"


def has_gpu(root: Path = _ROOT) -> bool:
    """Whether there is an NVIDIA GPU: its device nodes, a Jetson, or its place on the PCI bus."""
    if device_nodes(root) or is_jetson(root) or is_wsl(root):
        return True
    return any(_text(path).strip() == _VENDOR for path in (root / "sys/bus/pci/devices").glob("*/vendor"))


def is_jetson(root: Path = _ROOT) -> bool:
    """Whether the computer is one of NVIDIA's, whose GPU shares the memory of the CPU."""
    return (root / "etc/nv_tegra_release").exists() or "nvidia,tegra" in _text(root / "proc/device-tree/compatible")


def is_wsl(root: Path = _ROOT) -> bool:
    """Whether a Windows outside lends its NVIDIA GPU, which has no node of its own."""
    return (root / _WSL).exists()


def how_to_install(root: Path = _ROOT) -> str:
    """The next step where TensorRT is missing; on a Jetson it is the system's."""
    if is_jetson(root):
        return (
            "sudo apt-get install nvidia-jetpack, make the virtual environment of the system's Python with "
            "--system-site-packages, and pip install 'edgefuse[jetson]'"
        )
    return "pip install 'edgefuse[tensorrt]'"


def device_nodes(root: Path = _ROOT) -> Sequence[Path]:
    """What a program opens to use the GPU."""
    return [path for pattern in _NODES for path in sorted((root / "dev").glob(pattern))]


def closed_nodes(root: Path = _ROOT, may: Callable[[Path, int], bool] = os.access) -> Sequence[Path]:
    """Those that this user may not open. On a Jetson CUDA opens the render nodes too, and nvmap is only read."""
    drawing = sorted((root / "dev/dri").glob("renderD*")) if is_jetson(root) else []
    return [path for path in (*device_nodes(root), *drawing) if not may(path, _access(path))]


def _access(node: Path) -> int:
    return os.R_OK if node.name == "nvmap" else os.R_OK | os.W_OK


def available_memory(root: Path = _ROOT) -> int:
    """Bytes of the computer's memory that programs can have, what the page cache gives back included; 0: not known."""
    lines = (line.split() for line in _text(root / "proc/meminfo").splitlines())
    return next((int(words[1]) * 1024 for words in lines if words and words[0] == "MemAvailable:"), 0)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
