"""`edgefuse evaluate objects`: the objects detector's network and decoding on labelled photographs."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from edgefuse.app.models import model_store
from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ConfigError, needs
from edgefuse.core.health import PartHealth
from edgefuse.detectors.coco import NAMES
from edgefuse.detectors.nanodet import Found, Nanodet
from edgefuse.detectors.objects import Objects
from edgefuse.evaluation.average_precision import Truth, mean_average_precision, precision_recall
from edgefuse.pipeline.clock import SystemClock

_PICTURES = {".jpg", ".jpeg", ".png"}
_FLOOR = 0.05
"""Least score that counts for the average precision."""
_PERSON = NAMES.index("person")
_SMALL = 32 * 32
"""Square pixels; COCO calls what is smaller small."""


def evaluate(
    data: Path,
    *,
    limit: int | None = None,
    model: str = "nanodet",
    models: ModelsConfig | None = None,
    **_options: Any,
) -> dict[str, Any]:
    """Measure on `images/*.jpg` with `labels/*.txt`: lines of class, x, y, w, h; centre based fractions, COCO-80 order.

    Precision, recall and time are those of the default threshold. `person` leaves out what COCO calls small (less than
    32 x 32 pixels), `person_of_any_size` does not. A picture without a file of labels holds nothing.
    `models` chooses the engine. Raises ConfigError for another layout, ModelError, also for an engine that was asked
    for and is not there.
    """
    pictures = _pictures(data)[:limit]
    truths = [_truth(data / "labels" / f"{path.stem}.txt") for path in pictures]
    clock = SystemClock()
    store = model_store(models or ModelsConfig(), clock)
    network = Nanodet(store.load(model, PartHealth("evaluate", "detector")))
    engine = store.served[model].as_asked()
    threshold = float(Objects.Config.model_fields["min_score"].default)
    ranked, told, sizes, cpu = [], [], [], 0
    for path in _progress(pictures):
        image = _image(path)
        begin = clock.cpu()
        told.append(network.look(image, threshold))
        cpu += clock.cpu() - begin
        ranked.append(network.look(image, _FLOOR))
        sizes.append((image.shape[1], image.shape[0]))
    network.close()
    engine = store.served[model].as_asked()
    means = mean_average_precision(truths, ranked, sizes)
    return {
        "n": len(truths),
        "map50_95": round(float(means.mean()), 4),
        "map50": round(float(means[0]), 4),
        "person": _persons(truths, told, sizes, _SMALL),
        "cpu_ms_per_image": round(cpu / 1e6 / len(pictures), 2),
        "person_of_any_size": _persons(truths, told, sizes),
        "threshold": threshold,
        "model": model,
        "engine": engine.name,
        "precision": engine.precision,
        "why": engine.why,
    }


def _persons(
    truths: Sequence[Truth], told: Sequence[Found], sizes: Sequence[tuple[int, int]], least: float = 0
) -> dict[str, float]:
    scales = [np.array([width, height, width, height], np.float32) for width, height in sizes]
    wanted = [t.boxes[t.classes == _PERSON] * scale for t, scale in zip(truths, scales, strict=True)]
    got = [here.boxes[here.classes == _PERSON] * scale for here, scale in zip(told, scales, strict=True)]
    precision, recall = precision_recall(wanted, got, 0.5, least)
    return {"precision": round(precision, 4), "recall": round(recall, 4)}


def _pictures(data: Path) -> list[Path]:
    for folder in (data / "images", data / "labels"):
        if not folder.is_dir():
            raise ConfigError(f"{data}: expected folders images/ and labels/, found no {folder.name}/")
    paths = sorted(path for path in (data / "images").iterdir() if path.suffix.lower() in _PICTURES)
    if not paths:
        raise ConfigError(f"{data / 'images'}: expected .jpg or .png files, found none")
    return paths


def _truth(path: Path) -> Truth:
    rows = [_row(path, number, line) for number, line in enumerate(_lines(path), 1) if line.strip()]
    table = np.array(rows, np.float32).reshape(-1, 5)
    half = table[:, 3:] / 2
    boxes = np.concatenate([table[:, 1:3] - half, table[:, 1:3] + half], axis=1)
    return Truth(boxes, table[:, 0].astype(np.intp))


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _row(path: Path, number: int, line: str) -> list[float]:
    try:
        values = [float(word) for word in line.split()]
    except ValueError:
        values = []
    good = len(values) == 5 and values[0] in range(len(NAMES)) and all(0 <= value <= 1 for value in values[1:])  # noqa: PLR2004  class x y w h
    if not good:
        raise ConfigError(f"{path}:{number}: expected class 0..79 and x y w h as fractions, got '{line.strip()[:80]}'")
    return values


def _image(path: Path) -> NDArray[np.uint8]:
    with needs("camera", "pictures"):
        import cv2

    image: NDArray[np.uint8] | None = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ConfigError(f"{path}: not a picture that OpenCV can read")
    return image


def _progress(pictures: Sequence[Path]) -> Iterable[Path]:
    console = Console(stderr=True)
    return track(pictures, "Looking", console=console, disable=not sys.stderr.isatty(), transient=True)
