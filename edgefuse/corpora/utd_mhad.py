"""UTD-MHAD: 27 actions before a depth camera, with one inertial sensor.

Chen, Jafari and Kehtarnavaz 2015, "UTD-MHAD: a multimodal dataset for human action recognition utilizing a depth
camera and a wearable inertial sensor", ICIP. The sensor is worn on the right wrist for actions 1 to 21 and on the
right thigh for 22 to 27, so what it says of these six also says where it is worn.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgefuse.core.errors import ConfigError
from edgefuse.corpora.arrays import expect, find, names, no_options, padded, whole_numbers
from edgefuse.corpora.arrays import read as arrays
from edgefuse.corpora.corpus import Corpus, Raw, Report, sha256_of

ACTIONS = (
    "swipe_left",
    "swipe_right",
    "wave",
    "clap",
    "throw",
    "arm_cross",
    "basketball_shoot",
    "draw_x",
    "draw_circle_clockwise",
    "draw_circle_counterclockwise",
    "draw_triangle",
    "bowling",
    "boxing",
    "baseball_swing",
    "tennis_swing",
    "arm_curl",
    "tennis_serve",
    "push",
    "knock",
    "catch",
    "pick_up_and_throw",
    "jog",
    "walk",
    "sit_to_stand",
    "stand_to_sit",
    "lunge",
    "squat",
)
"""In the order of the numbers 1 to 27."""
JOINTS = 20
"""Of a Kinect: x to the right, y up, z away from the camera, in metres."""
_INERTIAL_HZ, _SKELETON_HZ = 50.0, 30.0
_ARRAYS = ("depth", "skeleton", "skel_len", "imu", "imu_len", "action", "subject")


def read(path: Path, options: Mapping[str, Any], report: Report) -> Corpus:
    """Depth (n, 16, h, w) uint8; skeleton (n, t, 60) m; inertial (n, t, 6), g and degrees/s; NaN after the end.

    What is NaN throughout is not present; a group is a subject. Raises ConfigError for another layout and options.
    """
    no_options("utd_mhad", options)
    file = find(path, "utd_mhad", "utd_mhad.npz")
    report(file.name, 0, 1)
    data = arrays(file, _ARRAYS)
    expect(file, "action", data["action"], (None,))
    n = len(data["action"])
    expect(file, "depth", data["depth"], (n, None, None, None))
    expect(file, "skeleton", data["skeleton"], (None, JOINTS, 3))
    expect(file, "imu", data["imu"], (None, 6))
    for name in ("skel_len", "imu_len", "subject"):
        expect(file, name, data[name], (n,))
    action, imu_len, skel_len = (whole_numbers(file, name, data[name]) for name in ("action", "imu_len", "skel_len"))
    if n and not 1 <= action.min() <= action.max() <= len(ACTIONS):
        raise ConfigError(f"{file}: action goes from {action.min()} to {action.max()}, expected 1 to {len(ACTIONS)}")
    inertial = padded(file, "imu", data["imu"], imu_len)
    skeleton = padded(file, "skeleton", data["skeleton"], skel_len)
    seconds = float(imu_len.mean()) / _INERTIAL_HZ
    report(file.name, 1, 1)
    return Corpus(
        raws={
            "depth": Raw("frames", data["depth"], data["depth"].shape[1] / seconds),
            "skeleton": Raw("sequence", skeleton, _SKELETON_HZ),
            "inertial": Raw("sequence", inertial, _INERTIAL_HZ),
        },
        present=np.stack([np.ones(n, bool), *(np.isfinite(each).any((1, 2)) for each in (skeleton, inertial))], axis=1),
        labels=action - 1,
        classes=ACTIONS,
        groups=names(file, "subject", data["subject"]),
        files={file.name: sha256_of(file)},
    )
