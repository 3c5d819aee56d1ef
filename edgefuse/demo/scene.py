"""The recorded scene: made once, kept in the user's cache, the same every time."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from edgefuse.corpora.sounds import impacts, signals
from edgefuse.demo import picture, sound, story

_FILES = (__file__, story.__file__, sound.__file__, picture.__file__, impacts.__file__, signals.__file__)
_SCENE = """\
start: {start}
seconds: {seconds:g}
sources:
  hall_mic: {{file: hall.wav}}
  hall_cam: {{file: hall.avi, on_end: fail}}
  hall_climate: {{file: climate.csv}}
  hall_door: {{file: door.csv}}
"""


def cached_scene(tell: Callable[[str], None]) -> Path:
    """The folder of the scene; made now if it is not there. Raises ConfigError when it cannot be made."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgefuse" / "demo"
    folder = root / _key()
    if (folder / "scene.yaml").exists():
        return folder
    tell(f"making the scene, once: speech by {sound.synthesiser()}, pictures by OpenCV")
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root) as made:
        make_scene(Path(made))
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(made, folder)
    return folder


def make_scene(folder: Path) -> None:
    """Write sound, video, readings and, last, scene.yaml."""
    sound.make_sound(folder / "hall.wav")
    picture.make_video(folder / "hall.avi")
    make_readings(folder)
    text = _SCENE.format(start=story.START, seconds=story.RECORDED_S)
    (folder / "scene.yaml").write_text(text, encoding="utf-8")


def make_readings(folder: Path) -> None:
    """Write climate.csv and door.csv: a value every two seconds, the door also whenever it moves."""
    rows = [f"{t},{story.temperature(t):.2f},{story.humidity(t):.1f}" for t in range(0, int(story.RECORDED_S) + 1, 2)]
    climate = ["t,temperature,humidity", *rows]
    moves = {moment for span in story.DOOR_OPEN_S for moment in span} | {
        *range(0, int(story.RECORDED_S), 10),
        story.RECORDED_S,
    }
    door = ["t,contact", *(f"{t:g},{str(not story.door_is_open(t)).lower()}" for t in sorted(moves))]
    (folder / "climate.csv").write_text("\n".join(climate) + "\n", encoding="utf-8")
    (folder / "door.csv").write_text("\n".join(door) + "\n", encoding="utf-8")


def _key() -> str:
    """Changes with whatever changes the scene."""
    parts = [Path(name).read_bytes() for name in _FILES] + [sound.synthesiser().encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]
