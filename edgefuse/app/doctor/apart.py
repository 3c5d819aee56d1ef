"""Runs checks in processes of their own: what hangs, crashes or is killed costs its own line and no other."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from edgefuse.app.doctor.areas import Unit
from edgefuse.app.doctor.findings import Finding

_AT_ONCE = 3
_GRACE_S = 5.0
_COMMAND = (sys.executable, "-m", "edgefuse.app.doctor")


def findings_of(units: Sequence[Unit], config: Path | None) -> Iterator[Finding]:
    """What every unit found, in order, as soon as it is known; some run at the same time."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="doctor") as pool:
        for found in pool.map(lambda unit: run_apart(unit, config), units):
            yield from found


def run_apart(unit: Unit, config: Path | None, command: Sequence[str] = _COMMAND) -> list[Finding]:
    """Run one unit; a process that does not end well is a finding behind those that it made."""
    arguments = [*command, unit.area, unit.part, str(config or "")]
    with TemporaryFile() as out, TemporaryFile() as err:
        child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        ended = _ended(child, unit.limit_s)
        found = list(_read(out))
        return [*found, _broken(unit, config, ended, err)] if ended else found


def write(finding: Finding, out: IO[str]) -> None:
    """Send a finding from the child, at once: whoever is killed later has told it."""
    out.write(json.dumps(asdict(finding)) + "\n")
    out.flush()


def _ended(child: subprocess.Popen[bytes], limit_s: float) -> str:
    """How it ended, if not well. Output goes to files, so that nothing it leaves behind can block us."""
    try:
        code = child.wait(limit_s)
    except subprocess.TimeoutExpired:
        return f"gave no answer within {limit_s:g} s"
    finally:
        child.kill()
        with suppress(subprocess.TimeoutExpired):  # a driver that hangs cannot be killed
            child.wait(_GRACE_S)
    return f"ended with {code}" if code else ""


def _read(out: IO[bytes]) -> Iterator[Finding]:
    out.seek(0)
    for line in out.read().splitlines():
        with suppress(ValueError, TypeError):  # cut off by its end
            yield Finding(**json.loads(line))


def _broken(unit: Unit, config: Path | None, ended: str, err: IO[bytes]) -> Finding:
    err.seek(0)
    said = err.read().decode(errors="replace").strip().splitlines()
    found = f"the check {ended}{': ' + said[-1] if said else ''}"
    by_hand = " ".join(filter(None, ["python -m edgefuse.app.doctor", unit.area, unit.part or "''", str(config or "")]))
    return Finding(unit.part or "check", unit.area, "fail" if config else "warn", found, f"run `{by_hand}` to see why")
