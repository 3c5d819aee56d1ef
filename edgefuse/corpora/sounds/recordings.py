"""Real recordings that may be passed on: sounds of a few Debian packages, and folders of one's own.

`python -m edgefuse.corpora.sounds.recordings DIR` fetches and unpacks the packages with the system's own client. A
folder `DIR/own/<label>/` holds recordings of one's own. The corpus reads DIR where EDGEFUSE_SOUNDS names it.
Packages under licences made for programs (GPL) are left out: whether they extend to weights is disputed.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError, needs
from edgefuse.core.types import SAMPLE_RATE

_KINDS = {".wav", ".ogg", ".oga", ".flac", ".mp3"}
_LONGEST = 20.0
"""Seconds that are read of a file."""


@dataclass(frozen=True, slots=True)
class Package:
    """Recordings in one Debian package; the first pattern that fits a file's path gives its label."""

    licence: str
    """Of the sounds, as the package's copyright file has it."""
    labels: Mapping[str, str] = field(default_factory=dict)
    most: int = 1000
    """Files of one label that are taken at most, evenly spaced by name."""


PACKAGES: Mapping[str, Package] = {
    "scratch": Package(
        "CC BY-SA 3.0",
        {
            "*/Human/BabyCry*": "cry",
            "*/Human/Cough*": "cough",
            "*/Human/Scream*": "scream",
            "*/Animal/Dog*": "dog",
            "*/Effects/WaterRunning*": "water",
            "*/Human/Party*": "speech",
            "*/Human/*": "other",
            "*/Animal/*": "other",
            "*/Effects/*": "other",
            "*/Instruments/*": "other",
            "*/Percussion/*": "other",
            "*/Electronic/ComputerBeeps*": "",
            "*/Electronic/*": "other",
            "*/Music Loops/*": "other",
            "*/Vocals/Join-us*": "speech",
            "*/Vocals/Come*": "speech",
            "*/Vocals/Got*": "speech",
            "*/Vocals/*": "other",
        },
    ),
    "minetest-data": Package(
        "CC BY-SA 3.0 (doors CC BY 3.0, tnt CC0)",
        {
            "*/default_break_glass*": "glass",
            "*/env_sounds_water*": "water",
            "*/default_water_footstep*": "",
            "*/soundstuff*": "",
            "*/player_damage*": "",
            "*.ogg": "other",
        },
    ),
    "sonic-pi-samples": Package("CC0, CC BY-SA 4.0", {"*/mehackit_phone*": "", "*/samples/*": "other"}),
    "yaru-theme-sound": Package("CC BY-SA 4.0", {"*.oga": "other"}),
}


@dataclass(frozen=True, slots=True)
class Recording:
    """One file."""

    path: Path
    label: str
    source: str
    """Package or `own`, and the name of the file."""
    licence: str


def fetch(folder: Path) -> None:
    """Download and unpack the packages below `folder`, each in a folder of its own; those that are there stay.

    Raises ConfigError where the system's client cannot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in PACKAGES:
        if (folder / name).is_dir():
            continue
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            try:
                subprocess.run(["apt-get", "download", name], cwd=temporary, check=True, capture_output=True)
                archive = next(Path(temporary).glob("*.deb"))
                subprocess.run(["dpkg", "-x", archive, Path(temporary) / "x"], check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError, StopIteration) as error:
                raise ConfigError(
                    f"package {name}: cannot be had: {error}; where there is no Debian, unpack it to {folder / name}"
                ) from error
            (Path(temporary) / "x").rename(folder / name)


def found(folder: Path) -> list[Recording]:
    """Recordings below a folder that has packages, unpacked, and `own/<label>/`; sorted by source."""
    out = []
    for name, package in PACKAGES.items():
        by_label: dict[str, list[Recording]] = {}
        for path in _sounds(folder / name):
            label = next((label for pattern, label in package.labels.items() if fnmatch(str(path), pattern)), "")
            if label:
                one = Recording(path, label, f"{name}/{path.name}", package.licence)
                by_label.setdefault(label, []).append(one)
        for some in by_label.values():
            out += some[:: -(-len(some) // package.most)]
    for path in _sounds(folder / "own"):
        out.append(Recording(path, path.parent.name, f"own/{path.parent.name}/{path.name}", "of whoever trains"))
    return out


def _sounds(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in _KINDS and path.is_file())


def read(path: Path) -> NDArray[np.float64]:
    """(n,) the first seconds of a file, the mean of its channels at 16 kHz. Raises ConfigError."""
    with needs("media", "recorded sound"):
        import soundfile
        import soxr
    try:
        with soundfile.SoundFile(path) as file:
            sound, rate = file.read(int(_LONGEST * file.samplerate), dtype="float64", always_2d=True), file.samplerate
    except (OSError, RuntimeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    mono = sound.mean(axis=1)
    out: NDArray[np.float64] = mono if rate == SAMPLE_RATE else soxr.resample(mono, rate, SAMPLE_RATE)
    return np.asarray(out, np.float64)


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
