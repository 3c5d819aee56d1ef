"""The sound of the recorded hall: synthesised speech in a quiet room, and a pane that breaks."""

import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError, needs
from edgefuse.core.types import SAMPLE_RATE
from edgefuse.corpora.sounds.impacts import glass
from edgefuse.demo.story import GLASS_S, LINES, RECORDED_S, WAKE_WORD

_PAUSE_S = 0.3
"""Between the wake word and the order."""
_PEAK = 0.4
_ROOM = 0.0006
"""Root mean square of the room's noise; full scale is 1."""
_ESPEAK = {"slt": "en-us+f3", "rms": "en-us", "awb": "en-gb-scotland"}


def synthesiser() -> str:
    """`flite` or `espeak-ng`, whichever is installed. Raises ConfigError when neither is."""
    for name in ("flite", "espeak-ng"):
        if shutil.which(name):
            return name
    raise ConfigError("the demo's speech needs a synthesiser, found neither: sudo apt-get install flite")


def make_sound(path: Path) -> None:
    """Write the whole recording: 16 kHz, mono, 16 bit."""
    program = synthesiser()
    sound = _room(int(RECORDED_S * SAMPLE_RATE))
    for line in LINES:
        pause = np.zeros(int(_PAUSE_S * SAMPLE_RATE))
        spoken = [speak(program, line.voice, WAKE_WORD, path.parent), pause]
        spoken.append(speak(program, line.voice, line.text, path.parent))
        speech = np.concatenate(spoken)
        begin = int(line.at_s * SAMPLE_RATE)
        sound[begin : begin + len(speech)] += speech
    pane, begin = _pane(), int(GLASS_S * SAMPLE_RATE)
    sound[begin : begin + len(pane)] += pane
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes((sound * 32767).astype("<i2").tobytes())


def _pane() -> NDArray[np.float64]:
    """Breaking glass, 2 s, peak 0.4, made by rules from a fixed seed."""
    broken = glass(np.random.default_rng(7), 2 * SAMPLE_RATE)
    return np.asarray(broken * (_PEAK / np.abs(broken).max()))


def speak(program: str, voice: str, text: str, folder: Path) -> NDArray[np.float64]:
    """Synthesise one phrase; (n,) at 16 kHz, peak 0.4, without silence around it."""
    path = folder / "phrase.wav"
    command = {
        "flite": ["flite", "-voice", voice, "-t", text, "-o", str(path)],
        "espeak-ng": ["espeak-ng", "-v", _ESPEAK[voice], "-s", "150", "-w", str(path), text],
    }[program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode or not path.exists():
        raise ConfigError(f"{program} could not speak (exit {done.returncode}): {done.stderr.strip() or 'no message'}")
    with wave.open(str(path)) as wav:
        pcm = np.frombuffer(wav.readframes(wav.getnframes()), "<i2").astype(np.float64) / 32768
        rate = wav.getframerate()
    path.unlink()
    return _trimmed(_resampled(pcm, rate))


def _resampled(pcm: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    if rate == SAMPLE_RATE:
        return pcm
    with needs("demo", f"the demo's speech, spoken at {rate} Hz,"):
        import soxr

    resampled: NDArray[np.float64] = soxr.resample(pcm, rate, SAMPLE_RATE)
    return resampled


def _trimmed(pcm: NDArray[np.float64]) -> NDArray[np.float64]:
    loud = np.flatnonzero(np.abs(pcm) > 0.02 * np.abs(pcm).max())
    pcm = pcm[loud[0] : loud[-1] + 1]
    return np.asarray(pcm * (_PEAK / np.abs(pcm).max()))


def _room(samples: int) -> NDArray[np.float64]:
    """Noise that falls with frequency, from a fixed seed."""
    spectrum = np.fft.rfft(np.random.default_rng(7).standard_normal(samples))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)) * SAMPLE_RATE / samples, 60.0))
    noise = np.fft.irfft(spectrum, samples)
    return np.asarray(noise * (_ROOM / noise.std()))
