"""PyAudio reads a real stream: the monitor of a null sink of a PulseAudio server of the test's own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from typing_extensions import Self

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(90)]
Pulse: TypeAlias = Any


class Listening:
    """A Microphone in a process of its own; its events one by one."""

    def __init__(self, pulse: Pulse, **config: object) -> None:
        self.noise = pulse.folder / "stderr"
        helper = Path(__file__).with_name("microphone_process.py")
        with self.noise.open("wb") as noise:
            self.process = subprocess.Popen(
                [sys.executable, str(helper), json.dumps({"type": "microphone", **config})],
                env=pulse.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=noise,
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            pipe.close()

    def until(self, wanted: Any) -> list[dict[str, Any]]:
        """Events up to and with the first that is wanted."""
        assert self.process.stdout
        events = []
        for line in self.process.stdout:
            events.append(json.loads(line))
            if wanted(events[-1]):
                return events
        raise AssertionError(f"it ended before: {events[-3:]} {self.noise.read_text()[-500:]}")

    def end(self) -> dict[str, Any]:
        """Cancel it; its last words."""
        assert self.process.stdin
        self.process.stdin.close()
        return self.until(lambda event: "dropped" in event)[-1]


@pytest.mark.parametrize("device", [None, "room", "ROOM"])
def test_a_tone_is_heard(pulse: Pulse, device: str | None) -> None:
    """What is played reaches the callback as gapless 32 ms chunks of that tone, stamped before they came, in silence on
    stderr.
    """
    with Listening(pulse, device=device) as listening:
        listening.until(lambda event: "t" in event)
        player = pulse.play(1000, 4)
        listening.until(lambda event: event.get("hz") == 1000)
        chunks = [listening.until(lambda event: "t" in event)[-1] for _ in range(40)]
        last = listening.end()
        player.kill()
        player.wait()

    assert {chunk["samples"] for chunk in chunks} == {512}
    assert sum(chunk["hz"] == 1000 and chunk["peak"] > 10_000 for chunk in chunks) >= 38
    assert all(chunk["t"] < chunk["came"] for chunk in chunks)
    assert last["dropped"] == 0
    assert last["info"]["rate"] == 16_000
    assert "ALSA lib" not in listening.noise.read_text()


def test_a_silent_microphone_is_degraded_until_it_is_heard(pulse: Pulse) -> None:
    """Nothing but zeros for `silent_s`: degraded; the first sound makes it well."""
    with Listening(pulse, silent_s=0.5) as listening:
        events = listening.until(lambda event: event.get("state") == "degraded")
        player = pulse.play(500, 4)
        listening.until(lambda event: event.get("state") == "ok")
        player.kill()
        player.wait()

    assert events[-1]["reason"].startswith("silent: nothing but zeros for more than 0.5 s")
    assert sum("t" in event for event in events) >= 15


def test_an_unplugged_microphone_is_a_source_error(pulse: Pulse) -> None:
    """The sink disappears under the stream: SourceError within seconds, and nothing hangs."""
    with Listening(pulse) as listening:
        listening.until(lambda event: "t" in event)
        assert pulse.tell("unload-module", "module-null-sink")
        events = listening.until(lambda event: "error" in event)
        code = listening.process.wait(20)

    assert "unplugged?" in events[-1]["error"]
    assert code == 0


def test_a_sound_server_that_dies_is_a_source_error(pulse: Pulse) -> None:
    """PulseAudio is killed: SourceError, and nothing hangs."""
    with Listening(pulse) as listening:
        listening.until(lambda event: "t" in event)
        pulse.stop()
        events = listening.until(lambda event: "error" in event)
        code = listening.process.wait(20)

    assert "unplugged?" in events[-1]["error"]
    assert code == 0


def test_an_unknown_device_names_those_there_are(pulse: Pulse) -> None:
    """The error lists index, name and rate of the microphones that are there."""
    with Listening(pulse, device="zork") as listening:
        error = listening.until(lambda event: "error" in event)[-1]["error"]

    assert "no input device 'zork'" in error
    assert "room (" in error
