"""Folders of recorded speech, as evaluations read them."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from edgefuse.core.errors import ConfigError, needs
from edgefuse.core.types import SAMPLE_RATE

_KINDS = (".flac", ".wav", ".ogg")


def clips(folder: Path) -> list[Path]:
    """Every sound in a folder, by name. Raises ConfigError where there is none."""
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in _KINDS) if folder.is_dir() else []
    if not found:
        raise ConfigError(f"{folder}: expected a folder with {', '.join(_KINDS)} files, got none")
    return found


def speech_in(folder: Path) -> list[Path]:
    """Every sound in a folder and its subfolders, by path. Raises ConfigError where there is none."""
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _KINDS and p.is_file())
    if not found:
        raise ConfigError(f"{folder}: expected {', '.join(_KINDS)} files in it or below, got none")
    return found


def read(path: Path) -> NDArray[np.int16]:
    """Samples of a 16 kHz recording, the mean of its channels. Raises ConfigError."""
    pcm, rate = _decoded(path)
    if rate != SAMPLE_RATE:
        raise ConfigError(f"{path}: expected {SAMPLE_RATE} Hz, got {rate} Hz; convert it first")
    return pcm


def resampled(path: Path) -> NDArray[np.int16]:
    """Like `read`, of any rate."""
    pcm, rate = _decoded(path)
    if rate == SAMPLE_RATE:
        return pcm
    with needs("media", "recorded sound"):
        import soxr
    converted: NDArray[np.int16] = soxr.resample(pcm, rate, SAMPLE_RATE)
    return converted


def _decoded(path: Path) -> tuple[NDArray[np.int16], int]:
    with needs("media", "recorded sound"):
        import soundfile
    try:
        sound, rate = soundfile.read(path, dtype="int16", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    pcm: NDArray[np.int16] = sound[:, 0] if sound.shape[1] == 1 else sound.mean(axis=1).astype(np.int16)
    return np.ascontiguousarray(pcm), rate


def progress(paths: Sequence[Path], doing: str) -> Iterable[Path]:
    """The same paths with a bar on stderr while a terminal looks on."""
    console = Console(stderr=True)
    return track(paths, doing, console=console, disable=not sys.stderr.isatty(), transient=True)
