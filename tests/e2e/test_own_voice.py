"""One daemon with a microphone and a loudspeaker in the same room of a PulseAudio server of the test's own."""

import json
import shutil
import subprocess
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.core.types import SAMPLE_RATE
from edgefuse.demo.sound import speak, synthesiser
from edgefuse.detectors.voice import Voice, VoiceConfig
from edgefuse.engines.store import Store
from edgefuse.pipeline.clock import SystemClock
from edgefuse.testing.process import running_daemon

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.models,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed (apt install espeak-ng)"),
]
SITE = """
device: {{id: t, area: hall, state_dir: {folder}/state}}
mqtt: {{url: "{url}"}}
sources:
  mic: {{type: microphone}}
  door: {{type: mqtt, topic: door}}
detectors: {{voice: {{type: voice, on: [mic], wake_word: null}}}}
things:
  hall_light: {{area: hall, kind: light, set: light/set}}
rules:
  - {{name: orders, when: {{said: {{}}}}, then: [{{command: "{{target}}"}}]}}
  - name: tells
    when: {{reading: {{of: door, quantity: contact, equals: false}}}}
    then: [{{say: turn on the hall light}}]
publishers: {{box: {{type: speaker}}}}
models: {{pull: never, build: never}}
"""


def test_it_obeys_others_and_not_itself(tmp_path: Path, pulse: Any, broker: Any, wait_for: Callable[..., None]) -> None:
    """What it says itself is an order in words, which it hears and does not follow; the same words of a person are
    followed afterwards.
    """
    store = Store(ModelsConfig(pull="never"), SystemClock())
    try:
        for name in Voice.models(VoiceConfig(on=["mic"], wake_word=None)):
            store.path(name)
        person = speak(synthesiser(), "rms", "turn on the hall light", tmp_path)
    except (ModelError, ConfigError) as error:
        pytest.skip(str(error).splitlines()[0])
    with wave.open(str(tmp_path / "person.wav"), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes((person * 32767).astype(np.int16).tobytes())
    site = tmp_path / "site.yaml"
    site.write_text(SITE.format(folder=tmp_path, url=broker.url), encoding="utf-8")
    models = {"EDGEFUSE_MODELS": str(store.path("whisper-tiny.en").parent)}
    listener = broker.listener()

    def parts() -> dict[str, Any]:
        told = listener.on("edgefuse/t/health")
        return dict(json.loads(told[-1].payload)["parts"]) if told else {}

    with running_daemon(site, ready_s=120, env={**pulse.env, **models}) as daemon:
        wait_for(lambda: parts().get("mic", {}).get("state") in {"ok", "degraded"}, "the microphone")
        listener.publish("door", b'{"contact": false}')
        wait_for(lambda: parts()["box"]["samples"] == 1, f"it has spoken: {daemon.output()}")
        chunks = parts()["voice"]["samples"] + 4 * SAMPLE_RATE // 512
        wait_for(lambda: parts()["voice"]["samples"] > chunks, "four seconds more are heard")
        heard_itself = listener.on("light/set")
        command = ["paplay", "--device=virtmic", str(tmp_path / "person.wav")]
        subprocess.run(command, env=pulse.env, check=True, timeout=30)
        wait_for(lambda: listener.on("light/set"), f"the light: {daemon.output()}")
        assert daemon.stop() == 0

    assert heard_itself == []
    assert [message.payload for message in listener.on("light/set")] == [b"ON"]
