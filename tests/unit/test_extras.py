"""Nobody needs, or pays for, what is not configured."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "cuda", "cv2", "ctranslate2", "faster_whisper", "hassil", "iotcore", "onnx", "onnxruntime", "pyaudio",
    "pymicro_wakeword", "skimage", "soundfile", "soxr", "tensorrt", "torch", "wyoming",
)  # fmt: skip
SENSORS = """
device: {id: bare, area: hall}
mqtt: {url: "mqtt://127.0.0.1:1"}
sources:
  air: {type: mqtt, topic: air}
detectors:
  climate: {type: climate, on: [air]}
beliefs:
  hall.hot:
    prior: 0.05
    evidence: [{from: air, label: temperature, above: 40, if_true: 0.9, if_false: 0.01}]
"""
_RUN = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1].split(","):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, Absent())
from edgefuse.cli import main
code = main(sys.argv[3:])
print(sorted(set(sys.modules) & set(sys.argv[2].split(","))), file=sys.stderr)
sys.exit(code)
"""


def edgefuse(absent: tuple[str, ...], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command in a process of its own, without the named libraries; its last line is what it loaded of HEAVY."""
    command = [sys.executable, "-c", _RUN, ",".join(absent), ",".join(HEAVY), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def sensors(tmp_path: Path) -> Path:
    """A configuration with nothing but sensors."""
    path = tmp_path / "sensors.yaml"
    path.write_text(SENSORS, encoding="utf-8")
    return path


def test_checking_sensors_loads_no_library_of_an_extra(sensors: Path) -> None:
    """`edgefuse check` of a file with MQTT sensors alone imports neither OpenCV nor any other heavy library."""
    done = edgefuse((), "check", str(sensors))

    assert (done.returncode, done.stderr.splitlines()) == (0, ["[]"])


@pytest.mark.parametrize("command", ["check", "schema"])
def test_commands_work_without_any_extra(sensors: Path, command: str) -> None:
    """`edgefuse check` and `edgefuse schema` need the base installation alone."""
    done = edgefuse(HEAVY, command, *([str(sensors)] if command == "check" else []))

    assert done.returncode == 0, done.stderr
    assert '"camera"' in done.stdout if command == "schema" else "good" in done.stdout


def test_building_sensors_loads_no_library_of_an_extra(sensors: Path, tmp_path: Path) -> None:
    """The whole daemon of a file with MQTT sensors alone replays a table without any extra."""
    (tmp_path / "air.csv").write_text("t,temperature\n0,20\n1,55\n", encoding="utf-8")
    scene = "start: 2025-03-01T18:00:00Z\nseconds: 3\nsources:\n  air: {file: air.csv}\n"
    (tmp_path / "scene.yaml").write_text(scene, encoding="utf-8")
    done = edgefuse(HEAVY, "replay", str(tmp_path), "--config", str(sensors))

    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "[]"), done.stderr
    assert "belief/hall/hot" in done.stdout


SOUND = "  ears: {type: recorded, file: a.wav}"
PARTS = {
    "camera": ("cv2", "  eyes: {type: camera, url: 0}", ""),
    "recorded video": ("cv2", "  eyes: {type: recorded, file: a.avi}", ""),
    "objects": ("cv2", "  eyes: {type: recorded, file: a.avi}", "  people: {type: objects, on: [eyes]}"),
    "microphone": ("pyaudio", "  ears: {type: microphone}", ""),
    "recorded sound": ("soundfile", SOUND, ""),
    "sentences": ("hassil", SOUND, "  voice: {type: voice, on: [ears]}"),
}
EXTRAS = {"cv2": "camera", "pyaudio": "mic", "soundfile": "media", "hassil": "voice"}


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_extra_is_named(part: str, tmp_path: Path) -> None:
    """A part whose library is absent stops the daemon with exit code 78 and says what to install."""
    library, source, detector = PARTS[part]
    path = tmp_path / "site.yaml"
    text = f"device: {{id: bare, state_dir: state}}\nmqtt: {{url: 'mqtt://127.0.0.1:1'}}\nsources:\n{source}\n"
    path.write_text(text + (f"detectors:\n{detector}\n" if detector else ""), encoding="utf-8")
    done = edgefuse((library,), "run", str(path), "--log", "json")

    assert done.returncode == 78, done.stderr
    assert f"pip install 'edgefuse[{EXTRAS[library]}]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_missing_extra_is_told_at_once(tmp_path: Path) -> None:
    """Two parts without their libraries are one error with both, each said once."""
    path = tmp_path / "site.yaml"
    eyes = "".join(f"  {name}: {{type: camera, url: 0}}\n" for name in ("left", "right"))
    text = f"device: {{id: bare, state_dir: state}}\nsources:\n{eyes}  ears: {{type: microphone}}\n"
    path.write_text(text, encoding="utf-8")
    done = edgefuse(("cv2", "pyaudio"), "run", str(path), "--log", "json")

    assert done.stderr.count("edgefuse[camera]") == done.stderr.count("edgefuse[mic]") == 1, done.stderr
