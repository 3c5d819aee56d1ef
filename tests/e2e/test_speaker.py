"""espeak-ng speaks through PyAudio into a null sink of a PulseAudio server of the test's own."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from typing_extensions import Self

from edgefuse.testing.process import running_daemon

Pulse: TypeAlias = Any
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(120),
    pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed (apt install espeak-ng)"),
]
LOUD = 300
LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"


class Room:
    """What is heard in the room, as it comes."""

    def __init__(self, pulse: Pulse) -> None:
        self._recorder = pulse.record()
        self._bytes = bytearray()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._recorder.kill()
        self._recorder.wait()
        self._thread.join()
        self._recorder.stdout.close()

    def _read(self) -> None:
        while piece := self._recorder.stdout.read1(4096):
            self._bytes += piece

    @property
    def loud_s(self) -> float:
        """Seconds in which something sounded."""
        pcm = np.frombuffer(bytes(self._bytes[: len(self._bytes) // 640 * 640]), np.int16).reshape(-1, 320)
        return float((np.abs(pcm.astype(int)).max(1) > LOUD).sum()) / 50


class Speaking:
    """A Speaker in a process of its own; its events one by one."""

    def __init__(self, pulse: Pulse, **config: object) -> None:
        helper = Path(__file__).with_name("speaker_process.py")
        self.noise = pulse.folder / "stderr"
        with self.noise.open("wb") as noise:
            self.process = subprocess.Popen(
                [sys.executable, str(helper), json.dumps(config)],
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

    def tell(self, line: str) -> None:
        """`say TEXT` or `interrupt`."""
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def until(self, wanted: Callable[[dict[str, Any]], object]) -> list[dict[str, Any]]:
        """Events up to and with the first that is wanted."""
        assert self.process.stdout
        events = []
        for line in self.process.stdout:
            events.append(json.loads(line))
            if wanted(events[-1]):
                return events
        raise AssertionError(f"it ended before: {events[-3:]} {self.noise.read_text()[-500:]}")

    def end(self) -> dict[str, Any]:
        """Its last words."""
        assert self.process.stdin
        self.process.stdin.close()
        return self.until(lambda event: "dropped" in event)[-1]


@pytest.mark.parametrize("device", [None, "box"])
def test_it_is_heard_in_the_room(pulse: Pulse, device: str | None, wait_for: Callable[..., None]) -> None:
    """A text sounds about as long as attention says that it is spoken, and nothing is written on stderr."""
    with Room(pulse) as room, Speaking(pulse, device=device) as speaking:
        speaking.tell("say " + LONG)
        done = speaking.until(lambda event: event.get("end"))[-1]
        spoken_s = (done["end"] - done["begin"]) / 1e9
        wait_for(lambda: room.loud_s > 0.6 * spoken_s, "the words are heard", 10)
        last = speaking.end()

    assert spoken_s > 3
    assert room.loud_s < spoken_s + 0.5
    assert last["dropped"] == 0
    assert "ALSA lib" not in speaking.noise.read_text()


def test_the_wake_word_cuts_it_off(pulse: Pulse) -> None:
    """Barge-in: the rest is not heard, though it is long, and is counted."""
    with Room(pulse) as room, Speaking(pulse) as speaking:
        speaking.tell("say " + LONG)
        speaking.until(lambda event: event.get("text"))
        while room.loud_s < 0.3:
            assert speaking.process.poll() is None
        speaking.tell("interrupt")
        events = speaking.until(lambda event: event.get("end"))
        last = speaking.end()
    spoken_s = (events[-1]["end"] - events[-1]["begin"]) / 1e9

    assert spoken_s < 3
    assert room.loud_s < 3
    assert last["info"] == {"unspoken": {"interrupted": 1}}


def test_a_sound_server_that_comes_back_is_used(pulse: Pulse) -> None:
    """Without an output device it is degraded; with one again the text is still said."""
    assert pulse.tell("unload-module", "module-null-sink")
    with Speaking(pulse, device="box") as speaking:
        speaking.tell("say hello there")
        why = speaking.until(lambda event: event.get("state") == "degraded")[-1]["reason"]
        assert pulse.tell("load-module", "module-null-sink", "sink_name=virtmic", "rate=16000", "channels=1")
        speaking.until(lambda event: event.get("state") == "ok")

    assert why.startswith("output device")


def test_a_rule_of_the_daemon_speaks(pulse: Pulse, broker: Any, tmp_path: Path, wait_for: Callable[..., None]) -> None:
    """A reading -> `say` -> MQTT and the loudspeaker; then without the broker the loudspeaker alone."""
    config = tmp_path / "site.yaml"
    config.write_text(
        f"""
device: {{id: t, area: hall, state_dir: {tmp_path / "state"}}}
mqtt: {{url: "{broker.url}"}}
sources: {{door: {{type: mqtt, topic: door}}}}
rules:
  - name: door
    when: {{reading: {{of: door, quantity: contact, equals: false}}}}
    then: [{{say: this door is open at the moment}}]
  - name: alone
    when: {{health: {{of: broker}}}}
    then: [{{say: {LONG}}}]
publishers:
  broker: {{type: mqtt}}
  voice: {{type: speaker}}
""",
        encoding="utf-8",
    )
    listener = broker.listener()
    with Room(pulse) as room, running_daemon(config, env=pulse.env) as daemon:
        listener.publish("door", b'{"contact": false}')
        wait_for(lambda: listener.on("edgefuse/t/say"), "the message")
        wait_for(lambda: room.loud_s > 0.1, "the word")
        broker.kill()
        wait_for(lambda: room.loud_s > 2, "many words, without a broker")
        assert daemon.stop() == 0
