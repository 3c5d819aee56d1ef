"""The objects detector: with a network that is told what to see, and with the real one on real photographs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ModelError
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Context, Model, Tensors
from edgefuse.core.types import SECOND, Frame, Observation, Reading
from edgefuse.detectors.objects import Objects, inside
from edgefuse.engines.store import Store
from edgefuse.pipeline.clock import SystemClock

GREY = np.full((64, 64, 3), 90, np.uint8)


@dataclass
class Scripted:
    """A NanoDet of one level, 64 x 64, that sees `things`: row, column, class, score; each three strides wide."""

    things: list[tuple[int, int, int, float]] = field(default_factory=list)
    runs: int = 0
    inputs: Mapping[str, tuple[int | str | None, ...]] = field(default_factory=lambda: {"in": (1, 3, 64, 64)})
    outputs: Mapping[str, tuple[int | str | None, ...]] = field(
        default_factory=lambda: {"c": (1, 64, 80), "b": (1, 64, 44)}
    )

    def run(self, _inputs: Tensors) -> dict[str, NDArray[Any]]:
        self.runs += 1
        classes, boxes = np.zeros((1, 64, 80), np.float32), np.zeros((1, 64, 4, 11), np.float32)
        for row, column, kind, score in self.things:
            classes[0, row * 8 + column, kind] = score
            boxes[0, row * 8 + column, :, 1] = 100
        return {"c": classes, "b": boxes.reshape(1, 64, 44)}

    def close(self) -> None:
        """Nothing to free."""


@dataclass
class Shelf:
    """A store with one model."""

    model: Scripted
    asked: list[tuple[str, int | None]] = field(default_factory=list)

    def path(self, name: str) -> Path:
        raise ModelError(name)

    def card(self, name: str) -> Mapping[str, Any]:
        raise ModelError(name)

    def engine(self, name: str) -> tuple[str, str]:
        raise ModelError(name)

    def load(self, name: str, _health: PartHealth, threads: int | None = None) -> Model:
        self.asked.append((name, threads))
        return self.model


class NoBus:
    """Nobody listens."""

    def subscribe(self, _topic_filter: str, _handler: Any) -> None:
        """Never called."""


def detector(models: Any, zones: Mapping[str, Any] | None = None, **config: Any) -> Objects:
    source = SimpleNamespace(zones=zones) if zones is not None else SimpleNamespace()
    context = Context(
        name="people",
        clock=SystemClock(),
        health=PartHealth("people", "detector"),
        bus=NoBus(),
        models=models,
        site=SimpleNamespace(sources={"cam": source}),
    )
    part = Objects(Objects.Config.model_validate({"on": ["cam"], **config}), context)
    part.warm_up()
    return part


def frame(seconds: float, image: NDArray[Any] = GREY, source: str = "cam") -> Frame:
    return Frame(source, "hall", round(seconds * SECOND), image)


def told(observations: Any) -> list[tuple[str, str]]:
    return [(one.kind, one.label) for one in observations]


def test_a_look_is_a_scene_and_its_objects() -> None:
    """Classes come as groups with their counts, strongest first; what is not asked for is left out."""
    model = Scripted([(2, 2, 0, 0.9), (6, 2, 0, 0.6), (4, 6, 2, 0.7), (2, 6, 16, 0.5), (6, 6, 56, 0.9)])

    seen = list(detector(Shelf(model)).detect(frame(1)))

    assert told(seen) == [
        ("scene", "objects"),
        ("object", "person"),
        ("object", "vehicle"),
        ("object", "person"),
        ("object", "animal"),
    ]
    assert seen[0].data == {"counts": {"animal": 1, "person": 2, "vehicle": 1}, "zones": {}}
    assert seen[2].data["class"] == "car"
    assert seen[1].data["box"] == [0.1875, 0.1875, 0.25, 0.25]
    assert [one.id for one in seen] == [f"people/cam/{SECOND}/{n}" for n in range(5)]
    assert {(one.area, one.modality, one.detector, one.end) for one in seen} == {("hall", "vision", "people", SECOND)}


def test_nothing_seen_is_said() -> None:
    """A look that finds nothing gives a scene with no counts: looked and saw none."""
    seen = list(detector(Shelf(Scripted())).detect(frame(0)))

    assert [(one.kind, one.score, one.data) for one in seen] == [("scene", 0.0, {"counts": {}, "zones": {}})]


def test_single_classes_can_be_asked_for() -> None:
    """The first label that holds a class wins; a single class leaves the rest of its group out."""
    model = Scripted([(2, 2, 16, 0.9), (6, 6, 15, 0.8)])

    seen = detector(Shelf(model), classes=["dog", "animal"]).detect(frame(0))
    only = detector(Shelf(model), classes=["dog"]).detect(frame(0))

    assert told(seen)[1:] == [("object", "dog"), ("object", "animal")]
    assert told(only)[1:] == [("object", "dog")]


def test_an_unknown_class_is_a_mistake_of_the_configuration() -> None:
    """The error names the groups."""
    with pytest.raises(ValidationError, match="expected person, vehicle, animal or a class of COCO, got 'unicorn'"):
        Objects.Config.model_validate({"on": ["cam"], "classes": ["unicorn"]})


def test_an_object_is_where_its_feet_are() -> None:
    """Zones hold the middle of a box's lower edge, at the edge of the picture too; a source need not have any."""
    zones = {
        "low": [(0, 0.5), (1, 0.5), (1, 1), (0, 1)],
        "left": [(0, 0), (0.5, 0), (0.5, 1), (0, 1)],
        "middle": [(0.1, 0.15), (0.4, 0.15), (0.4, 0.35), (0.1, 0.35)],
    }
    model = Scripted([(2, 2, 0, 0.9), (7, 6, 0, 0.8)])

    seen = list(detector(Shelf(model), zones).detect(frame(0)))

    assert seen[0].data["zones"] == {"left": {"person": 1}, "low": {"person": 1}}
    assert [one.data["zones"] for one in seen[1:]] == [["left"], ["low"]]


def test_a_polygon_with_a_dent() -> None:
    """Points in the dent of a concave polygon are outside."""
    zone = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.3), (0.0, 1.0)]

    assert [inside(point, zone) for point in ((0.5, 0.2), (0.5, 0.6), (0.1, 0.7), (1.1, 0.5))] == [
        True,
        False,
        True,
        False,
    ]


def test_a_still_picture_is_not_looked_at_but_told_again() -> None:
    """Without motion the network rests, the last result is repeated once a second, and a look is forced in the end."""
    model = Scripted([(2, 2, 0, 0.9)])
    part = detector(Shelf(model), look_every_s=5, repeat_s=1)

    answers = [list(part.detect(frame(n / 10))) for n in range(60)]

    looked = [n for n, answer in enumerate(answers) if answer and "still" not in answer[0].data]
    again = [n for n, answer in enumerate(answers) if answer and "still" in answer[0].data]
    assert (looked, again, model.runs) == ([0, 50], [10, 20, 30, 40], 2)
    assert told(answers[10]) == [("scene", "objects"), ("object", "person")]
    assert answers[10][1].data["still"] is True


def test_without_the_gate_every_frame_is_looked_at_up_to_max_fps() -> None:
    """At 10 frames a second and `max_fps: 5` every second frame is looked at."""
    model = Scripted()
    part = detector(Shelf(model), motion_gate=False, max_fps=5)

    answers = [bool(list(part.detect(frame(n / 10)))) for n in range(10)]

    assert answers == [True, False] * 5


def test_motion_between_two_looks_is_not_lost() -> None:
    """A movement that `max_fps` does not allow to be looked at yet is looked at as soon as it may."""
    model = Scripted()
    part = detector(Shelf(model), max_fps=2)
    moved = GREY.copy()
    moved[20:40, 20:40] = 255
    list(part.detect(frame(0)))

    assert list(part.detect(frame(0.1, moved))) == []
    assert model.runs == 1
    list(part.detect(frame(0.6)))
    assert model.runs == 2


def test_cameras_do_not_mix() -> None:
    """Each source has its own gate and its own last result."""
    model = Scripted([(2, 2, 0, 0.9)])
    part = detector(Shelf(model))

    assert told(part.detect(frame(0)))[1:] == [("object", "person")]
    model.things = []
    assert told(part.detect(frame(0, source="yard"))) == [("scene", "objects")]
    assert told(part.detect(frame(1)))[1:] == [("object", "person")]


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (np.zeros((64, 64, 3), np.float32), "frame is not uint8"),
        (np.zeros((64, 64), np.uint8), "frame is not (height, width, 3)"),
        (np.zeros((64, 64, 4), np.uint8), "frame is not (height, width, 3)"),
        (np.zeros((1, 1, 3), np.uint8), "frame is too small"),
        (np.zeros((0, 64, 3), np.uint8), "frame is too small"),
        (None, "frame is not uint8"),
    ],
)
def test_a_bad_frame_is_counted(image: Any, why: str) -> None:
    """What is no picture gives nothing, raises nothing and is counted under its reason."""
    part = detector(Shelf(Scripted()))

    assert list(part.detect(frame(0, image))) == []
    assert part._context.health.snapshot(0)["rejected_why"] == {why: 1}


def test_another_sample_is_counted() -> None:
    """A reading is no frame."""
    part = detector(Shelf(Scripted()))

    assert list(part.detect(Reading("cam", None, 0, "temperature", 20.0))) == []
    assert part._context.health.rejected == 1


def test_reset_forgets() -> None:
    """After a reset the next frame is looked at, as it is when time goes backwards."""
    model = Scripted()
    part = detector(Shelf(model))
    for seconds in (5, 5.2):
        list(part.detect(frame(seconds)))
    assert model.runs == 1
    part.reset()
    list(part.detect(frame(5.4)))
    list(part.detect(frame(1)))

    assert model.runs == 3
    part.close()
    part.close()


def test_threads_are_passed_on_only_when_set() -> None:
    """The model's card decides unless the configuration does."""
    shelf = Shelf(Scripted())
    detector(shelf)
    detector(shelf, threads=3, model="other")

    assert shelf.asked == [("nanodet", None), ("other", 3)]


@pytest.fixture(scope="module")
def store() -> Store:
    """The real models."""
    store = Store(ModelsConfig(pull="never"), SystemClock())
    try:
        store.path("nanodet")
    except ModelError as error:
        pytest.skip(str(error))
    return store


def photograph(name: str) -> NDArray[np.uint8]:
    data = pytest.importorskip("skimage.data")
    rgb = getattr(data, name)()
    return np.ascontiguousarray(rgb[..., ::-1])


@pytest.mark.models
@pytest.mark.parametrize(("name", "label", "kind"), [("astronaut", "person", "person"), ("chelsea", "animal", "cat")])
def test_the_real_network_on_real_photographs(store: Store, name: str, label: str, kind: str) -> None:
    """NanoDet finds the astronaut as a person and Chelsea as a cat, each in most of her picture, always the same."""
    image = photograph(name)
    seen = list(detector(store).detect(frame(0, image)))
    again = list(detector(store).detect(frame(0, image)))

    best = seen[1]
    assert (best.label, best.data["class"]) == (label, kind)
    assert best.score >= 0.5
    assert best.data["box"][2] * best.data["box"][3] > 0.3
    assert seen == again


@pytest.mark.models
def test_the_size_of_the_picture_does_not_matter(store: Store) -> None:
    """The same photograph, halved and doubled, holds the same person at nearly the same place."""
    cv2 = pytest.importorskip("cv2")
    image = photograph("astronaut")
    found: list[Observation] = []
    for scale in (0.5, 1, 2):
        resized = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found.append(list(detector(store).detect(frame(0, resized)))[1])

    assert [one.label for one in found] == ["person"] * 3
    np.testing.assert_allclose([one.data["box"] for one in found], [found[1].data["box"]] * 3, atol=0.06)


@pytest.mark.models
def test_a_grey_wall_is_empty(store: Store) -> None:
    """In a picture without anything nothing is seen."""
    wall = np.full((480, 640, 3), 128, np.uint8)

    assert told(detector(store).detect(frame(0, wall))) == [("scene", "objects")]


@pytest.mark.models
def test_model_time_is_counted(store: Store) -> None:
    """The CPU time of a look is on the part's health, and the engine that ran it."""
    part = detector(store)
    before = part._context.health.model_cpu
    list(part.detect(frame(0, photograph("astronaut"))))

    assert part._context.health.model_cpu > before
    assert part._context.health.info["engines"]["nanodet"]["runs_on"].endswith("CPUExecutionProvider")
