from pathlib import Path

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.corpora import corpus as corpora
from edgefuse.corpora import traffic, video
from edgefuse.corpora.cutouts import Cutout

COMPOSED = {"video": {"scenes": 8}, "traffic": {"scenes": 8}, "emotion": {"scenes": 4}}


@pytest.mark.data
@pytest.mark.parametrize("name", COMPOSED)
def test_every_background_comes_once_with_each_class(name: str, data_dir: Path) -> None:
    """So a background cannot tell classes apart; classes are balanced in every pool, and there are four pools."""
    corpus = corpora.load(name, data_dir, COMPOSED[name])
    for raw in corpus.background.values():
        rows = [row.tobytes() if isinstance(row, np.ndarray) else row for row in raw.data]
        for k in range(0, len(corpus), 3):
            assert rows[k] == rows[k + 1] == rows[k + 2]
    assert corpus.labels.tolist() == [0, 1, 2] * (len(corpus) // 3)
    assert len(np.unique(corpus.groups)) == 4
    assert corpus.rule is not None
    assert np.allclose(corpus.rule.sum(1), 1)


def test_what_is_composed_is_the_same_every_time() -> None:
    """A seed fixes every sample, and another gives others."""
    car = Cutout(np.full((40, 20, 3), 200, np.uint8), np.ones((40, 20), np.float32), 0.0)
    road = np.full((108, 48, 3), 80, np.uint8)
    one, same, other = (traffic._scene(np.random.default_rng(seed), [car], road) for seed in (1, 1, 2))
    for clip, again, different in zip(one, same, other, strict=True):
        for name in ("vision", "sound", "position", "road", "noise"):
            assert np.array_equal(clip[name], again[name], equal_nan=name == "position")
            assert not np.array_equal(clip[name], different[name])


@pytest.mark.parametrize("name", COMPOSED)
def test_unknown_options_are_refused(name: str, tmp_path: Path) -> None:
    """A mistake in a recipe is not passed over."""
    with pytest.raises(ConfigError, match="scnes"):
        corpora.load(name, tmp_path, {"scnes": 3})


def test_the_rule_for_traffic_wants_a_tone_and_looks_at_the_track() -> None:
    """A tone and a vehicle that closes in is an approach; noise is none, whatever the track."""
    t = np.arange(20480) / 8000
    rng = np.random.default_rng(1)
    tone = (np.sin(2 * np.pi * 900 * t) * 9000).astype(np.int16)
    noise = rng.normal(0, 3000, 20480).astype(np.int16)
    track = np.zeros((4, traffic.TRACK, 5), np.float32)
    track[:, :, 0] = np.linspace(1, 0.1, traffic.TRACK)
    track[1] = track[1, ::-1]
    track[3, 2:5] = np.nan
    said = traffic.rule(np.stack([tone, tone, noise, tone]), track)
    assert said.argmax(1).tolist() == [1, 2, 0, 1]


def test_the_rule_for_video_says_nobody_when_nothing_moves_or_sounds() -> None:
    """A still picture and silence."""
    frames = np.full((1, 8, 36, 64, 3), 90, np.uint8)
    assert video.rule(frames, np.zeros((1, 20480), np.int16)).argmax(1).tolist() == [0]
