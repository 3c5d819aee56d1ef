"""Aligned pictures of one slice of a brain by two methods: CT, PET or SPECT, and MRI (Harvard Whole Brain Atlas).

Layout: `CT-MRI/CT/<name>.png` beside `CT-MRI/MRI/<name>.png`, the same for PET-MRI and SPECT-MRI. A name is the patient
and the slice in three digits: 16009 is slice 9 of patient 16. Groups are patients.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError, needs
from edgefuse.corpora.corpus import Corpus, Raw, Report, folder_of, sha256_of

KINDS = ("CT-MRI", "PET-MRI", "SPECT-MRI")
_SLICE_DIGITS = 3


def read(path: Path, options: Mapping[str, Any], report: Report) -> Corpus:
    """Options: `size`, pixels of the square that pictures are brought to (default 256).

    The first modality, `scan`, is the luminance of CT, PET or SPECT; `extra["chroma"]` holds its colours
    (n, size, size, 2) as Cr and Cb. `labels` are the kinds of pairs. Raises ConfigError for another layout.
    """
    unknown = set(options) - {"size"}
    if unknown:
        raise ConfigError(f"corpus medical: unknown option '{min(unknown)}' (known: size)")
    root, size = folder_of(path, "medical_pairs"), int(options.get("size", 256))
    pairs = [(kind, scan) for kind in KINDS for scan in sorted((root / kind / kind.partition("-")[0]).glob("*.png"))]
    if not pairs:
        raise ConfigError(
            f"{root}: expected folders {', '.join(f'{k}/{{{k[:-4]},MRI}}' for k in KINDS)} with .png files"
        )
    pictures = [_pair(scan, size) for scan in _told([scan for _, scan in pairs], report)]
    y, mri, chroma = (np.stack(each) for each in zip(*pictures, strict=True))
    return Corpus(
        raws={"scan": Raw("image", y), "mri": Raw("image", mri)},
        present=np.ones((len(pairs), 2), dtype=np.bool_),
        labels=np.array([KINDS.index(kind) for kind, _ in pairs], dtype=np.int64),
        classes=KINDS,
        groups=np.array([f"patient {scan.stem[:-_SLICE_DIGITS]}" for _, scan in pairs]),
        files={str(scan.relative_to(root)): sha256_of(scan) for _, scan in pairs},
        extra={"chroma": chroma},
    )


def _told(paths: list[Path], report: Report) -> list[Path]:
    report("reading pictures", 0, len(paths))
    return paths


def _pair(scan: Path, size: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    with needs("camera", "pictures"):
        import cv2
    first = _picture(scan, size)
    second = _picture(scan.parents[1] / "MRI" / scan.name, size)
    luminance = cv2.cvtColor(first, cv2.COLOR_BGR2YCrCb)
    grey: NDArray[np.uint8] = cv2.cvtColor(second, cv2.COLOR_BGR2GRAY)
    return luminance[..., 0], grey, luminance[..., 1:]


def _picture(path: Path, size: int) -> NDArray[np.uint8]:
    import cv2

    image: NDArray[np.uint8] | None = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ConfigError(f"{path}: expected a picture of the same slice, found none that OpenCV can read")
    if image.shape[:2] == (size, size):
        return image
    resized: NDArray[np.uint8] = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    return resized
