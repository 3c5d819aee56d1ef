"""Does a description fit a photograph: 224 x 224 pictures and sentences written from their labels.

Sentences and pictures come in squares: two pictures, two sentences, each true of one picture and false of the other,
all four pairs. So every sentence is as often true as false, and every picture as often fits as not: neither alone says
anything. The other picture is the photograph's mirror image (left and right change places), another with more or fewer
people, or another with other things in it. Photographs are dealt to pools that never mix; the two of its square are
the parts of a sample.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError, needs
from edgefuse.corpora.corpus import Corpus, Raw, Report, folder_of, sha256_of

CLASSES = ("no match", "match")
SIDE = 224
KINDS: Mapping[str, tuple[range, tuple[str, ...]]] = {
    "person": (range(1), ("person", "human")),
    "vehicle": (range(1, 9), ("vehicle", "conveyance")),
    "animal": (range(14, 24), ("animal", "creature")),
    "sport": (range(29, 39), ("piece of sports gear", "thing for sports")),
    "tableware": (range(39, 46), ("piece of tableware", "dish or cup")),
    "food": (range(46, 56), ("piece of food", "thing to eat")),
    "furniture": (range(56, 62), ("piece of furniture", "seat or table")),
    "electronics": (range(62, 73), ("appliance", "electric device")),
}
"""Name -> places in COCO's list of 80, and how it is called."""
_OPENINGS = ("", "a photograph with ", "one can see ", "there is ", "in the picture: ", "this shows ")
_SIDES = {"left": ("on the left", "at the left edge"), "right": ("on the right", "at the right edge")}
_COUNTS = {"one": ("one", "a single"), "two": ("two", "a pair of"), "several": ("several", "at least three")}
_OPTIONS = {"squares": 200, "seed": 5}
_POOL = 8
"""Photographs of a pool."""
_LARGE = 0.015
"""Share of the picture from which a thing is spoken of."""
_ASIDE = 0.42
"""A thing is on the left up to here, on the right from as far from the other edge."""
_TRIES = 40


@dataclass(frozen=True, slots=True)
class Photograph:
    """A picture and what is in it."""

    name: str
    picture: NDArray[np.uint8]
    """(SIDE, SIDE, 3) RGB."""
    kinds: Mapping[str, NDArray[np.float64]]
    """Kind -> (n, 2): middles of its things from the left, 0 to 1, and shares of the picture that they fill."""

    def mirrored(self) -> "Photograph":
        """Left and right change places."""
        kinds = {kind: np.column_stack([1 - found[:, 0], found[:, 1]]) for kind, found in self.kinds.items()}
        return Photograph(self.name, np.ascontiguousarray(self.picture[:, ::-1]), kinds)

    def large(self, kind: str) -> int:
        """How many things of a kind are large enough to be spoken of."""
        return int(np.count_nonzero(self.kinds[kind][:, 1] >= _LARGE)) if kind in self.kinds else 0

    def side(self, kind: str) -> str:
        """Left or right when all things of a kind are there, else nothing."""
        at = self.kinds[kind][:, 0] if kind in self.kinds else np.array([0.5])
        return "left" if at.max() <= _ASIDE else "right" if at.min() >= 1 - _ASIDE else ""

    def count(self) -> str:
        """How many people, when all are large enough to be counted."""
        people = self.large("person")
        if people == 0 or people != len(self.kinds["person"]):
            return ""
        return "several" if people > 2 else ("one", "two")[people - 1]  # noqa: PLR2004  three are several


Square = tuple[tuple[Photograph, str], tuple[Photograph, str]]
"""Two photographs, each with a sentence that is true of it and false of the other."""


def read(path: Path, options: Mapping[str, Any], report: Report) -> Corpus:
    """`path` is a folder with `images` (jpg) and `labels` (class x y w h, a share each), or has it as `coco_val`.

    Options: squares (four samples each), seed. Raises ConfigError for labels of another form.
    """
    if unknown := set(options) - set(_OPTIONS):
        told = ", ".join(sorted(unknown))
        raise ConfigError(f"unknown options of the corpus 'image_text': {told} (known: squares, seed)")
    wanted = {**_OPTIONS, **options}
    folder = folder_of(path, "coco_val")
    photographs, files = _photographs(folder, report)
    pools = _pools(photographs, files)
    made: list[tuple[Square, str]] = []
    for k in range(wanted["squares"]):
        rng = np.random.default_rng([wanted["seed"], k])
        name, pool = pools[k % len(pools)]
        square = _square(rng, pool, k // len(pools) % 3)
        if square is not None:
            made.append((square, name))
    if not made:
        raise ConfigError(f"{folder}: no two photographs differ in what can be said of them")
    return _corpus(made, files)


def _photographs(folder: Path, report: Report) -> tuple[list[Photograph], dict[str, str]]:
    with needs("camera", "photographs of a corpus"):
        import cv2
    paths = sorted((folder / "images").glob("*.jpg"))
    if len(paths) < 2 * 2:
        raise ConfigError(f"{folder}: expected images/*.jpg and labels/*.txt, found {len(paths)} photographs")
    photographs, files = [], {}
    for k, path in enumerate(paths, 1):
        picture = cv2.imread(str(path))
        if picture is None:
            raise ConfigError(f"{path}: not a picture that can be read")
        small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)[..., ::-1]
        kinds = _kinds(folder / "labels" / f"{path.stem}.txt")
        photographs.append(Photograph(path.name, np.ascontiguousarray(small), kinds))
        files[f"coco_val/images/{path.name}"] = sha256_of(path)
        report("photographs", k, len(paths))
    return photographs, files


def _kinds(path: Path) -> dict[str, NDArray[np.float64]]:
    """What a file of labels has of each kind. A photograph without one has nothing in it."""
    found: dict[str, list[tuple[float, float]]] = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            place, x, _, width, height = (float(value) for value in line.split())
        except ValueError as error:
            raise ConfigError(f"{path}:{number}: expected class x y w h, got '{line}'") from error
        for kind, (places, _) in KINDS.items():
            if place in places:
                found.setdefault(kind, []).append((x, width * height))
    return {kind: np.array(each) for kind, each in found.items()}


def _pools(photographs: list[Photograph], files: Mapping[str, str]) -> list[tuple[str, list[Photograph]]]:
    """Dealt by the hash of their content; a pool has the name of its first."""
    dealt = sorted(photographs, key=lambda one: files[f"coco_val/images/{one.name}"])
    parts = np.array_split(np.arange(len(dealt)), max(2, len(dealt) // _POOL))
    return [(dealt[part[0]].name.removesuffix(".jpg"), [dealt[k] for k in part]) for part in parts]


def _square(rng: np.random.Generator, pool: Sequence[Photograph], what: int) -> Square | None:
    """One of places (0), counts (1) or presence (2); another, if this pool has none."""
    for attempt in range(_TRIES):
        first, second = (pool[int(k)] for k in rng.choice(len(pool), 2, replace=False))
        first = first.mirrored() if rng.random() < 0.5 else first  # noqa: PLR2004  evenly
        made = (_places, _counts, _presence)[(what + attempt // (_TRIES // 3)) % 3](rng, first, second)
        if made is not None:
            return made
    return None


def _places(rng: np.random.Generator, one: Photograph, _: Photograph) -> Square | None:
    aside = [kind for kind in one.kinds if one.side(kind) and one.large(kind)]
    if not aside:
        return None
    kind = str(rng.choice(aside))
    mirror = one.mirrored()
    opening, noun = _opening(rng), _noun(rng, kind)
    said = [f"{opening}a {noun} {rng.choice(_SIDES[each.side(kind)])}" for each in (one, mirror)]
    return (one, said[0]), (mirror, said[1])


def _counts(rng: np.random.Generator, one: Photograph, other: Photograph) -> Square | None:
    if not one.count() or not other.count() or one.count() == other.count():
        return None
    opening, noun = _opening(rng), _noun(rng, "person")
    said = [f"{opening}{rng.choice(_COUNTS[each.count()])} {noun}" for each in (one, other)]
    return (one, said[0]), (other, said[1])


def _presence(rng: np.random.Generator, one: Photograph, other: Photograph) -> Square | None:
    mine = [kind for kind in one.kinds if one.large(kind) and kind not in other.kinds]
    others = [kind for kind in other.kinds if other.large(kind) and kind not in one.kinds]
    if not mine or not others:
        return None
    opening = _opening(rng)
    said = [f"{opening}a {_noun(rng, str(rng.choice(kinds)))}" for kinds in (mine, others)]
    return (one, said[0]), (other, said[1])


def _opening(rng: np.random.Generator) -> str:
    return str(rng.choice(_OPENINGS))


def _noun(rng: np.random.Generator, kind: str) -> str:
    return str(rng.choice(KINDS[kind][1]))


def _corpus(made: Sequence[tuple[Square, str]], files: Mapping[str, str]) -> Corpus:
    pictures, texts, labels, groups = [], [], [], []
    parts: list[tuple[str, ...]] = []
    for square, name in made:
        for k, (photograph, _) in enumerate(square):
            for n, (_, text) in enumerate(square):
                pictures.append(photograph.picture)
                texts.append(text)
                labels.append(int(k == n))
                groups.append(name)
        both = tuple(sorted({files[f"coco_val/images/{photograph.name}"][:8] for photograph, _ in square}))
        parts += [both] * 4
    raws = {"image": Raw("image", np.stack(pictures)), "text": Raw("text", np.array(texts, object))}
    return Corpus(
        raws,
        np.ones((len(labels), len(raws)), bool),
        np.array(labels, np.int64),
        CLASSES,
        np.array(groups),
        files,
        dict(raws),
        parts=parts,
    )
