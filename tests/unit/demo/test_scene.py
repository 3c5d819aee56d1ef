import shutil
import wave
from pathlib import Path

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.demo import picture, scene, sound, story
from edgefuse.sources.scene import read_scene

needs_voice = pytest.mark.skipif(
    not (shutil.which("flite") or shutil.which("espeak-ng")), reason="neither flite nor espeak-ng is installed"
)


def two_folders(tmp_path: Path) -> tuple[Path, Path]:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    return one, other


@needs_voice
def test_sound_is_the_same_every_time(tmp_path: Path) -> None:
    """Made twice, the recording has the same bytes: 95 s, 16 kHz, mono, 16 bit."""
    one, other = two_folders(tmp_path)

    sound.make_sound(one / "hall.wav")
    sound.make_sound(other / "hall.wav")

    assert (one / "hall.wav").read_bytes() == (other / "hall.wav").read_bytes()
    with wave.open(str(one / "hall.wav")) as wav:
        assert wav.getparams()[:4] == (1, 2, 16000, 95 * 16000)


@needs_voice
def test_speech_is_where_the_story_says(tmp_path: Path) -> None:
    """Speech begins at each line's second, the pane breaks at its own, and the room is quiet before."""
    sound.make_sound(tmp_path / "hall.wav")
    with wave.open(str(tmp_path / "hall.wav")) as wav:
        pcm = np.frombuffer(wav.readframes(wav.getnframes()), "<i2").astype(float)

    for at_s in (*(line.at_s for line in story.LINES), story.GLASS_S):
        begin = int(at_s * 16000)
        assert np.abs(pcm[begin : begin + 32000]).max() > 3000
        assert np.abs(pcm[begin - 16000 : begin]).max() < 200


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
def test_second_synthesiser_gives_the_same_rate(tmp_path: Path) -> None:
    """espeak-ng, which speaks at 22 kHz, is brought to 16 kHz: the phrase keeps its length in seconds."""
    phrase = sound.speak("espeak-ng", "slt", "turn on the hall light", tmp_path)

    assert 0.8 < len(phrase) / 16000 < 3


def test_no_synthesiser_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a synthesiser the error names a package that brings one."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ConfigError, match="apt-get install flite"):
        sound.synthesiser()


def test_readings_are_the_same_every_time(tmp_path: Path) -> None:
    """Made twice, the tables have the same bytes."""
    one, other = two_folders(tmp_path)

    scene.make_readings(one)
    scene.make_readings(other)

    for name in ("climate.csv", "door.csv"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    assert "33,false\n35.5,true\n" in (one / "door.csv").read_text()


def test_video_ends_when_the_camera_dies(tmp_path: Path) -> None:
    """The video has 8 pictures a second until 0:50, and a person only while somebody walks."""
    cv2 = pytest.importorskip("cv2")
    pytest.importorskip("skimage")
    picture.make_video(tmp_path / "hall.avi")

    capture = cv2.VideoCapture(str(tmp_path / "hall.avi"))
    frames = []
    while (got := capture.read())[0]:
        frames.append(got[1])
    capture.release()

    assert len(frames) == 400
    assert frames[0].shape == (480, 854, 3)
    changed = [float(np.mean(np.abs(frames[n].astype(int) - frames[0].astype(int)))) for n in (100, 200, 360)]
    assert changed[0] < 0.5
    assert min(changed[1:]) > 5


@needs_voice
def test_scene_is_read_by_the_recorded_source(tmp_path: Path) -> None:
    """scene.yaml names four recordings that exist; the camera fails at its end."""
    pytest.importorskip("cv2")
    pytest.importorskip("skimage")
    scene.make_scene(tmp_path)

    read = read_scene(tmp_path)

    assert sorted(read.sources) == ["hall_cam", "hall_climate", "hall_door", "hall_mic"]
    assert read.sources["hall_cam"].on_end == "fail"
    assert all(source.file.exists() for source in read.sources.values())
