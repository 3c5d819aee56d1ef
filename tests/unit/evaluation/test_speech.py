"""Evaluating orders and wake words."""

import json
from pathlib import Path

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.evaluation import voice, wake
from edgefuse.evaluation.clips import clips, read


def write(path: Path, rate: int = 16_000, channels: int = 1) -> Path:
    soundfile = pytest.importorskip("soundfile")
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full((rate // 10, channels), 100, np.int16), rate)
    return path


def test_clip_is_read_as_mono(tmp_path: Path) -> None:
    """Two channels become one."""
    assert read(write(tmp_path / "a.wav", channels=2)).tolist() == [100] * 1600


def test_clip_of_another_rate_is_refused(tmp_path: Path) -> None:
    """The message names the file, what was expected and what was found."""
    with pytest.raises(ConfigError, match=r"a\.wav: expected 16000 Hz, got 8000 Hz"):
        read(write(tmp_path / "a.wav", rate=8000))


def test_clip_that_is_no_sound_is_refused(tmp_path: Path) -> None:
    """The message names the file."""
    path = tmp_path / "a.wav"
    path.write_text("no sound", "utf-8")

    with pytest.raises(ConfigError, match=r"a\.wav: cannot be read"):
        read(path)


def test_folder_without_clips_is_refused(tmp_path: Path) -> None:
    """The message names the folder."""
    with pytest.raises(ConfigError, match="nothing_here"):
        clips(tmp_path / "nothing_here")
    write(tmp_path / "alexa" / "a.wav")
    with pytest.raises(ConfigError, match="other: expected"):
        wake.evaluate(tmp_path)


@pytest.mark.parametrize("labels", ["[]", "{}", "no json", '{"a": {"slots": {}}}'])
def test_labels_of_another_layout_are_refused(tmp_path: Path, labels: str) -> None:
    """labels.json must map a clip to its intent and slots."""
    write(tmp_path / "a.wav")
    (tmp_path / "labels.json").write_text(labels, "utf-8")

    with pytest.raises(ConfigError, match=r"labels\.json: expected"):
        voice.evaluate(tmp_path)


def test_label_without_a_clip_is_refused(tmp_path: Path) -> None:
    """The missing clip is named."""
    (tmp_path / "labels.json").write_text(json.dumps({"gone": {"intent": "x", "slots": {}}}), "utf-8")

    with pytest.raises(ConfigError, match=r"no gone\.flac"):
        voice.evaluate(tmp_path)


@pytest.mark.models
@pytest.mark.data
def test_orders_are_understood(data_dir: Path) -> None:
    """Ten real orders: the figures have their keys, and at least nine are exact."""
    try:
        result = voice.evaluate(data_dir / "spoken_orders", limit=10)
    except ModelError as error:
        pytest.skip(str(error).splitlines()[0])

    assert list(result)[:4] == ["n", "exact", "slot_accuracy", "rejected"]
    assert result["n"] == 10
    assert result["exact"] >= 0.9
    assert result["cpu_s_per_utterance"] > 0


@pytest.mark.models
@pytest.mark.data
def test_wake_word_is_heard(data_dir: Path) -> None:
    """Twenty real calls are all heard, and twenty other words open nothing."""
    try:
        result = wake.evaluate(data_dir / "wake_word", limit=20)
    except ModelError as error:
        pytest.skip(str(error).splitlines()[0])

    assert list(result)[:5] == ["n", "miss_rate", "false_accepts", "hours", "rtf"]
    assert (result["n"], result["miss_rate"], result["false_accepts"]) == (20, 0.0, 0)


@pytest.mark.models
@pytest.mark.data
def test_wake_word_that_is_never_reached_is_missed(data_dir: Path) -> None:
    """A threshold of almost 1 misses what the default hears: the figures follow the threshold."""
    try:
        strict = wake.evaluate(data_dir / "wake_word", limit=20, threshold=0.9999)
    except ModelError as error:
        pytest.skip(str(error).splitlines()[0])

    assert strict["miss_rate"] > 0
