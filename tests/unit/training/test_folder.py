"""The folder of a model."""

import errno
from pathlib import Path

import pytest

from edgefuse.training.folder import whole


def test_a_full_disk_is_told_with_the_folder(tmp_path: Path) -> None:
    """A write into an open file fails without a name: the folder that was asked for is named, and nothing is left."""

    def fill() -> None:
        with whole(tmp_path / "model") as folder:
            (folder / "card.json").write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left") as error:
        fill()
    assert error.value.filename == str(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_the_old_model_comes_back_when_the_new_one_cannot_take_its_place(tmp_path: Path) -> None:
    """Between the two moves there may be a signal, or an error: nothing is lost."""
    out = tmp_path / "model"
    out.mkdir()
    (out / "card.json").write_text("old")

    def lose() -> None:
        with whole(out) as folder:
            folder.rmdir()

    with pytest.raises(FileNotFoundError):
        lose()
    assert (out / "card.json").read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]
