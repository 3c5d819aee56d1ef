"""What every corpus is: raw inputs per modality, labels, and groups that no split may tear apart."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError

RawKind: TypeAlias = Literal["waveform", "image", "frames", "sequence", "table", "text"]
Report: TypeAlias = Callable[[str, int, int], None]
"""What is being read, how many are done, how many in all."""
_HELPERS = {
    "arrays",
    "climate_tables",
    "corpus",
    "cutouts",
    "feelings",
    "sound",
    "spoken",
    "street",
}


@dataclass(frozen=True, slots=True)
class Raw:
    """One modality before any feature is taken: corruption and augmentation happen here, then features.

    waveform (n, samples) int16 or float32; image (n, h, w) or (n, h, w, 3) uint8; frames (n, t, h, w[, 3]) uint8;
    sequence (n, t, channels) float32, NaN where nothing is known; table (n, columns) float32; text (n,) str objects.
    """

    kind: RawKind
    data: NDArray[Any]
    rate: float = 0.0
    """Samples or steps per second, of a waveform, frames or a sequence."""

    def __len__(self) -> int:
        return len(self.data)

    def take(self, index: NDArray[np.intp]) -> "Raw":
        """The samples of `index`."""
        return Raw(self.kind, self.data[index], self.rate)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Labelled samples with their raw inputs."""

    raws: Mapping[str, Raw]
    """Modality -> (n, ...)."""
    present: NDArray[np.bool_]
    """(n, modalities), in the order of `raws`."""
    labels: NDArray[np.int64]
    """(n,)"""
    classes: tuple[str, ...]
    groups: NDArray[np.str_]
    """(n,) subject, speaker, source or day: a group is never on both sides of a split."""
    files: Mapping[str, str] = field(default_factory=dict)
    """File as the card names it -> sha256."""
    background: Mapping[str, Raw] = field(default_factory=dict)
    """Of a composed corpus: what each sample lies on, without the event. A classifier on it must be at chance."""
    rule: NDArray[np.float64] | None = None
    """(n, classes) what a rule written by hand says, rows sum to 1; None where nobody would write one."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What only this corpus' own recipe knows of; `told` is a mapping for the card, under `data`."""
    parts: Sequence[tuple[str, ...]] = ()
    """(n,) Of a composed corpus: the people, films, photographs that each sample is made of, under names that do not
    depend on what else is there. Who was trained on one of them does not judge the sample. Empty: the group says it."""

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: NDArray[np.intp]) -> "Corpus":
        """The samples of `index`."""
        return Corpus(
            {name: raw.take(index) for name, raw in self.raws.items()},
            self.present[index],
            self.labels[index],
            self.classes,
            self.groups[index],
            self.files,
            {name: raw.take(index) for name, raw in self.background.items()},
            None if self.rule is None else self.rule[index],
            self.extra,
            [self.parts[each] for each in index] if self.parts else (),
        )


def load(name: str, path: Path, options: Mapping[str, Any], report: Report = lambda *_: None) -> Corpus:
    """Read a corpus: `path` is its folder, a folder that has it under its name, or a file of it.

    Calls `edgefuse.corpora.<name>.read(path, options, report)`. Raises ConfigError for an unknown corpus, unknown
    options, or data of another layout.
    """
    module = f"edgefuse.corpora.{name}"
    if name in _HELPERS or not name.isidentifier() or find_spec(module) is None:
        raise ConfigError(f"unknown corpus '{name}' (known: {', '.join(known())})")
    if not path.exists():
        raise ConfigError(f"{path}: no such file or folder; give the folder with the data of '{name}' with --data")
    corpus: Corpus = import_module(module).read(path, options, report)
    return corpus


def known() -> Sequence[str]:
    """Names of the corpora."""
    folder = Path(__file__).parent
    return sorted(found.name for found in iter_modules([str(folder)]) if found.name not in _HELPERS)


def folder_of(path: Path, *names: str) -> Path:
    """`path`, or the folder in it that has one of these names."""
    return next((path / name for name in names if (path / name).is_dir()), path)


def sha256_of(path: Path) -> str:
    """Hex digest of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
