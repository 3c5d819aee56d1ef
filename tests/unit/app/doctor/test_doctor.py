import io
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from rich.console import Console

from edgefuse.app.doctor import broken_configuration, diagnose
from edgefuse.app.doctor.apart import run_apart
from edgefuse.app.doctor.areas import AREAS, Unit, units
from edgefuse.app.doctor.findings import Finding
from edgefuse.app.doctor.render import Line, summary

GOOD = '{"check": "a", "area": "system", "state": "ok", "found": "well", "next": ""}'


def apart(code: str, limit_s: float = 20) -> list[Finding]:
    """What comes of a process that runs `code`."""
    return run_apart(Unit("system", "", limit_s), None, [sys.executable, "-c", code])


def test_the_keys_of_a_finding_are_frozen() -> None:
    """Scripts read these keys of `edgefuse doctor --json`."""
    assert list(asdict(Finding("clock", "system", "ok", "right"))) == ["check", "area", "state", "found", "next"]


def test_findings_come_from_a_process_of_their_own() -> None:
    """One JSON object a line; anything else that a library prints is no finding."""
    assert [one.found for one in apart(f"print('noise'); print('''{GOOD}''')")] == ["well"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended with -11"),
        ("raise RuntimeError('a bug')", "ended with 1: RuntimeError: a bug"),
    ],
)
def test_a_check_that_crashes_is_a_finding(code: str, said: str) -> None:
    """What it had found before stays, and its last words are told."""
    found = apart(f"print('''{GOOD}''', flush=True); {code}")

    assert [one.check for one in found] == ["a", "check"]
    assert (found[1].state, found[1].area) == ("warn", "system")
    assert said in found[1].found


def test_a_check_that_hangs_is_ended() -> None:
    """What it had found before stays."""
    found = apart(f"import time; print('''{GOOD}''', flush=True); time.sleep(600)", limit_s=1)

    assert [one.check for one in found] == ["a", "check"]
    assert "no answer within 1 s" in found[1].found


def test_every_area_and_every_source_has_a_process(tmp_path: Path) -> None:
    """Sensors are the broker's; sound and pictures are tried one by one."""
    from edgefuse.app.build import read_site

    path = tmp_path / "hall.yaml"
    path.write_text(
        "device: {id: hall}\nsources:\n  mic: {type: microphone}\n  cam: {type: camera, url: 0}\n"
        "  air: {type: mqtt, topic: a}\n"
    )

    every = units(read_site(path))

    assert [unit.area for unit in every if not unit.part] == [area.name for area in AREAS]
    assert [(unit.area, unit.part) for unit in every if unit.part] == [("audio", "mic"), ("cameras", "cam")]


def test_a_broken_configuration_comes_first(tmp_path: Path) -> None:
    """Its first mistake is told with file and line."""
    path = tmp_path / "hall.yaml"
    path.write_text("device: {id: hall}\nsources: {mic: {type: microphon}}\n")

    first = next(diagnose(path))

    assert (first.area, first.state) == ("configuration", "fail")
    assert "hall.yaml:2" in first.found
    assert broken_configuration([first])


@pytest.mark.parametrize("width", [80, 120])
def test_lines_fit_the_terminal(width: int) -> None:
    """Long texts hang below their beginning; nothing is cut."""
    words = " ".join(f"word{n}" for n in range(60))
    out = io.StringIO()

    Console(file=out, width=width).print(Line(Finding("source.a_very_long_name", "audio", "warn", words, words)))

    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert all(out.getvalue().count(f"word{n} ") + out.getvalue().count(f"word{n}\n") >= 2 for n in range(59))
    assert lines[1].startswith(" " * 6)


def test_a_terminal_without_unicode_gets_ascii() -> None:
    """The arrow is two letters there."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")

    Console(file=out, width=80).print(Line(Finding("clock", "system", "warn", "late", "set it")))
    out.flush()

    assert "-> set it" in raw.getvalue().decode()


def test_the_last_line_counts() -> None:
    """One failure is a failure, two are failures."""
    states = ("ok", "ok", "warn", "fail")

    assert summary([Finding("c", "a", state, "") for state in states]).plain == "2 ok, 1 warning, 1 failure"
    assert summary([Finding("c", "a", "ok", "")]).plain == "1 ok, no warnings, no failures"
