"""The broker of our own: it starts, comes back, and never outlives us."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue

import anyio
import psutil
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from edgefuse.config.models import Mqtt
from edgefuse.core.errors import ConfigError
from edgefuse.core.health import PartHealth
from edgefuse.mqtt import Connection
from edgefuse.pipeline import broker as module
from edgefuse.pipeline.broker import EmbeddedBroker, find_mosquitto
from edgefuse.pipeline.clock import SystemClock

pytestmark = pytest.mark.e2e
CLOCK = SystemClock()
needs_mosquitto = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")


def url() -> str:
    """An embedded broker on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"embedded:{probe.getsockname()[1]}"


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, generously."""
    with anyio.fail_after(30):
        while not condition():
            await anyio.sleep(0.02)


def child() -> psutil.Process:
    """The only broker among our children."""
    [one] = [each for each in psutil.Process().children() if each.name() == "mosquitto"]
    return one


async def use(broker: EmbeddedBroker) -> str:
    """Publish once. Returns the version of MQTT that was spoken."""
    health = PartHealth("broker", "broker")
    one = Connection(Mqtt(), "pi", CLOCK, health, url=broker.url)
    got: list[bytes] = []
    one.subscribe("t/#", lambda incoming: (got.append(incoming.payload), incoming.settled())[1])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.run)
        await until(lambda: one.connected)
        await one.publish("t/1", b"x" * 50_000)
        await until(lambda: got == [b"x" * 50_000])
        await one.close()
    return str(health.info["mqtt"])


@needs_mosquitto
def test_it_starts_restarts_and_ends(tmp_path: Path) -> None:
    """It serves, is restarted after kill -9, and is gone after the task is cancelled."""
    health = PartHealth("embedded", "broker")

    async def main() -> None:
        broker = EmbeddedBroker(url(), tmp_path, health)
        async with anyio.create_task_group() as tasks:
            await tasks.start(broker.run)
            assert await use(broker) == "5"
            first = child()
            first.kill()
            await until(lambda: health.restarts == 1 and health.state == "ok")
            assert child().pid != first.pid
            await use(broker)
            tasks.cancel_scope.cancel()

    anyio.run(main)
    assert not [each for each in psutil.Process().children() if each.name() == "mosquitto"]
    assert (tmp_path / "broker").stat().st_mode & 0o077 == 0


@needs_mosquitto
def test_a_taken_port_names_its_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator learns who has the port and what to write instead."""
    monkeypatch.setattr(module, "_FREE_WITHIN_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        broker = EmbeddedBroker(f"embedded:{port}", tmp_path, PartHealth("embedded", "broker"))
        with pytest.raises(ConfigError, match=rf"port {port} is taken by .*\(pid {os.getpid()}\).*embedded:{port + 1}"):
            anyio.run(broker.run)


def test_without_a_broker_the_operator_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither mosquitto nor iotcore: a ConfigError that names both."""
    monkeypatch.setattr(module, "find_mosquitto", lambda: None)
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"apt install mosquitto.*edgefuse\[broker\]"):
        EmbeddedBroker("embedded", tmp_path, PartHealth("embedded", "broker"))


CHILD = """
import sys, anyio
from pathlib import Path
from edgefuse.core.health import PartHealth
from edgefuse.pipeline.broker import EmbeddedBroker
async def main():
    async with anyio.create_task_group() as tasks:
        await tasks.start(EmbeddedBroker(sys.argv[1], Path(sys.argv[2]), PartHealth("embedded", "broker")).run)
        print("up", flush=True)
anyio.run(main)
"""


@needs_mosquitto
def test_ctrl_c_in_a_terminal_leaves_the_broker_to_the_daemon(tmp_path: Path) -> None:
    """SIGINT goes to everything in the foreground: the daemon says goodbye to a broker that is still there."""
    port = int(url().partition(":")[2])
    config = tmp_path / "site.yaml"
    config.write_text(f'device: {{id: t, state_dir: "{tmp_path}"}}\nmqtt: {{url: "embedded:{port}"}}\n')
    heard: SimpleQueue[bytes] = SimpleQueue()
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda client, *_: client.subscribe("edgefuse/t/status")
    client.on_message = lambda *args: heard.put(args[2].payload)
    command = [sys.executable, "-m", "edgefuse", "run", str(config)]
    with ExitStack() as stack:
        log = stack.enter_context((tmp_path / "log").open("wb"))
        daemon = stack.enter_context(subprocess.Popen(command, stderr=log, start_new_session=True))
        stack.callback(daemon.kill)
        anyio.run(until, lambda: connects(client, port))
        client.loop_start()
        stack.callback(client.loop_stop)
        online = heard.get(timeout=60)
        os.killpg(daemon.pid, signal.SIGINT)
        offline = heard.get(timeout=60)
        code = daemon.wait(60)
    assert (b"online" in online, b"offline" in offline, code) == (True, True, 0)
    assert "embedded broker died" not in (tmp_path / "log").read_text(encoding="utf-8")


def connects(client: Client, port: int) -> bool:
    """Whether the broker is there by now."""
    try:
        return client.connect("127.0.0.1", port) == MQTTErrorCode.MQTT_ERR_SUCCESS
    except OSError:
        return False


@needs_mosquitto
def test_it_dies_with_a_daemon_that_is_killed(tmp_path: Path) -> None:
    """kill -9 of the daemon leaves no broker behind, so that the next start finds its port free."""
    parent = subprocess.Popen([sys.executable, "-c", CHILD, url(), str(tmp_path)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    while (line := parent.stdout.readline()) and not line.endswith(b"up\n"):
        pass
    [broker] = [each for each in psutil.Process(parent.pid).children() if each.name() == "mosquitto"]
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs([broker], timeout=30)
    assert not alive


@pytest.mark.skipif(find_spec("iotcore") is None, reason="iotcore is not installed (extra `broker`)")
def test_iotcore_serves_where_there_is_no_mosquitto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker from PyPI speaks MQTT 3.1.1 to us and takes payloads of some size."""
    monkeypatch.setattr(module, "find_mosquitto", lambda: None)

    async def main() -> None:
        broker = EmbeddedBroker(url(), tmp_path, PartHealth("embedded", "broker"))
        async with anyio.create_task_group() as tasks:
            await tasks.start(broker.run)
            assert await use(broker) == "3.1.1"
            tasks.cancel_scope.cancel()

    anyio.run(main)


def test_mosquitto_is_found_outside_of_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon's PATH often lacks /usr/sbin, where Debian puts it."""
    if shutil.which("mosquitto", path="/usr/sbin") is None:
        pytest.skip("mosquitto is not in /usr/sbin")
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_mosquitto() == Path("/usr/sbin/mosquitto")
