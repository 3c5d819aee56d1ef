"""Parts that no training has seen: other days, another person, photographs, another data set of the wrist."""

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgefuse.app.models import model_store
from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ModelError
from edgefuse.core.health import PartHealth
from edgefuse.corpora.incidents.parts import Parts, library, peaks, told
from edgefuse.detectors.nanodet import Nanodet
from edgefuse.pipeline.clock import SystemClock
from edgefuse.training.recipe import load_recipe

_RATE = 50
_SHOWN = 0.3
_PERSON = "0"


def parts(data: Path) -> Parts:
    """Climate, motion and the person that the recipe leaves out; jolts of UTD-MHAD; persons in photographs of COCO."""
    without = load_recipe("incidents").data.options["without"]
    (pool,) = library(data, lambda name: name in without).pools(1, "bench")
    wrist = data / "utd_mhad" / "utd_mhad.npz"
    if wrist.exists():
        with np.load(wrist) as file:
            pool = replace(pool, jolts=peaks(np.linalg.norm(file["imu"][:, :3].astype(np.float64), axis=1), _RATE))
    with contextlib.suppress(ModelError):
        pool = replace(pool, seen=[*pool.seen, *_photographs(data / "coco_val")])
    return pool


def _photographs(folder: Path) -> list[np.ndarray]:
    """The best score of a person in each photograph that shows one; a still life of some seconds."""
    import cv2

    network = Nanodet(model_store(ModelsConfig(), SystemClock()).load("nanodet", PartHealth("bench", "detector"), 1))
    found = []
    for label in sorted((folder / "labels").glob("*.txt")):
        if any(line.split()[0] == _PERSON for line in label.read_text().splitlines() if line.strip()):
            images = list((folder / "images").glob(f"{label.stem}.*"))
            if images:
                seen = network.look(cv2.imread(str(images[0])), _SHOWN)
                scores = seen.scores[seen.classes == 0]
                found.append(told([float(scores.max())] * 10 if len(scores) else [0.0] * 10))
    return found
