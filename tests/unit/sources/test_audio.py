from pathlib import Path

import numpy as np
import pytest
import soundfile

from edgefuse.core.errors import SourceError
from edgefuse.core.health import PartHealth
from edgefuse.sources.audio import Chunker, ToMono16k, read_audio


def _tone(rate: int, seconds: float, hz: float = 440) -> np.ndarray:
    return (np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate) * 10_000).astype(np.int16)


def test_16_khz_mono_passes_unchanged() -> None:
    """What needs no conversion is not touched."""
    tone = _tone(16_000, 0.1)

    assert np.array_equal(ToMono16k(16_000).push(tone.reshape(-1, 1)), tone)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_other_rates_keep_pitch_level_and_length(rate: int) -> None:
    """Stereo at any rate becomes the same tone at 16 kHz, block by block, without a sample lost."""
    convert = ToMono16k(rate)
    stereo = np.stack([_tone(rate, 1)] * 2, axis=1)
    blocks = [convert.push(stereo[at : at + 1000]) for at in range(0, rate, 1000)]
    held = convert.held
    blocks.append(convert.push(np.zeros((0, 2), np.int16), last=True))
    out = np.concatenate(blocks)

    assert held == pytest.approx(len(blocks[-1]), abs=2)
    assert len(out) == pytest.approx(16_000, abs=2)
    assert int(np.abs(np.fft.rfft(out[:16_000])).argmax()) == pytest.approx(440, abs=1)
    assert np.abs(out[2000:-2000]).max() == pytest.approx(10_000, rel=0.02)
    assert np.abs(out[100:15_000] - _tone(16_000, 1)[100:15_000]).max() < 100


def test_resampling_twice_gives_the_same_samples() -> None:
    """No dither, so a replay is identical."""
    tone = _tone(44_100, 0.5)

    assert np.array_equal(ToMono16k(44_100).push(tone), ToMono16k(44_100).push(tone))


def test_one_channel_can_be_chosen() -> None:
    """`channel` takes one; without it the mean counts; one that is not there is the last."""
    stereo = np.array([[100, 300]] * 8, np.int16)

    assert ToMono16k(16_000, 1).push(stereo).tolist() == [300] * 8
    assert ToMono16k(16_000, 7).push(stereo).tolist() == [300] * 8
    assert ToMono16k(16_000).push(stereo).tolist() == [200] * 8


def test_loud_floats_are_clipped() -> None:
    """Nothing wraps around."""
    assert ToMono16k(16_000).push(np.array([1.5, -1.5, 0.5], np.float32)).tolist() == [32767, -32768, 16384]


def test_chunks_are_exact_and_nothing_is_lost() -> None:
    """Pieces of any length come out as chunks of one length, the last one filled with silence."""
    cut = Chunker(512)
    data = np.arange(1, 2001, dtype=np.int16)
    chunks = [chunk for at in range(0, 2000, 300) for chunk in cut.push(data[at : at + 300])]

    assert cut.held == 2000 - 3 * 512
    chunks += cut.flush()
    assert [len(chunk) for chunk in chunks] == [512] * 4
    assert np.array_equal(np.concatenate(chunks)[:2000], data)
    assert cut.flush() == []


@pytest.mark.parametrize(("suffix", "rate", "channels"), [("wav", 16_000, 1), ("flac", 44_100, 2), ("ogg", 48_000, 1)])
def test_sound_files_are_read(tmp_path: Path, suffix: str, rate: int, channels: int) -> None:
    """wav, flac and ogg of any rate and channels."""
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.stack([_tone(rate, 0.5)] * channels, axis=1), rate)
    health = PartHealth("a", "source")
    pieces = list(read_audio(path, 512, health))

    assert len(pieces) == 16
    assert health.info == {"rate": rate, "channels": channels}
    assert int(np.abs(np.fft.rfft(np.concatenate(pieces)[:8000])).argmax()) == 220


def test_bad_sound_files_are_source_errors(tmp_path: Path) -> None:
    """Missing, foreign and empty files are told apart."""
    (tmp_path / "text.wav").write_text("no sound")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, np.int16), 16_000)
    for name, words in (
        ("gone.wav", "readable sound"),
        ("text.wav", "readable sound"),
        ("empty.wav", "without a sample"),
    ):
        with pytest.raises(SourceError, match=words):
            list(read_audio(tmp_path / name, 512, PartHealth("a", "source")))


def test_a_truncated_file_plays_what_is_there(tmp_path: Path) -> None:
    """Half a wav gives its half; half a flac what can be decoded, and that it broke off is counted."""
    noise = np.random.default_rng(1).integers(-9000, 9000, 64_000).astype(np.int16)
    for suffix in ("wav", "flac"):
        path = tmp_path / f"a.{suffix}"
        soundfile.write(path, noise, 16_000)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        pieces = np.concatenate(list(read_audio(path, 512, PartHealth("a", "source"))))

        assert 16_000 <= len(pieces) <= 33_000
        assert np.array_equal(pieces[:16_000], noise[:16_000])
