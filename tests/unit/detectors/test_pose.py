"""The pose detector: postures of bodies drawn by numbers, and the real network on a real photograph."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefuse.app.models import model_store
from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ModelError
from edgefuse.core.types import SECOND, Frame, Observation
from edgefuse.detectors import posture
from edgefuse.detectors.movenet import POINTS, Body
from edgefuse.detectors.pose import Pose
from edgefuse.pipeline.clock import SystemClock
from edgefuse.testing import make_context

STANDING: Mapping[str, tuple[float, float]] = {
    "nose": (0.5, 0.2),
    "left_eye": (0.51, 0.19),
    "right_eye": (0.49, 0.19),
    "left_shoulder": (0.56, 0.3),
    "right_shoulder": (0.44, 0.3),
    "left_elbow": (0.57, 0.42),
    "left_wrist": (0.57, 0.53),
    "right_elbow": (0.43, 0.42),
    "right_wrist": (0.43, 0.53),
    "left_hip": (0.54, 0.55),
    "right_hip": (0.46, 0.55),
}


def body(**points: tuple[float, float] | None) -> Body:
    """Somebody who stands and faces the camera, with these points elsewhere; None is not seen."""
    at = {**STANDING, **points}
    seen = {name: point for name, point in at.items() if point is not None}
    xy = np.array([seen.get(name, (0, 0)) for name in POINTS], np.float32)
    return Body(xy, np.array([0.9 if name in seen else 0.1 for name in POINTS], np.float32), (0.4, 0.1, 0.2, 0.8), 0.8)


class Network:
    """A MoveNet that answers with given rows."""

    runs_on = "test"

    def __init__(self, *rows: NDArray[np.float32]) -> None:
        self.inputs: Mapping[str, tuple[int, ...]] = {"input": (1, 256, 256, 3)}
        self.outputs: Mapping[str, tuple[int, ...]] = {"Identity": (1, 6, 56)}
        self.rows = np.zeros((1, 6, 56), np.float32)
        for number, row in enumerate(rows):
            self.rows[0, number] = row
        self.fed: list[NDArray[Any]] = []

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        self.fed.append(inputs["input"])
        return {"Identity": self.rows}

    def example(self) -> dict[str, NDArray[Any]]:
        return {"input": np.zeros((1, 256, 256, 3), np.float32)}

    def close(self) -> None:
        """Nothing to free."""


class Store:
    """Gives the network, whatever is asked for."""

    def __init__(self, network: Any) -> None:
        self.network = network

    def load(self, *_: Any, **__: Any) -> Any:
        return self.network


def row(of: Body, height: float = 1.0) -> NDArray[np.float32]:
    """As the network writes it; `height` is the share of the square that the picture fills."""
    joints = np.concatenate([of.points[:, ::-1] * [height, 1], of.scores[:, None]], axis=1).reshape(-1)
    x, y, wide, high = of.box
    return np.array([*joints, y * height, x, (y + high) * height, x + wide, of.score], np.float32)


def detector(network: Any, **more: Any) -> Pose:
    part = Pose(Pose.Config(on=["hall_cam"], **more), make_context("pose", models=Store(network)))
    part.warm_up()
    return part


def frame(t: int = 0, image: NDArray[np.uint8] | None = None) -> Frame:
    return Frame("hall_cam", "hall", t, np.zeros((90, 160, 3), np.uint8) if image is None else image)


def poses(found: Any) -> list[Observation]:
    return [each for each in found if each.kind == "pose"]


def test_who_looks_here_faces_the_camera() -> None:
    """Nose between both eyes: here; one eye hidden, or the nose far to a side: not; no head at all: not known."""
    assert posture.facing(body()) is True
    assert posture.facing(body(nose=(0.53, 0.2))) is False
    assert posture.facing(body(left_eye=None)) is False
    hidden = {"nose": None, "left_eye": None, "right_eye": None}
    assert posture.facing(body(**hidden, left_ear=(0.5, 0.2))) is False
    assert posture.facing(body(**hidden)) is None


def test_a_stretched_arm_points_and_others_do_not() -> None:
    """Shoulder to wrist of the arm that is stretched; not one that hangs, is bent, or comes towards the camera."""
    assert posture.pointing(body(), 1.0) is None
    stretched = body(left_elbow=(0.68, 0.29), left_wrist=(0.8, 0.28))
    assert posture.pointing(stretched, 1.0) == ((0.56, 0.3), (0.8, 0.28))
    assert posture.pointing(body(left_elbow=(0.68, 0.3), left_wrist=(0.6, 0.2)), 1.0) is None
    assert posture.pointing(body(left_elbow=(0.57, 0.3), left_wrist=(0.59, 0.3)), 1.0) is None
    assert posture.pointing(body(left_elbow=None, left_wrist=(0.8, 0.28)), 1.0) is None


def test_lengths_are_those_of_the_room_not_of_the_picture() -> None:
    """In a wide picture the same fractions are longer across: the arm reaches the length that points."""
    short = body(left_elbow=(0.6, 0.3), left_wrist=(0.64, 0.3))
    assert posture.pointing(short, 1.0) is None
    assert posture.pointing(short, 16 / 9) is not None


def test_who_lies_has_a_level_trunk() -> None:
    """Shoulders beside the hips instead of above them."""
    down = {
        "left_shoulder": (0.2, 0.8),
        "right_shoulder": (0.2, 0.7),
        "left_hip": (0.5, 0.82),
        "right_hip": (0.5, 0.72),
    }
    assert posture.lying(body(**down), 1.0) is True
    assert posture.lying(body(), 1.0) is False
    assert posture.lying(body(left_hip=None, right_hip=None), 1.0) is None


def test_a_hand_that_is_held_up() -> None:
    """The forearm upright and the wrist above the shoulder."""
    assert posture.hand_up(body(right_elbow=(0.4, 0.33), right_wrist=(0.4, 0.2)))
    assert not posture.hand_up(body())
    assert not posture.hand_up(body(right_elbow=(0.3, 0.29), right_wrist=(0.15, 0.27)))


def test_a_look_tells_persons_in_fractions_of_the_picture() -> None:
    """The letterbox is taken off: points and box of a wide picture are where they are in it."""
    arm = body(left_elbow=(0.68, 0.29), left_wrist=(0.8, 0.28))
    found = list(detector(Network(row(arm, 90 / 160))).detect(frame()))
    assert [(each.kind, each.label) for each in found] == [("scene", "poses"), ("pose", "person")]
    assert found[0].data == {"counts": {"person": 1}}
    data = found[1].data
    assert data["box"] == pytest.approx([0.4, 0.1, 0.2, 0.8], abs=1e-3)
    assert np.array(data["pointing"]) == pytest.approx(np.array([[0.56, 0.3], [0.8, 0.28]]), abs=1e-3)
    assert (data["facing"], found[1].area, found[1].score) == (True, "hall", 0.8)


def test_the_network_is_fed_rgb_in_the_top_left_corner() -> None:
    """A blue picture (BGR) comes as blue in the third colour, with black below it."""
    network = Network()
    blue = np.zeros((90, 160, 3), np.uint8)
    blue[..., 0] = 200
    list(detector(network).detect(frame(image=blue)))
    fed = network.fed[-1]
    assert fed[0, 10, 10].tolist() == [0, 0, 200]
    assert not fed[0, 200].any()


def test_still_pictures_are_not_looked_at_but_told_again() -> None:
    """Behind the motion gate the network runs once; after `repeat_s` the same is told again."""
    network = Network(row(body()))
    part = detector(network)
    counts = [len(poses(part.detect(frame(t * SECOND // 2)))) for t in range(5)]
    assert (len(network.fed), counts) == (1, [1, 0, 1, 0, 1])


def test_who_lies_is_told_beside_the_person() -> None:
    """Two labels of one body."""
    down = {
        "left_shoulder": (0.2, 0.8),
        "right_shoulder": (0.2, 0.7),
        "left_hip": (0.5, 0.82),
        "right_hip": (0.5, 0.72),
    }
    part = detector(Network(row(body(**down))))
    square = np.zeros((100, 100, 3), np.uint8)
    assert [each.label for each in poses(part.detect(frame(image=square)))] == ["person", "lying"]


def test_what_is_no_picture_is_counted() -> None:
    """A frame of floats is rejected."""
    part = detector(Network())
    assert list(part.detect(frame(image=np.zeros((9, 9, 3), np.float32)))) == []  # type: ignore[arg-type]


def test_another_network_is_refused() -> None:
    """Inputs that are no square picture in RGB are a ModelError."""
    network = Network()
    network.inputs = {"input": (1, 3, 416, 416)}
    with pytest.raises(ModelError, match="of a MoveNet"):
        detector(network)


@pytest.mark.models("movenet")
def test_the_real_network_finds_the_astronaut() -> None:
    """One person, in front, who faces the camera and points nowhere (the photograph of scikit-image)."""
    from skimage import data

    store = model_store(ModelsConfig(), SystemClock())
    part = Pose(Pose.Config(on=["hall_cam"]), make_context("pose", models=store))
    part.warm_up()
    (found,) = poses(part.detect(frame(image=np.ascontiguousarray(data.astronaut()[:, :, ::-1]))))
    assert found.score > 0.4
    assert (found.data["facing"], found.data["pointing"]) == (True, None)
