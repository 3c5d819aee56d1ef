"""How copies of NanoDet are sampled and judged: on photographs, by the detections that stay."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ModelError, needs
from edgefuse.core.ports import Tensors
from edgefuse.detectors.nanodet import Found, Nanodet, overlap, prepare
from edgefuse.resources import resource

_INPUT, _SIZE = "input_1", 416
"""Of the catalogue's NanoDet."""
_PICTURES = {".jpg", ".jpeg", ".png"}
_MOST = 40
"""Feeds; each is 2 MB, and its outputs are 2 MB."""
_SURE, _SLACK = 0.3, 0.1
"""The score that counts, and how much less the same thing may score in the other copy."""
_IOU = 0.5
"""Boxes of one class that overlap at least this much are the same thing."""


class ObjectsTrial:
    """Photographs in many views; agreement is the F1 of the things that both copies see."""

    metric = "detections kept"
    floor = 0.9
    carried: Mapping[str, str] = {}

    def feeds(self, folder: Path | None) -> Sequence[Tensors]:
        """Letterboxed views (1, 3, 416, 416) of the package's photographs, or of those in `folder`.

        Raises ModelError for a folder without pictures, ConfigError without OpenCV.
        """
        photographs = [
            _read(path) for path in _paths(resource("models", "samples", "objects") if folder is None else folder)
        ]
        return [{_INPUT: prepare(view, _SIZE)[0]} for view in _views(photographs)][:_MOST]

    def agreement(self, reference: Sequence[Tensors], candidate: Sequence[Tensors]) -> float:
        """Share of the things above .3 that the other copy sees too, in the same class above .2; 1 without any."""
        told = kept = 0
        for first, second in zip(reference, candidate, strict=True):
            ours, theirs = _things(first), _things(second)
            for here, there in ((ours, theirs), (theirs, ours)):
                partners = _partners(here, there)
                told += len(partners)
                kept += int(partners.sum())
        return kept / told if told else 1.0


def _partners(here: Found, there: Found) -> NDArray[np.bool_]:
    """For each sure thing of `here` whether it is in `there`."""
    sure = here.scores >= _SURE
    same = here.classes[sure][:, None] == there.classes[None, :]
    partners: NDArray[np.bool_] = (same & (overlap(here.boxes[sure], there.boxes) >= _IOU)).any(axis=1)
    return partners


def _things(outputs: Tensors) -> Found:
    return Nanodet(_Outputs(outputs)).decode(outputs, _SURE - _SLACK, np.ones(2, np.float32))


class _Outputs:
    """A network that has run already."""

    inputs: ClassVar[Mapping[str, tuple[int | str | None, ...]]] = {_INPUT: (1, 3, _SIZE, _SIZE)}
    runs_on = "recorded"

    def __init__(self, outputs: Tensors) -> None:
        self.outputs: Mapping[str, tuple[int | str | None, ...]] = {
            name: array.shape for name, array in outputs.items()
        }
        self._outputs = outputs

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:  # noqa: ARG002  it has run
        """What it gave."""
        return dict(self._outputs)

    def example(self) -> dict[str, NDArray[Any]]:
        """Nothing is fed."""
        return {}

    def close(self) -> None:
        """Nothing is held."""


def _paths(folder: Path) -> list[Path]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _PICTURES)
    except OSError as error:
        raise ModelError(f"samples: {folder}: expected a folder of pictures, got: {error}") from error
    if not paths:
        raise ModelError(f"samples: {folder}: expected .jpg or .png files, found none")
    step = -(-len(paths) // _MOST)
    return paths[::step]


def _read(path: Path) -> NDArray[np.uint8]:
    with needs("camera", "pictures"):
        import cv2

    image: NDArray[np.uint8] | None = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None or min(image.shape[:2]) < 2:  # noqa: PLR2004  crops are halves
        raise ModelError(f"samples: {path}: not a picture that OpenCV can read")
    return image


def _views(photographs: Sequence[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """Every photograph, then every one in another view, and so on; many photographs are varied enough by themselves."""
    yield from photographs
    for view in (_mirrored, _left, _dark, _right, _bright):
        for image in photographs:
            yield view(image)
    for n in range(len(photographs)):
        yield _collage([photographs[(n + k) % len(photographs)] for k in range(4)])


def _mirrored(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(image[:, ::-1])


def _left(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    return np.ascontiguousarray(image[: -(-height * 3 // 4), : -(-width * 2 // 3)])


def _right(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    return np.ascontiguousarray(image[height // 4 :, width // 3 :])


def _dark(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return (image // 3).astype(np.uint8)


def _bright(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return (255 - (255 - image) // 2).astype(np.uint8)


def _collage(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Four pictures as small ones in one."""
    import cv2

    half = _SIZE // 2
    small = [cv2.resize(image, (half, half), interpolation=cv2.INTER_AREA) for image in images]
    sheet: NDArray[np.uint8] = np.vstack([np.hstack(small[:2]), np.hstack(small[2:])]).astype(np.uint8)
    return sheet
