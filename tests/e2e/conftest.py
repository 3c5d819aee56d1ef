"""A real mosquitto that can be killed and brought back on the same port, and a sound server of the test's own."""

import os
import shutil
import socket
import subprocess
import threading
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
PATIENCE_S = 30.0
PERSISTENT = ("persistence true", "autosave_on_changes true", "autosave_interval 1")


def wait_for(condition: Callable[[], object], what: str, limit_s: float = PATIENCE_S) -> None:
    """Return once the condition holds; fail with `what` after a generous limit."""
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"{what}: not within {limit_s:.0f} s")
        time.sleep(0.01)


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Broker:
    """A mosquitto of one test."""

    def __init__(self, folder: Path, lines: Sequence[str] = (), *, anonymous: bool = True) -> None:
        """`lines` are added to its configuration; they may hold a `listener` of their own options."""
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "mosquitto.log"
        self._file = folder / "mosquitto.conf"
        own = [
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {str(anonymous).lower()}",
            "set_tcp_nodelay true",
            "max_queued_messages 1000000",
            "user root",
            f"persistence_location {folder}/",
            "log_type all",
        ]
        self._file.write_text("\n".join([*own, *lines]) + "\n", "utf-8")
        self._process: subprocess.Popen[bytes] | None = None
        self._listeners: list[Listener] = []

    def listener(self, topic_filter: str = "#", client_id: str = "listener") -> "Listener":
        """An independent subscriber that ends with the broker."""
        self._listeners.append(Listener(self, topic_filter, client_id))
        return self._listeners[-1]

    def close(self) -> None:
        """End the subscribers and the broker."""
        for listener in self._listeners:
            listener.close()
        self.kill()

    def start(self) -> None:
        """Start it and wait until it listens."""
        assert MOSQUITTO is not None
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([MOSQUITTO, "-c", str(self._file)], stdout=log, stderr=log)
        wait_for(self._listens, f"mosquitto listens ({self.log.read_text()})")

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Let it end in order."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def _listens(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            pytest.fail(f"mosquitto ended: {self.log.read_text()}")
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=0.2).close()
        except OSError:
            return False
        return True


class Listener:
    """An independent subscriber with a session that survives the broker's absence."""

    def __init__(self, broker: Broker, topic_filter: str = "#", client_id: str = "listener") -> None:
        """Connected and subscribed when it returns."""
        self.messages: list[MQTTMessage] = []
        """Everything that came, in order."""
        self._subscribed = threading.Event()
        self._filter = topic_filter
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(self._filter, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _client, _data, message: self.messages.append(message)
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", broker.port, clean_start=False, properties=properties)
        self._client.loop_start()
        assert self._subscribed.wait(PATIENCE_S)

    def on(self, topic: str) -> list[MQTTMessage]:
        """What came on one topic."""
        return [message for message in list(self.messages) if message.topic == topic]

    def ids(self, topic: str) -> list[str]:
        """The user property `id` of what came on a topic."""
        return [message_id(message) for message in self.on(topic)]

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish with QoS 1 and wait for the acknowledgement."""
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(PATIENCE_S)

    def close(self) -> None:
        """Disconnect and end its thread."""
        self._client.disconnect()
        self._client.loop_stop()


def message_id(message: MQTTMessage) -> str:
    """The user property `id`, empty without one."""
    return dict(getattr(message.properties, "UserProperty", [])).get("id", "")


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    """Start brokers that end with the test; skips where mosquitto is not installed."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed (apt install mosquitto)")
    made: list[Broker] = []

    def make(*lines: str, anonymous: bool = True, persistent: bool = False) -> Broker:
        all_lines = [*lines, *(PERSISTENT if persistent else ())]
        broker = Broker(tmp_path / f"broker{len(made)}", all_lines, anonymous=anonymous)
        made.append(broker)
        broker.start()
        return broker

    yield make
    for broker in made:
        broker.close()


@pytest.fixture
def broker(make_broker: Callable[..., Broker]) -> Broker:
    """A running mosquitto without persistence: killing it loses everything it knew."""
    return make_broker()


@pytest.fixture(name="wait_for")
def _wait_for() -> Callable[..., None]:
    """`wait_for(condition, what)` returns once the condition holds, or fails."""
    return wait_for


SOUND_TOOLS = ("pulseaudio", "pactl", "paplay", "parec")
ASOUNDRC = """
pcm.!default { type pulse }
ctl.!default { type pulse }
pcm.room { type pulse device "virtmic.monitor" hint { show on description "Room Microphone" } }
pcm.box { type pulse device "virtmic" hint { show on description "Box on the Shelf" } }
"""


@dataclass
class Pulse:
    """A private sound server with one virtual loudspeaker, `virtmic`, and a microphone that hears it."""

    folder: Path
    server: subprocess.Popen[bytes]

    @property
    def env(self) -> dict[str, str]:
        """Environment in which ALSA and PulseAudio know nothing but this server."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PULSE_", "XDG_", "ALSA_"))}
        home = str(self.folder)
        runtime = {"HOME": home, "XDG_RUNTIME_DIR": home, "PULSE_RUNTIME_PATH": f"{home}/pulse"}
        return {**kept, **runtime, "PULSE_SERVER": f"unix:{home}/native", "LC_ALL": "C"}

    def tell(self, *words: str) -> bool:
        """Run pactl."""
        return (
            subprocess.run(["pactl", *words], env=self.env, capture_output=True, check=False, timeout=10).returncode
            == 0
        )

    def play(self, hz: int, seconds: float) -> subprocess.Popen[bytes]:
        """Let a tone sound in front of the microphone."""
        path = self.folder / f"{hz}.wav"
        tone = (np.sin(2 * np.pi * hz * np.arange(int(16_000 * seconds)) / 16_000) * 16_000).astype(np.int16)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes(tone.tobytes())
        return subprocess.Popen(["paplay", "--device=virtmic", str(path)], env=self.env)

    def record(self) -> subprocess.Popen[bytes]:
        """Write what can be heard in the room on its standard output, until ended: mono, 16 bits, 16 kHz."""
        command = ["parec", "--device=virtmic.monitor", "--raw", "--rate=16000", "--channels=1", "--format=s16le"]
        return subprocess.Popen([*command, "--latency-msec=20"], env=self.env, stdout=subprocess.PIPE)

    def stop(self) -> None:
        """As when a USB cable is pulled."""
        self.server.kill()
        self.server.wait()


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[Pulse]:
    if missing := [tool for tool in SOUND_TOOLS if not shutil.which(tool)]:
        pytest.skip(f"not installed: {', '.join(missing)} (Debian: pulseaudio, pulseaudio-utils, libasound2-plugins)")
    pytest.importorskip("pyaudio", reason="PyAudio is not installed (edgefuse[mic])")
    (tmp_path / ".asoundrc").write_text(ASOUNDRC)
    modules = (
        f"module-native-protocol-unix auth-anonymous=1 socket={tmp_path}/native",
        "module-null-sink sink_name=virtmic rate=16000 channels=1 format=s16le",
    )
    loads = [word for module in modules for word in ("-L", module)]
    command = ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", *loads]
    started = Pulse(tmp_path, None)  # type: ignore[arg-type]
    with (tmp_path / "pulse.log").open("wb") as log:
        started.server = subprocess.Popen(command, env=started.env, stdout=log, stderr=log)
    try:
        for _ in range(100):
            if started.tell("set-default-source", "virtmic.monitor") and started.tell("set-default-sink", "virtmic"):
                break
            if started.server.poll() is not None:
                break
            time.sleep(0.1)
        else:
            pytest.skip("pulseaudio does not answer")
        if started.server.poll() is not None:
            pytest.skip(f"pulseaudio cannot run here: {(tmp_path / 'pulse.log').read_text()[-300:]}")
        yield started
    finally:
        started.stop()
