"""Whether TensorRT works here, found out without importing it: a process of its own looks, and may crash or hang."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from edgefuse.core.ports import Probe
from edgefuse.engines import nvidia
from edgefuse.engines.tensorrt.library import installed

COMMAND = (sys.executable, "-m", "edgefuse.engines.tensorrt.child")
LIMIT_S = 60.0
"""A cold disk and the first use of a GPU take some seconds."""
_LONGEST = 1 << 16
_GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What TensorRT would run on."""

    tensorrt: str
    """Version."""
    runtime: str
    """CUDA version of cuda-bindings, `13.0`."""
    driver: str
    """CUDA version that the driver knows."""
    gpu: str
    sm: str
    """Compute capability, `8.7`."""
    l4t: str
    """Version of Jetson Linux; empty elsewhere."""
    free: int
    """Bytes of device memory when it was asked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A probe, and what it rests on."""

    probe: Probe
    facts: Facts | None = None
    """None where TensorRT cannot be used."""


def ask(
    command: Sequence[str] = COMMAND,
    limit_s: float = LIMIT_S,
    here: Callable[[], bool] = installed,
    root: Path = Path("/"),
) -> Answer:
    """Run the child and understand what it prints, or how it ended. Never raises on account of the child.

    Where `root` shows no NVIDIA hardware, or TensorRT is not `here`, nothing is run.
    """
    if not nvidia.has_gpu(root):
        return _no("no NVIDIA GPU here")
    if not here():
        return _no(f"tensorrt is not installed; {nvidia.how_to_install(root)}")
    with TemporaryFile() as out, TemporaryFile() as err:
        try:
            ended = _run(command, limit_s, out, err)
        except OSError as error:
            return _no(f"the GPU cannot be asked: {command[0]}: {error}")
        lines = _lines(out)
        return _understood(lines, ended, _last_line(err))


def _run(command: Sequence[str], limit_s: float, out: IO[bytes], err: IO[bytes]) -> str:
    """How the child ended, if not well. Its output goes to files: nothing that it leaves behind can block us."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd="/")
    try:
        code = child.wait(limit_s)
    except subprocess.TimeoutExpired:
        return f"did not end within {limit_s:g} s"
    finally:
        child.kill()
        with suppress(subprocess.TimeoutExpired):  # a driver that hangs cannot be killed
            child.wait(_GRACE_S)
    if code < 0:
        return f"was killed by {_signal_name(-code)}"
    return f"ended with code {code}" if code else ""


def _understood(lines: Sequence[dict[str, Any]], ended: str, complaint: str) -> Answer:
    doing = next((line["doing"] for line in reversed(lines) if "doing" in line), "starting")
    missing = next((line["missing"] for line in lines if "missing" in line), None)
    facts = next((_facts(line["facts"]) for line in lines if "facts" in line), None)
    if missing is not None:
        return _no(str(missing))
    if facts is not None and not ended:
        where = f", Jetson Linux {facts.l4t}" if facts.l4t else ""
        reason = f"TensorRT {facts.tensorrt} on {facts.gpu} (SM {facts.sm}), CUDA {facts.driver}{where}"
        return Answer(Probe(usable=True, reason=reason), facts)
    what = ended or "printed no answer"
    said = f": {complaint}" if complaint else ""
    return _no(
        f"the process that asked the GPU {what} while {doing}{said}; run "
        f"`{' '.join(COMMAND[1:])}` by this Python to see it"
    )


def _no(reason: str) -> Answer:
    return Answer(Probe(usable=False, reason=reason))


def _lines(out: IO[bytes]) -> Sequence[dict[str, Any]]:
    """The objects among the lines; libraries may print what they like between them."""
    out.seek(0)
    found = []
    for line in out.read(_LONGEST).splitlines():
        with suppress(ValueError, RecursionError):
            value = json.loads(line)
            if isinstance(value, dict):
                found.append(value)
    return found


def _facts(value: Any) -> Facts | None:
    """None unless every fact is there and of its type."""
    kinds = {field.name: int if field.name == "free" else str for field in fields(Facts)}
    if not isinstance(value, dict) or value.keys() != kinds.keys():
        return None
    return Facts(**value) if all(type(value[name]) is kind for name, kind in kinds.items()) else None


def _last_line(err: IO[bytes]) -> str:
    err.seek(max(0, err.seek(0, 2) - _LONGEST))
    lines = err.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip()[:300] if lines else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
