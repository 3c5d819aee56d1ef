from itertools import product
from pathlib import Path

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.cutouts import Cutout, columns, find, origins, paste, resized, take_apart

cv2 = pytest.importorskip("cv2")


def film(path: Path, passages: int) -> Path:
    """An empty wall, then so many dark boxes going by one after the other, with the wall alone between them."""
    out = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10, (192, 108))
    for step in range(10 + passages * 24):
        frame = np.full((108, 192, 3), 180, np.uint8)
        at = (step - 10) % 24
        if step >= 10 and at < 12:
            frame[30:90, 20 + 10 * at : 45 + 10 * at] = (30, 60, 20)
        out.write(frame)
    out.release()
    return path


def ignore(what: str, done: int, total: int) -> None:
    """No progress is shown."""
    del what, done, total


def test_what_moves_is_cut_out_and_the_scene_is_empty(tmp_path: Path) -> None:
    """Two boxes go by: two passages of upright cut-outs, and a wall without them."""
    scene = take_apart(film(tmp_path / "a.mp4", 2), ignore, every=1)
    assert len(scene.passages()) == 2
    assert np.abs(scene.empty.astype(int) - 180).max() < 12
    one = scene.passages()[0][3]
    assert abs(one.inside.shape[0] - 60) < 8
    assert abs(one.inside.shape[1] - 25) < 8
    assert one.colour[one.inside > 0].mean() < 80


def test_a_film_in_which_nothing_moves_is_refused(tmp_path: Path) -> None:
    """There is nothing to cut out, and the error says what was expected."""
    with pytest.raises(ConfigError, match="nothing moves"):
        take_apart(film(tmp_path / "a.mp4", 0), ignore)


def test_a_file_that_is_no_film_is_refused(tmp_path: Path) -> None:
    """The file is named."""
    (tmp_path / "a.mp4").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"a\.mp4"):
        take_apart(tmp_path / "a.mp4", ignore)


def test_the_film_is_found_by_a_word_of_its_name(tmp_path: Path) -> None:
    """One with the word is needed, not none and not two."""
    (tmp_path / "one-car.mp4").touch()
    assert find(tmp_path, "car").name == "one-car.mp4"
    with pytest.raises(ConfigError, match="found none"):
        find(tmp_path, "person")
    (tmp_path / "two-cars.mp4").touch()
    with pytest.raises(ConfigError, match="two-cars"):
        find(tmp_path, "car")


@pytest.mark.parametrize(("top", "left", "covered"), [(0, 0, 12), (-1, -2, 4), (8, 8, 4), (50, 0, 0), (0, -50, 0)])
def test_what_lies_beyond_the_picture_is_cut_off(top: int, left: int, covered: int) -> None:
    """Pasting changes the pixels that lie in the picture and nothing else."""
    picture = np.zeros((10, 10, 3), np.uint8)
    thing = Cutout(np.full((3, 4, 3), 200, np.uint8), np.ones((3, 4), np.float32), 0.0)
    paste(picture, thing, top, left)
    assert np.count_nonzero(picture[..., 0] == 200) == covered


def test_a_cutout_keeps_its_proportions() -> None:
    """Half as high is half as wide."""
    thing = resized(Cutout(np.zeros((40, 20, 3), np.uint8), np.ones((40, 20), np.float32), 3.0, 7), 20)
    assert thing.inside.shape == (20, 10)
    assert thing.passage == 7


def test_strips_of_a_scene_do_not_overlap() -> None:
    """Each pool sees a part of the scene that no other sees."""
    scene = np.arange(192)[None, :, None].repeat(3, 2).astype(np.uint8)
    seen = [set(columns(scene, k, 4)[0, :, 0].tolist()) for k in range(4)]
    assert len(set.union(*seen)) == sum(len(part) for part in seen) == 192


def test_strips_that_overlap_have_parts_in_common() -> None:
    """Whatever their number is; those of one number have none, and every passage is a part."""
    shown = [Cutout(np.zeros((2, 2, 3), np.uint8), np.ones((2, 2), np.float32), 0.0, passage) for passage in (4, 4, 2)]
    assert origins("0123456789", shown, 0, 4)[:2] == ["01234567 passage 2", "01234567 passage 4"]
    strips = [(k, count) for count in (2, 3, 4) for k in range(count)]
    for (one, of), (other, others) in product(strips, strips):
        overlap = max(one / of, other / others) < min((one + 1) / of, (other + 1) / others)
        assert bool({*origins("f", [], one, of)} & {*origins("f", [], other, others)}) == overlap
