from collections.abc import Callable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
from pydantic import ValidationError

from edgefuse.core.errors import SourceError
from edgefuse.core.ports import Context
from edgefuse.core.types import SECOND, AudioChunk, Frame, Reading, Sample
from edgefuse.sources.recorded import Recorded

pytestmark = pytest.mark.anyio


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """A fifth of a second of noise."""
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(1).integers(-9000, 9000, 3200).astype(np.int16), 16_000)
    return path


def _recorded(context: Context, file: Path, **config: object) -> Recorded:
    return Recorded(Recorded.Config.model_validate({"file": file, "area": "hall", **config}), context)


async def test_sound_lies_on_the_time_line(context: Context, wav: Path) -> None:
    """Chunks follow each other from `at_s` on; the last is filled up."""
    recorded = _recorded(context, wav, at_s=1)
    chunks = list(recorded.timeline())

    assert recorded.modality == "audio"
    assert [chunk.t for chunk in chunks] == [SECOND + n * 64_000_000 for n in range(4)]
    assert {len(chunk.pcm) for chunk in chunks if isinstance(chunk, AudioChunk)} == {1024}


async def test_video_lies_on_the_time_line(context: Context, video: Callable[..., Path]) -> None:
    """Pictures have the times of the file, a cap of fps leaves out evenly, masks are burnt in."""
    mask = {"all": [[0, 0], [1, 0], [1, 1], [0, 1]]}
    frames = list(_recorded(context, video(), at_s=2, fps=10, masks=mask).timeline())

    assert [frame.t for frame in frames] == [2 * SECOND + n * SECOND // 10 for n in range(5)]
    assert not any(frame.image.any() for frame in frames if isinstance(frame, Frame))


async def test_a_folder_of_pictures_is_played_in_natural_order(context: Context, tmp_path: Path) -> None:
    """p10 comes after p9; a broken picture is counted; other files are no pictures."""
    for n in (9, 10, 1):
        cv2.imwrite(str(tmp_path / f"p{n}.png"), np.full((20, 20, 3), n, np.uint8))
    (tmp_path / "p2.png").write_bytes(b"broken")
    (tmp_path / "notes.txt").write_text("x")
    frames = list(_recorded(context, tmp_path, picture_fps=2).timeline())

    assert [(frame.t, int(frame.image[0, 0, 0])) for frame in frames if isinstance(frame, Frame)] == [
        (0, 1),
        (SECOND, 9),
        (3 * SECOND // 2, 10),
    ]
    assert context.health.rejected == 1


async def test_readings_lie_on_the_time_line(context: Context, tmp_path: Path) -> None:
    """A table gives Readings; a row's own area wins."""
    (tmp_path / "a.csv").write_text("t,quantity,value,area\n0.5,temperature,20,\n1,temperature,21,attic\n")

    assert list(_recorded(context, tmp_path / "a.csv", at_s=1).timeline()) == [
        Reading("part", "hall", 3 * SECOND // 2, "temperature", 20.0, "degC"),
        Reading("part", "attic", 2 * SECOND, "temperature", 21.0, "degC"),
    ]


async def test_a_loop_continues_where_it_ended(context: Context, wav: Path, video: Callable[..., Path]) -> None:
    """The second round follows the first without a gap."""
    for file, step in ((wav, 64_000_000), (video(frames=3), SECOND // 20)):
        times = [sample.t for sample in islice(_recorded(context, file, on_end="loop").timeline(), 12)]

        assert times == [n * step for n in range(12)]


async def test_twice_the_same_recording_gives_the_same_samples(context: Context, tmp_path: Path) -> None:
    """Also where sound must be resampled."""
    path = tmp_path / "a.flac"
    soundfile.write(path, np.random.default_rng(1).normal(0, 0.2, (30_000, 2)), 44_100)
    first, second = (
        [(s.t, s.pcm.tobytes()) for s in _recorded(context, path).timeline() if isinstance(s, AudioChunk)] for _ in "ab"
    )

    assert first == second
    assert len(first) > 10


async def test_run_paces_by_the_clock(context: Context, samples: list[Sample], wav: Path) -> None:
    """In real time a chunk comes when its last sample has been heard, stamped by the clock."""
    begin = context.clock.now()
    await _recorded(context, wav).run(samples.append)
    end = context.clock.now()

    assert len(samples) == 4
    assert begin <= samples[0].t <= samples[-1].end <= end
    assert end - begin >= 4 * 64_000_000


async def test_fast_does_not_wait(context: Context, samples: list[Sample], wav: Path) -> None:
    """`pace: fast` plays an hour at once."""
    await _recorded(context, wav, pace="fast", at_s=3600).run(samples.append)

    assert len(samples) == 4


async def test_fail_is_a_device_that_stays_unplugged(context: Context, samples: list[Sample], wav: Path) -> None:
    """At the end, and at every restart, there is a SourceError and nothing more is played."""
    recorded = _recorded(context, wav, on_end="fail", pace="fast")
    with pytest.raises(SourceError, match="ends here"):
        list(recorded.timeline())
    for _ in range(2):
        with pytest.raises(SourceError, match="unplugged"):
            await recorded.run(samples.append)

    assert len(samples) == 4


async def test_missing_and_empty_recordings_are_source_errors(context: Context, tmp_path: Path) -> None:
    """Each kind says which file and what was wrong."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "none.csv").write_text("t,x\n")
    for name, words in (
        ("gone.wav", "readable sound"),
        ("gone.mp4", "no such file"),
        ("gone", "no such file or folder"),
        ("gone.csv", "readable table"),
        ("empty", "nothing that can be played"),
        ("none.csv", "nothing that can be played"),
    ):
        with pytest.raises(SourceError, match=words) as error:
            list(_recorded(context, tmp_path / name).timeline())
        assert name in str(error.value)


async def test_unknown_files_are_refused_before_start(tmp_path: Path) -> None:
    """A suffix that nobody can play is a mistake in the configuration."""
    with pytest.raises(ValidationError, match="expected a folder of pictures"):
        Recorded.Config.model_validate({"file": tmp_path / "a.docx"})


@pytest.mark.data
async def test_a_real_video_is_played(context: Context, data_dir: Path) -> None:
    """30 s of traffic at 12.5 pictures a second, two of them taken per second."""
    frames = list(_recorded(context, data_dir / "video" / "car-detection.mp4", fps=2, size=[320, 240]).timeline())

    assert len(frames) == 61
    assert frames[-1].t <= 30.2 * SECOND
