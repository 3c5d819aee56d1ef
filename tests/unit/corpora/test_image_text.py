from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.corpora import corpus as corpora
from edgefuse.corpora.corpus import Corpus
from edgefuse.corpora.image_text import Photograph

cv2 = pytest.importorskip("cv2")
BOXES = {
    "a": "0 0.2 0.5 0.2 0.8",
    "b": "0 0.3 0.5 0.3 0.5\n0 0.7 0.5 0.3 0.5\n16 0.8 0.8 0.2 0.3",
    "c": "2 0.2 0.5 0.3 0.3",
    "d": "16 0.5 0.5 0.5 0.5",
    "e": "0 0.8 0.5 0.2 0.8\n2 0.2 0.2 0.3 0.3",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    for k, (name, boxes) in enumerate(BOXES.items()):
        cv2.imwrite(str(tmp_path / "images" / f"{name}.jpg"), np.full((60, 80, 3), 40 * k, np.uint8))
        (tmp_path / "labels" / f"{name}.txt").write_text(boxes + "\n")
    return tmp_path


def read(folder: Path) -> Corpus:
    return corpora.load("image_text", folder, {"squares": 12})


def test_neither_a_sentence_nor_a_picture_alone_says_anything(folder: Path) -> None:
    """Every sentence and every picture of a pool is as often true as false."""
    corpus = read(folder)
    said: Counter[str] = Counter()
    shown: Counter[bytes] = Counter()
    for text, picture, label in zip(corpus.raws["text"].data, corpus.raws["image"].data, corpus.labels, strict=True):
        said[text] += 1 if label else -1
        shown[picture.tobytes()] += 1 if label else -1
    assert len(corpus) >= 8
    assert set(said.values()) == {0}
    assert set(shown.values()) == {0}


def test_pools_have_names_of_their_photographs(folder: Path) -> None:
    """Unseen photographs never have the groups of those a model was trained on."""
    assert set(read(folder).groups) <= set(BOXES)
    assert len(set(read(folder).groups)) == 2


def test_photographs_are_the_parts_whatever_else_is_there(folder: Path) -> None:
    """A square is made of one photograph or two; each keeps its name with fewer others, and under another file name."""
    every = {part for parts in read(folder).parts for part in parts}
    assert {len(parts) for parts in read(folder).parts} <= {1, 2}
    (folder / "images" / "e.jpg").unlink()
    for kind, end in (("images", "jpg"), ("labels", "txt")):
        (folder / kind / f"a.{end}").rename(folder / kind / f"z.{end}")
    assert {part for parts in read(folder).parts for part in parts} < every


def test_a_mirror_image_changes_sides() -> None:
    """What was on the left is on the right, number and pixels are mirrored with it."""
    picture = np.zeros((224, 224, 3), np.uint8)
    picture[:, 0] = 9
    one = Photograph("x", picture, {"animal": np.array([[0.2, 0.1], [0.3, 0.1]])})
    assert one.side("animal") == "left"
    assert one.mirrored().side("animal") == "right"
    assert one.mirrored().picture[0, -1, 0] == 9
    assert one.side("vehicle") == ""


@pytest.mark.parametrize(
    ("shares", "said"), [([0.1], "one"), ([0.1] * 2, "two"), ([0.1] * 3, "several"), ([0.001], "")]
)
def test_people_are_counted_when_all_are_large(shares: list[float], said: str) -> None:
    """A person in the distance makes the number unsure, and nothing is said of it."""
    people = np.array([[0.5, share] for share in shares])
    assert Photograph("x", np.zeros((224, 224, 3), np.uint8), {"person": people}).count() == said


def test_a_label_of_another_form_is_named_by_file_and_line(folder: Path) -> None:
    """The error says where."""
    (folder / "labels" / "c.txt").write_text("2 0.2 0.5\n")
    with pytest.raises(ConfigError, match=r"c\.txt:1"):
        read(folder)


def test_unknown_options_are_refused(folder: Path) -> None:
    """A mistake in a recipe is not passed over."""
    with pytest.raises(ConfigError, match="sqares"):
        corpora.load("image_text", folder, {"sqares": 3})
