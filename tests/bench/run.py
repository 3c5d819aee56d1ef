"""Every figure that is promised, measured in one run: `make bench` (ARGS="--json", or names of benches).

latency   sensor message in to alert out, over a real mosquitto: p50, p99
ready     start to READY with every default model cached, and memory then
cpu       CPU of the whole process over the demo scene, against the CPU of the model calls alone
idle      CPU of a process that only feeds a loaded voice activity model at 31 Hz, against its calls: no spinning
microphone  share of one core that the voice detector takes in a quiet room, with and without a wake word
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import psutil

from edgefuse.testing.process import running_daemon

ALERTS = 500
SCENE_S = 90
IDLE_S = 20
WINDOW_S = 0.032
HEALTH_S = 11
"""After this the health that was published covers the whole scene."""


@contextmanager
def broker(folder: Path) -> Iterator[int]:
    """A mosquitto of our own on a free port of the loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 0\n")
    program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    process = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def client(port: int) -> mqtt.Client:
    """A connected client with its network thread."""
    made = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    made.on_socket_open = lambda _c, _u, sock: sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.connect("127.0.0.1", port)
    made.loop_start()
    return made


def latency(folder: Path) -> dict[str, Any]:
    """A smoke sensor speaks; its alert arrives at a subscriber (which hears it when the broker sends PUBACK)."""
    with broker(folder) as port:
        config = folder / "latency.yaml"
        config.write_text(
            f"""
device: {{id: bench, state_dir: {folder / "state"}}}
mqtt: {{url: "mqtt://127.0.0.1:{port}"}}
sources: {{smoke: {{type: mqtt, topic: zigbee2mqtt/smoke}}}}
rules:
  - name: fire
    when: {{reading: {{of: smoke, quantity: smoke, equals: true}}}}
    then: [{{alert: fire, severity: Extreme}}]
"""
        )
        arrived: dict[int, float] = {}
        subscriber = client(port)
        subscriber.subscribe("edgefuse/bench/alert/#", 1)
        subscriber.on_message = lambda *_: arrived.__setitem__(len(arrived), time.perf_counter())
        sensor = client(port)
        took = []
        with running_daemon(config):
            time.sleep(1)
            for n in range(ALERTS):
                begin = time.perf_counter()
                sensor.publish("zigbee2mqtt/smoke", b'{"smoke":true}', 1)
                while n not in arrived and time.perf_counter() < begin + 5:
                    time.sleep(0.0002)
                took.append((arrived[n] - begin) * 1e3)
                sensor.publish("zigbee2mqtt/smoke", b'{"smoke":false}', 1)
                time.sleep(0.02)
        for each in (subscriber, sensor):
            each.disconnect()
            each.loop_stop()
    took.sort()
    return {
        "alerts": len(took),
        "p50_ms": took[len(took) // 2],
        "p99_ms": took[int(len(took) * 0.99)],
        "max_ms": took[-1],
    }


def demo_config(folder: Path) -> tuple[Path, int]:
    """The demo's configuration with every default model, on its recorded scene, in real time."""
    from edgefuse.demo.run import write_config
    from edgefuse.demo.scene import cached_scene

    return write_config(folder, cached_scene(print), 0)


def ready(folder: Path) -> dict[str, Any]:
    """Start to READY, and resident memory then, with every default model in the cache."""
    config, _ = demo_config(folder)
    took, memory = [], 0.0
    for _ in range(3):
        begin = time.perf_counter()
        with running_daemon(config) as daemon:
            took.append(time.perf_counter() - begin)
            memory = max(memory, psutil.Process(daemon.process.pid).memory_info().rss / 1e6)
            daemon.stop()
    return {"ready_s": min(took), "ready_s_max": max(took), "rss_mb": memory}


def cpu(folder: Path) -> dict[str, Any]:
    """CPU of the whole process over the demo scene, against that of the model calls alone; start-up is left out."""
    config, port = demo_config(folder)
    spent: list[float] = []
    with running_daemon(config) as daemon:
        process = psutil.Process(daemon.process.pid)
        before = process.cpu_times()
        listener = client(port)
        listener.subscribe("edgefuse/demo/health", 1)
        listener.on_message = lambda _c, _u, message: spent.append(
            sum(part["model_cpu_s"] for part in json.loads(message.payload)["parts"].values())
        )
        while not spent:
            time.sleep(0.05)
        first = spent[0]
        time.sleep(SCENE_S)
        after = process.cpu_times()
        time.sleep(HEALTH_S)
        daemon.stop()
        listener.disconnect()
        listener.loop_stop()
    whole = after.user + after.system - before.user - before.system
    models = spent[-1] - first
    return {"process_cpu_s": whole, "model_cpu_s": models, "ratio": whole / models, "seconds": SCENE_S}


def idle(_folder: Path) -> dict[str, Any]:
    """Silence at 31 Hz through a loaded model; a thread that spins while it waits would show in the ratio."""
    from edgefuse.config.models import ModelsConfig
    from edgefuse.core.health import PartHealth
    from edgefuse.engines.store import Store
    from edgefuse.pipeline.clock import SystemClock

    health = PartHealth("vad", "detector")
    model = Store(ModelsConfig(), SystemClock()).load("silero-vad", health)
    feed = model.example()
    health.model_cpu = 0
    before, begin = time.process_time(), time.perf_counter()
    for n in range(int(IDLE_S / WINDOW_S)):
        time.sleep(max(0.0, begin + n * WINDOW_S - time.perf_counter()))
        model.run(feed)
    whole, models = time.process_time() - before, health.model_cpu / 1e9
    model.close()
    share = whole / (time.perf_counter() - begin)
    return {"process_cpu_s": whole, "model_cpu_s": models, "ratio": whole / models, "core_share": share}


def microphone(_folder: Path) -> dict[str, Any]:
    """A quiet room at 31 Hz through the voice detector, which waits for its wake word, and one that waits for none."""
    import numpy as np

    from edgefuse.config.models import ModelsConfig
    from edgefuse.core.types import SAMPLE_RATE, SECOND, AudioChunk
    from edgefuse.detectors.voice import Voice, VoiceConfig
    from edgefuse.engines.store import Store
    from edgefuse.pipeline.clock import SystemClock
    from edgefuse.testing.fakes import make_context

    size, shares = int(WINDOW_S * SAMPLE_RATE), {}
    noise = np.random.default_rng(0).normal(0, 20, (100, size)).astype(np.int16)
    for name, word in (("wake_word", "alexa"), ("no_wake_word", None)):
        around = make_context("voice", clock=SystemClock(), models=Store(ModelsConfig(), SystemClock()))
        voice = Voice(VoiceConfig.model_validate({"type": "voice", "on": ["mic"], "wake_word": word}), around)
        voice.warm_up()
        before, begin = time.process_time(), time.perf_counter()
        for n in range(int(IDLE_S / WINDOW_S)):
            time.sleep(max(0.0, begin + n * WINDOW_S - time.perf_counter()))
            list(voice.detect(AudioChunk("mic", "hall", n * size * SECOND // SAMPLE_RATE, noise[n % 100])))
        shares[f"{name}_core_share"] = (time.process_time() - before) / (time.perf_counter() - begin)
        voice.close()
    return shares


BENCHES = {"latency": latency, "ready": ready, "cpu": cpu, "idle": idle, "microphone": microphone}


def main() -> int:
    """Run the named benches, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHES], metavar="NAME", help="default: all")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    results = {}
    for name in args.names or BENCHES:
        with tempfile.TemporaryDirectory(prefix="edgefuse-bench-") as folder:
            results[name] = BENCHES[name](Path(folder))
        if not args.json:
            print(name, {key: round(value, 3) for key, value in results[name].items()}, flush=True)
    if args.json:
        print(json.dumps(results, indent=2))
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
