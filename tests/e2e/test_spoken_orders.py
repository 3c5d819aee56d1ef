"""Recorded and streamed speech through the daemon as a process: to a subscriber of mosquitto, to a Wyoming client."""

import json
import socket
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray

from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.core.types import SAMPLE_RATE
from edgefuse.demo.sound import speak, synthesiser
from edgefuse.detectors.voice import Voice, VoiceConfig
from edgefuse.engines.store import Store
from edgefuse.pipeline.clock import SystemClock
from edgefuse.testing.process import running_daemon

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.timeout(240)]
WaitFor = Callable[..., None]
SITE = """
device: {{id: t, area: hall, state_dir: {folder}/state}}
mqtt: {{url: "{url}"}}
sources: {{mic: {{type: recorded, file: {folder}/order.wav}}}}
detectors: {{voice: {{type: voice, on: [mic]{more}}}}}
things:
  hall_light: {{area: hall, kind: light, set: light/set}}
  kitchen_light: {{area: kitchen, kind: light, set: kitchen/set}}
rules:
  - {{name: orders, when: {{said: {{}}}}, then: [{{command: "{{target}}"}}]}}
models: {{pull: never, build: never}}
"""


@pytest.fixture(scope="module", autouse=True)
def _models() -> None:
    """Skip where the models are not on this machine."""
    store = Store(ModelsConfig(pull="never"), SystemClock())
    try:
        for name in Voice.models(VoiceConfig(on=["mic"])):
            store.path(name)
    except ModelError as error:
        pytest.skip(str(error).splitlines()[0])


@pytest.fixture
def sound(tmp_path: Path) -> Callable[..., NDArray[np.int16]]:
    """Phrases and seconds of quiet, in faint noise; skips where no synthesiser is installed."""
    try:
        program = synthesiser()
    except ConfigError as error:
        pytest.skip(str(error))
    noise = np.random.default_rng(1)

    def made(*parts: str | float) -> NDArray[np.int16]:
        pieces = [
            np.zeros(int(part * SAMPLE_RATE)) if isinstance(part, float) else speak(program, "rms", part, tmp_path)
            for part in parts
        ]
        whole = np.concatenate(pieces) * 32767
        return (whole + noise.normal(0, 3, len(whole))).clip(-32768, 32767).astype(np.int16)

    return made


def record(path: Path, pcm: NDArray[np.int16]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(pcm.tobytes())


def test_a_recorded_order_commands_its_thing(
    tmp_path: Path, broker: Any, sound: Callable[..., NDArray[np.int16]], wait_for: WaitFor
) -> None:
    """A WAV with `Alexa` and an order -> `edgefuse run` -> its intent and the light's own topic, and no other's."""
    record(tmp_path / "order.wav", sound(2.0, "Alexa", 0.3, "turn on the hall light", 4.0))
    site = tmp_path / "site.yaml"
    site.write_text(SITE.format(folder=tmp_path, url=broker.url, more=""), encoding="utf-8")
    listener = broker.listener()
    with running_daemon(site, ready_s=120) as daemon:
        wait_for(lambda: listener.on("light/set") or daemon.process.poll() is not None, "the light's command")
        assert listener.on("light/set"), daemon.output()
        assert daemon.stop() == 0
    (intent,) = [json.loads(message.payload) for message in listener.on("edgefuse/t/intent")]

    assert (intent["intent"], intent["target"], intent["area"]) == ("turn_on", "hall_light", "hall")
    assert "turn on the hall light" in intent["said"]
    assert intent["commanded"]
    assert [message.payload for message in listener.on("light/set")] == [b"ON"]
    assert not listener.on("kitchen/set")


async def ask(port: int, pcm: bytes) -> tuple[str, Any]:
    """The words of a sound at 48 kHz, and the event that says what they mean."""
    from wyoming.asr import Transcribe
    from wyoming.audio import AudioChunk, AudioStart, AudioStop
    from wyoming.client import AsyncTcpClient
    from wyoming.intent import Recognize

    async with AsyncTcpClient("127.0.0.1", port) as client:
        await client.write_event(Transcribe(language="en").event())
        await client.write_event(AudioStart(48_000, 2, 1).event())
        for at in range(0, len(pcm), 4096):
            await client.write_event(AudioChunk(48_000, 2, 1, pcm[at : at + 4096]).event())
        await client.write_event(AudioStop().event())
        heard: Any = await client.read_event()
        await client.write_event(Recognize(text=heard.data["text"]).event())
        return heard.data["text"], await client.read_event()


def test_others_use_our_recogniser(
    tmp_path: Path, broker: Any, sound: Callable[..., NDArray[np.int16]], wait_for: WaitFor
) -> None:
    """wyoming's own client sends a spoken order in pieces at 48 kHz and gets its words; the words give the intent."""
    pytest.importorskip("wyoming", reason="the package wyoming is not installed (edgefuse[wyoming])")
    soxr = pytest.importorskip("soxr")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    record(tmp_path / "order.wav", sound(30.0))
    site = tmp_path / "site.yaml"
    text = SITE.format(folder=tmp_path, url=broker.url, more="")
    site.write_text(text + f'wyoming: {{listen: "tcp://127.0.0.1:{port}"}}\n', encoding="utf-8")
    pcm = soxr.resample(sound(0.3, "turn on the hall light", 0.3), SAMPLE_RATE, 48_000).tobytes()

    with running_daemon(site, ready_s=120) as daemon:
        said, meant = anyio.run(ask, port, pcm)
        with socket.create_connection(("127.0.0.1", port)) as broken:
            broken.sendall(b"\xff" * 100 + b"\n")
            wait_for(lambda: b"error" in broken.recv(4096), "an answer to nonsense")
        assert anyio.run(ask, port, pcm)[0] == said
        assert daemon.stop() == 0

    assert said.lower().strip(" .!") == "turn on the hall light"
    assert (meant.type, meant.data["name"]) == ("intent", "turn_on")
    assert {"name": "name", "value": "hall light"} in meant.data["entities"]
