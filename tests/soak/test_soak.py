import json
import os
import signal
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from statistics import median
from string import Template

import psutil
import pytest

from edgefuse.config.yaml import parse
from edgefuse.demo.daemon import free_port
from edgefuse.demo.scene import cached_scene
from edgefuse.demo.watch import Watcher
from edgefuse.pipeline.clock import SystemClock
from edgefuse.testing.process import DaemonProcess, running_daemon

MINUTES = float(os.environ.get("EDGEFUSE_SOAK_MINUTES", "0"))
EVERY_S = 10
WARM_S = 120
LEAST_MINUTES = 5
pytestmark = [
    pytest.mark.skipif(not MINUTES, reason="runs for long: `make soak MINUTES=480`"),
    pytest.mark.timeout(0),
]


def looped_config(folder: Path, port: int) -> Path:
    """The demo's configuration with recordings that go round and round."""
    template = Template(files("edgefuse.demo").joinpath("demo.yaml").read_text("utf-8"))
    text = template.substitute(scene=cached_scene(print), state=folder / "state", port=port)
    site = parse(text.encode()).data
    for source in site["sources"].values():
        source["on_end"] = "loop"
    path = folder / "soak.yaml"
    path.write_text(json.dumps(site))
    return path


def samples(daemon: DaemonProcess) -> Iterator[tuple[float, int, int]]:
    """MB, threads and open files every ten seconds; the broker is killed every minute."""
    process = psutil.Process(daemon.process.pid)
    for n in range(int(MINUTES * 60 / EVERY_S)):
        time.sleep(EVERY_S)
        assert process.is_running(), daemon.output()[-2000:]
        if n % 6 == 5:
            for child in process.children():
                if child.name() == "mosquitto":
                    child.send_signal(signal.SIGKILL)
        yield process.memory_info().rss / 2**20, process.num_threads(), process.num_fds()


def test_daemon_neither_grows_nor_stops(tmp_path: Path) -> None:
    """Looped sound, video and readings, a broker that dies every minute: memory, threads and files stay level
    and orders go on being obeyed."""
    assert MINUTES >= LEAST_MINUTES, f"expected at least {LEAST_MINUTES} minutes (two to warm up), got {MINUTES:g}"
    port = free_port(0)
    watcher = Watcher(SystemClock(), {})
    with running_daemon(looped_config(tmp_path, port)) as daemon:
        assert watcher.connect(port)
        taken = list(samples(daemon))
        code = daemon.stop()
    watcher.close()
    orders = [message for message in watcher.rest() if message.topic == "edgefuse/demo/intent"]

    warm = taken[WARM_S // EVERY_S :]
    quarter = max(1, len(warm) // 4)
    first, last = warm[:quarter], warm[-quarter:]
    grown = [median(each[i] for each in last) / median(each[i] for each in first) for i in range(3)]
    print(f"orders {len(orders)}, growth of memory, threads, files: {', '.join(f'{ratio:.3f}' for ratio in grown)}")
    assert code == 0
    assert max(grown) < 1.1, f"first {first}, last {last}"
    assert len(orders) >= MINUTES / 2
