"""Sees how people stand: who faces the camera, where an arm points, who lies down. MoveNet behind a motion gate."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edgefuse.core.errors import needs
from edgefuse.core.ports import Context
from edgefuse.core.types import Frame, Json, Modality, Observation, Sample, observation_id
from edgefuse.detectors import posture
from edgefuse.detectors.looking import LookConfig, Watch
from edgefuse.detectors.movenet import Body, Movenet
from edgefuse.detectors.objects import flaw


@dataclass(slots=True)
class _View:
    """What is known about one camera."""

    watch: Watch
    bodies: Sequence[tuple[str, float, Mapping[str, Json]]] = ()
    """Label, score and data of what is told."""


class Pose:
    """For every look one `scene` with the number of persons, and for each of them a `pose`.

    Labels: `person`; besides it `lying` and `hand_up` where that is so.
    """

    class Config(LookConfig):
        """Settings."""

        type: Literal["pose"] = "pose"
        model: str = "movenet"
        """Catalogue entry of a MoveNet MultiPose."""
        min_score: Annotated[float, Field(ge=0.05, le=1)] = 0.25
        """Of a person."""
        max_fps: Annotated[float, Field(gt=0)] = 5
        """Looks per second at most, for each camera."""

    modality: Modality = "vision"
    accepts: ClassVar[tuple[type, ...]] = (Frame,)

    def __init__(self, config: Config, context: Context) -> None:
        self._config = config
        self._context = context
        self._network: Movenet | None = None
        self._views: dict[str, _View] = {}
        with needs("camera", "pictures"):
            import cv2  # noqa: F401  told now, not with the first picture

    @staticmethod
    def models(config: Config) -> list[str]:
        """What has to be pulled for this configuration."""
        return [config.model]

    def warm_up(self) -> None:
        """Load the network; the store runs it once. Raises ModelError."""
        threads = {} if self._config.threads is None else {"threads": self._config.threads}
        self._network = Movenet(self._context.models.load(self._config.model, self._context.health, **threads))

    def detect(self, sample: Sample) -> Iterable[Observation]:
        """Observations of this frame; none when it is no picture, or when nothing new is to be said."""
        why = flaw(sample.image) if isinstance(sample, Frame) else "not a frame"
        if why is not None or not isinstance(sample, Frame):
            self._context.health.reject(why or "not a frame")
            return []
        view = self._views.get(sample.source)
        if view is None or (view.watch.looked is not None and sample.t < view.watch.looked):
            view = self._views[sample.source] = _View(Watch(self._config))
        if view.watch.due(sample):
            view.bodies = self._look(sample)
            view.watch.has_looked(sample.t)
            return self._tell(sample, view.bodies)
        return self._tell(sample, view.bodies) if view.watch.repeats(sample.t) else []

    def reset(self) -> None:
        """Forget every picture."""
        self._views.clear()

    def close(self) -> None:
        """Free the network."""
        if self._network is not None:
            self._network.close()
            self._network = None

    def _look(self, frame: Frame) -> list[tuple[str, float, Mapping[str, Json]]]:
        if self._network is None:
            self.warm_up()
        assert self._network is not None
        height, width = frame.image.shape[:2]
        return [
            told
            for body in self._network.look(frame.image, self._config.min_score)
            for told in _told(body, width / height)
        ]

    def _tell(self, frame: Frame, bodies: Sequence[tuple[str, float, Mapping[str, Json]]]) -> list[Observation]:
        persons = sum(label == "person" for label, _, _ in bodies)
        scene = self._observation(frame, 0, "scene", ("poses", 0.0, {"counts": {"person": persons}}))
        return [scene, *(self._observation(frame, n, "pose", each) for n, each in enumerate(bodies, 1))]

    def _observation(self, frame: Frame, n: int, kind: str, told: tuple[str, float, Mapping[str, Json]]) -> Observation:
        label, score, data = told
        return Observation(
            id=observation_id(self._context.name, frame.source, frame.end, n),
            detector=self._context.name,
            source=frame.source,
            modality=self.modality,
            kind=kind,
            label=label,
            score=round(score, 4),
            start=frame.t,
            end=frame.end,
            area=self._config.area or frame.area,
            data=data,
        )


def _told(body: Body, aspect: float) -> list[tuple[str, float, Mapping[str, Json]]]:
    """What is told of one person."""
    ray = posture.pointing(body, aspect)
    data: dict[str, Json] = {
        "box": [round(value, 4) for value in body.box],
        "facing": posture.facing(body),
        "pointing": None if ray is None else [list(end) for end in ray],
    }
    labels = ["person"]
    if posture.lying(body, aspect):
        labels.append("lying")
    if posture.hand_up(body):
        labels.append("hand_up")
    return [(label, min(1.0, body.score), data) for label in labels]
