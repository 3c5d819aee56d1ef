import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from edgefuse.app.build import read_site
from edgefuse.app.doctor import audio, cameras, gpu, models
from edgefuse.app.doctor.findings import Case, Finding
from edgefuse.config.models import Site
from edgefuse.core.ports import Probe
from edgefuse.engines import nvidia
from edgefuse.engines.select import Rung
from edgefuse.engines.serve import Choice
from edgefuse.pipeline.clock import SystemClock
from edgefuse.testing.fakes import FakeClock

Make = Callable[..., Case]
Put = Callable[[str, str], None]
NO = Probe(usable=False, reason="no driver; install one")
YES = Probe(usable=True, reason="TensorRT 10.3 on Orin")


def one(findings: Iterable[Finding]) -> Finding:
    (found,) = findings
    return found


def test_video_devices_are_named_by_their_driver(case: Make, put: Put) -> None:
    """The name comes from sysfs."""
    put("dev/video0", "")
    put("sys/class/video4linux/video0/name", "UVC Camera\n")

    assert one(cameras.check(case())).found == "/dev/video0 UVC Camera"


@pytest.mark.parametrize("text", ["", "sources: {cam: {type: camera, url: 0}}", None])
def test_no_camera_is_a_warning_only_where_nothing_is_configured(case: Make, text: str | None) -> None:
    """A configured camera has a line of its own, and a device without cameras needs none."""
    assert one(cameras.check(case(text))).state == ("warn" if text is None else "ok")


@pytest.mark.parametrize("url", ["0", "/dev/video7", "3"])
def test_a_configured_device_that_is_not_there_is_a_failure(case: Make, url: str) -> None:
    """The node is named, and nothing is opened."""
    made = case(f"sources: {{cam: {{type: camera, url: {url}}}}}", part="cam")

    found = one(cameras.check_source(made))

    assert (found.check, found.state) == ("source.cam", "fail")
    assert found.found.startswith("/dev/video")
    assert found.next


def test_a_stream_without_a_server_is_a_failure(case: Make) -> None:
    """Host and port are named; the password is not."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = case(f'sources: {{cam: {{type: camera, url: "rtsp://me:hush@127.0.0.1:{port}/x"}}}}', part="cam")

    found = one(cameras.check_source(made))

    assert found.state == "fail"
    assert f"127.0.0.1:{port}" in found.found
    assert "hush" not in str(found)


def test_a_file_that_is_no_video_is_a_failure(case: Make, tmp_path: Path) -> None:
    """It is opened as the daemon would open it."""
    (tmp_path / "notes.mp4").write_text("not a video")
    made = case("sources: {cam: {type: camera, url: notes.mp4}}", part="cam")

    found = one(cameras.check_source(made))

    assert found.state == "fail"
    assert "expected a video" in found.found


@pytest.mark.parametrize(("level", "state"), [(0, "warn"), (3000, "ok")])
def test_a_source_is_tried_until_it_gives_something(case: Make, tmp_path: Path, level: int, state: str) -> None:
    """A recording with sound is well; nothing but zeros is a warning, as of a muted microphone."""
    soundfile = pytest.importorskip("soundfile")
    sound = (level * np.sin(np.arange(32_000) / 5)).astype(np.int16)
    soundfile.write(tmp_path / "hall.wav", sound, 16_000)
    made = case("sources: {mic: {type: recorded, file: hall.wav}}", part="mic")

    assert one(audio.check_source(made)).state == state


def test_a_recording_that_is_missing_is_a_failure(case: Make) -> None:
    """The file is named."""
    made = case("sources: {mic: {type: recorded, file: gone.wav}}", part="mic")

    found = one(audio.check_source(made))

    assert found.state == "fail"
    assert "gone.wav" in found.found


def test_nothing_is_said_about_microphones_where_none_is_configured(case: Make) -> None:
    """One line, and it is ok."""
    assert one(audio.check(case(""))).found == "no microphone is configured"


def test_devices_are_listed_in_one_line() -> None:
    """Three by name, the rest by number; none is a warning with the next step."""
    assert audio.listed([]).state == "warn"
    assert audio.listed(["0: a", "1: b", "2: c", "3: d", "4: e"]).found == "0: a; 1: b; 2: c and 2 more"


def test_a_device_that_may_not_be_opened_is_a_warning(case: Make, put: Put) -> None:
    """The group to join is named."""
    if os.geteuid() == 0:
        pytest.skip("root may open everything")
    put("dev/video0", "")
    next(iter((case().root / "dev").iterdir())).chmod(0)

    found = next(iter(cameras.check(case())))

    assert (found.check, found.state) == ("permission", "warn")
    assert "video" in found.next


def test_models_that_are_missing_are_told(case: Make) -> None:
    """Where nothing may be fetched, a model that a detector needs is a failure; what nobody needs is not told."""
    made = case("sources: {cam: {type: camera, url: 0}}\ndetectors: {people: {type: objects, on: [cam]}}")

    found = {finding.check: finding for finding in models.check(made)}

    assert found["nanodet"].state == "fail"
    assert "edgefuse models pull nanodet" in found["nanodet"].next
    assert set(found) == {"here", "nanodet"}


def test_a_damaged_model_is_a_failure(case: Make, tmp_path: Path) -> None:
    """Its hash is another."""
    (tmp_path / "models" / "nanodet").mkdir(parents=True)
    (tmp_path / "models" / "nanodet" / "nanodet.onnx").write_text("flipped")

    found = {finding.check: finding for finding in models.check(case(""))}

    assert found["nanodet"].state == "fail"


def test_a_broken_catalogue_is_a_failure(case: Make, tmp_path: Path) -> None:
    """It is told, and nothing crashes."""
    looked = case("")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "catalogue.yaml").write_text("nanodet: 3")

    assert one(models.check(looked)).state == "fail"
    assert list(gpu.check(looked))


def test_an_engine_that_nobody_knows_is_a_failure(tmp_path: Path) -> None:
    """A backend that is gone since the file was read: models and engines say so, each in its own words."""
    models_section = {"dir": tmp_path, "engine": "abacus"}
    made = Case(Site.model_validate({"device": {"id": "hall"}, "models": models_section}), SystemClock())

    assert {finding.check: finding.state for finding in gpu.check(made)}["abacus"] == "fail"
    assert all(finding.found for finding in models.check(made))


def test_a_gpu_is_known_by_its_nodes_or_its_place_on_the_bus(case: Make, put: Put) -> None:
    """A card without a driver has no nodes, and that is a warning."""
    root = case().root
    assert not nvidia.has_gpu(root)

    put("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n")

    assert nvidia.has_gpu(root)
    assert (next(gpu.check(case())).check, next(gpu.check(case())).state) == ("gpu", "warn")


def test_nodes_that_may_not_be_opened_are_told(case: Make, put: Put) -> None:
    """On a Jetson nvmap is only read; a render node that is closed is named, with the groups."""
    root = case().root
    put("etc/nv_tegra_release", "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic\n")
    put("dev/nvmap", "")
    assert [path.name for path in nvidia.closed_nodes(root, lambda _, how: how == os.R_OK)] == []

    put("dev/dri/renderD128", "")
    closed = nvidia.closed_nodes(root, lambda _, how: how == os.R_OK)
    assert [path.name for path in closed] == ["renderD128"]


@pytest.mark.parametrize(("name", "probe", "wanted", "there", "state"), [
    ("tensorrt", YES, False, True, "ok"), ("tensorrt", NO, False, False, "ok"), ("tensorrt", NO, False, True, "warn"),
    ("tensorrt", NO, True, False, "fail"), ("onnx", NO, False, False, "fail"),
])  # fmt: skip
def test_a_backend_that_cannot_work_is_bad_where_it_could(
    name: str, probe: Probe, *, wanted: bool, there: bool, state: str
) -> None:
    """Without a GPU it is well; with one a warning; where it is asked for, a failure."""
    assert gpu.backend(name, probe, wanted=wanted, gpu=there).state == state


@pytest.mark.parametrize(("text", "names"), [
    (None, set()), ("engine: cpu", {"onnx"}), ("per_model: {nanodet: {engine: tensorrt}}", {"tensorrt"}),
])  # fmt: skip
def test_the_engines_that_are_asked_for_are_backends(tmp_path: Path, text: str | None, names: set[str]) -> None:
    """`cpu` is onnx, `auto` asks for nothing, and single models count."""
    path = tmp_path / "site.yaml"
    path.write_text(f"device: {{id: hall}}\nmodels:\n  {text}\n")

    assert gpu.engines_wanted(Case(read_site(path) if text else None, FakeClock())) == names


ORIN_NANO = """
< PARAM TYPE=FILE NAME=CPU_ONLINE >
CORE_1 /sys/devices/system/cpu/cpu1/online
< POWER_MODEL ID=0 NAME=15W >
CPU_ONLINE CORE_0 1
< POWER_MODEL ID=1 NAME=25W >
< POWER_MODEL ID=2 NAME=MAXN_SUPER >
< PM_CONFIG DEFAULT=1 >
"""
XAVIER = "< POWER_MODEL ID=0 NAME=MODE_10W_DESKTOP >\n< POWER_MODEL ID=8 NAME=MODE_20W_6CORE >\n"
OTHER = "< POWER_MODEL ID=0 NAME=QUIET >\n< POWER_MODEL ID=1 NAME=15W >\n"


@pytest.mark.parametrize(("modes", "status", "state", "found"), [
    (ORIN_NANO, "pmode:0000 fmode:fanNull\n", "warn", "power mode 0, 15W; the highest is 2, MAXN_SUPER"),
    (ORIN_NANO, "pmode:0002 fmode:fanNull\n", "ok", "power mode 2, MAXN_SUPER"),
    (XAVIER, "pmode:0000", "warn", "power mode 0, MODE_10W_DESKTOP; the highest is 8, MODE_20W_6CORE"),
    (XAVIER, "pmode:0008", "ok", "power mode 8, MODE_20W_6CORE"),
    (OTHER, "pmode:0000", "ok", "power mode 0, QUIET"),
    (OTHER, "pmode:0003", "ok", "power mode 3"),
    ("", "pmode:0001", "ok", "power mode 1"),
    (ORIN_NANO, "", "warn", "the power mode is not known"),
])  # fmt: skip
def test_a_jetson_tells_its_release_and_power_mode(
    put: Put, case: Make, modes: str, status: str, state: str, found: str
) -> None:
    """The mode has the name of this board; less than the highest that can be told is a warning."""
    root = case().root
    assert list(gpu.jetson(root)) == []

    put("etc/nv_tegra_release", "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic\n")
    put("proc/device-tree/model", "NVIDIA Jetson Orin Nano\0")
    put("etc/nvpmodel.conf", modes)
    put("var/lib/nvpmodel/status", status)
    board, power = gpu.jetson(root)

    assert board.found == "NVIDIA Jetson Orin Nano, Jetson Linux 36.4.3"
    assert (power.state, power.found) == (state, found)


def choice(backend: str, asked: tuple[str, str], missing: Rung | None = None) -> Choice:
    return Choice("nanodet", backend, "fp32", Path("m"), f"{backend}: {NO.reason}", asked, missing)


def test_the_engine_of_a_model_is_told() -> None:
    """Less than was asked for, or one that is still to be built, is a warning with the command."""
    probes = {"tensorrt": NO, "onnx": YES}
    good = gpu.served(choice("onnx", ("auto", "auto")), probes)
    less = gpu.served(choice("onnx", ("tensorrt", "fp16")), probes)
    later = gpu.served(choice("onnx", ("auto", "auto"), Rung("tensorrt", "fp16", "", build=True)), probes)

    assert (good.state, good.found) == ("ok", "cpu fp32: onnx: tensorrt cannot be used")
    assert less.found.startswith("not tensorrt fp16 but cpu fp32")
    assert (less.state, later.state) == ("warn", "warn")
    assert "edgefuse models build nanodet" in later.next
