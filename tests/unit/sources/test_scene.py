from pathlib import Path

import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.sources.camera import Camera
from edgefuse.sources.scene import read_scene

SCENE = """
start: 2025-03-01T18:00:00Z
seconds: 90
sources:
  mic: {file: hall.flac}
  cam: {file: hall.mp4, on_end: fail, fps: 5}
  climate: {file: climate.csv, at_s: 5}
"""


def test_a_scene_is_read(tmp_path: Path) -> None:
    """Files are relative to the folder, and tables count from the start of the scene."""
    (tmp_path / "scene.yaml").write_text(SCENE)
    scene = read_scene(tmp_path)

    assert scene.start.isoformat() == "2025-03-01T18:00:00+00:00"
    assert scene.seconds == 90
    assert list(scene.sources) == ["mic", "cam", "climate"]
    assert scene.sources["climate"].file == tmp_path / "climate.csv"
    assert scene.sources["climate"].start == scene.start
    assert scene.sources["cam"].on_end == "fail"


def test_a_recording_stands_in_for_a_source(tmp_path: Path) -> None:
    """It takes area, zones and masks of the source it replaces, but for what the scene says itself."""
    (tmp_path / "scene.yaml").write_text(SCENE)
    camera = Camera.Config.model_validate(
        {"type": "camera", "url": 0, "area": "hall", "fps": 10, "zones": {"door": [[0, 0], [1, 0], [1, 1]]}}
    )
    config = read_scene(tmp_path).config_for("cam", camera)

    assert (config.area, config.fps, config.on_end, config.type) == ("hall", 5, "fail", "recorded")
    assert config.zones == camera.zones


def test_mistakes_in_a_scene_are_told_with_their_place(tmp_path: Path) -> None:
    """All at once, each with line and column."""
    (tmp_path / "scene.yaml").write_text(SCENE.replace("seconds: 90", "seconds: -1").replace("hall.flac", "hall.doc"))
    with pytest.raises(ConfigError) as error:
        read_scene(tmp_path)

    assert len(error.value.problems) == 2
    assert any(problem.startswith(f"{tmp_path / 'scene.yaml'}:3:10: seconds: ") for problem in error.value.problems)
    assert any(":5:" in problem and "sources.mic.file" in problem for problem in error.value.problems)


def test_mistakes_in_a_scene_are_told_as_those_of_a_configuration(tmp_path: Path) -> None:
    """In the same words: what was expected, and what we got."""
    (tmp_path / "scene.yaml").write_text("start: soon\nsources: {air: {fil: air.csv}}\n")
    with pytest.raises(ConfigError) as error:
        read_scene(tmp_path)

    assert [problem.removeprefix(f"{tmp_path}/") for problem in error.value.problems] == [
        "scene.yaml:1:8: start: expected a date and time, got 'soon'",
        "scene.yaml:2:16: sources.air.file: expected 'file', got nothing",
        "scene.yaml:2:17: sources.air.fil: expected no key of this name; did you mean 'file'?",
    ]


@pytest.mark.parametrize(
    "text", [None, "a: [", "sources: 5", "sources: {a: 1}", "start: soon\nsources: {a: {file: x.wav}}"]
)
def test_what_is_no_scene_is_a_config_error(tmp_path: Path, text: str | None) -> None:
    """Missing, broken and wrong files all say where and what."""
    if text is not None:
        (tmp_path / "scene.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"scene\.yaml"):
        read_scene(tmp_path)
