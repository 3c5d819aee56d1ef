"""Weights of CTranslate2."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError
from edgefuse.engines.ct2 import read

HALF = np.arange(6, dtype=np.float16).reshape(2, 3) / 4
WHOLE: Mapping[str, NDArray[np.generic]] = {
    "half/weight": HALF,
    "rows/weight": np.array([[127, -64], [10, 20]], np.int8),
    "rows/weight_scale": np.array([127, 10], np.float32),
    "all/weight": np.array([[100, -200]], np.int16),
    "all/weight_scale": np.array(100, np.float32),
    "heads": np.array(6, np.int16),
}
Pack = Callable[..., bytes]


def test_variables_are_read(tmp_path: Path, pack_ct2: Pack) -> None:
    """Half precision, 8 bits with a scale per row, 16 bits with one scale and an alias give their float32."""
    path = tmp_path / "model.bin"
    path.write_bytes(pack_ct2("WhisperSpec", WHOLE, aliases={"twin/weight": "half/weight"}))

    weights = read(path)

    assert (weights.spec, weights.revision) == ("WhisperSpec", 3)
    assert weights.array("twin/weight").dtype == np.float32
    assert weights.array("twin/weight").tolist() == HALF.astype(np.float32).tolist()
    assert weights.array("rows/weight") == pytest.approx(np.array([[1, -64 / 127], [1, 2]]))
    assert weights.array("all/weight") == pytest.approx(np.array([[1, -2]]))
    assert weights.number("heads") == 6


def test_bfloat16_is_read(tmp_path: Path, pack_ct2: Pack) -> None:
    """A bfloat16 is the upper half of a float32."""
    path = tmp_path / "model.bin"
    upper = (np.array([1.5, -2.0], np.float32).view(np.uint32) >> 16).astype(np.uint16)
    path.write_bytes(pack_ct2("WhisperSpec", {"x": upper}))

    assert read(path).array("x").tolist() == [1.5, -2.0]


def test_what_is_not_there_is_named(tmp_path: Path, pack_ct2: Pack) -> None:
    """A missing variable, and a number that is none, are errors with the name."""
    path = tmp_path / "model.bin"
    path.write_bytes(pack_ct2("WhisperSpec", WHOLE))
    weights = read(path)

    with pytest.raises(ModelError, match="expected a variable decoder/num_heads in this WhisperSpec model, got none"):
        weights.number("decoder/num_heads")
    with pytest.raises(ModelError, match="expected one number as half/weight"):
        weights.number("half/weight")


def test_a_truncated_file_is_refused(tmp_path: Path, pack_ct2: Pack) -> None:
    """Cut anywhere, it is an error that says so, never another exception or other weights."""
    path = tmp_path / "model.bin"
    whole = pack_ct2("WhisperSpec", WHOLE, aliases={"twin/weight": "half/weight"})

    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ModelError, match=r"pull (it|the model) again"):
            read(path)


@given(st.binary(max_size=200))
def test_a_foreign_file_is_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Bytes of anything else are an error, also behind a right version."""
    path = tmp_path_factory.mktemp("foreign") / "model.bin"
    for body in (data, b"\6\0\0\0" + data):
        path.write_bytes(body)
        with pytest.raises(ModelError):
            read(path)


def test_bytes_too_many_are_refused(tmp_path: Path, pack_ct2: Pack) -> None:
    """A file that goes on after its end is not what it says."""
    path = tmp_path / "model.bin"
    path.write_bytes(pack_ct2("WhisperSpec", WHOLE) + b"x")

    with pytest.raises(ModelError, match="expected the end of the file, got 1 more bytes"):
        read(path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """What is not there cannot be read."""
    with pytest.raises(ModelError, match="cannot be read"):
        read(tmp_path / "model.bin")
