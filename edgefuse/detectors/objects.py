"""Sees persons, vehicles and animals: motion gate, NanoDet, groups, zones."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from edgefuse.config.models import Point
from edgefuse.core.errors import needs
from edgefuse.core.ports import Context, Trial
from edgefuse.core.types import Frame, Json, Modality, Observation, Sample, observation_id
from edgefuse.detectors.coco import GROUPS, NAMES, members
from edgefuse.detectors.looking import LookConfig, Watch
from edgefuse.detectors.nanodet import Found, Nanodet
from edgefuse.detectors.objects_trial import ObjectsTrial

_SHORTEST = 2
"""Pixels; a picture with a shorter side shows nothing."""
_BOTTOM = 0.9999
"""Feet below the picture stand at its lower edge, so that a zone that reaches it holds them."""


def _known(label: str) -> str:
    members(label)
    return label


Label: TypeAlias = Annotated[str, AfterValidator(_known)]


@dataclass(frozen=True, slots=True)
class _Thing:
    """One detection, ready to be told again."""

    label: str
    score: float
    data: Mapping[str, Json]


@dataclass(slots=True)
class _View:
    """What is known about one camera."""

    watch: Watch
    things: Sequence[_Thing] = field(default_factory=tuple)


class Objects:
    """For every look one `scene` with counts, and one `object` for each thing in it."""

    class Config(LookConfig):
        """Settings."""

        type: Literal["objects"] = "objects"
        model: str = "nanodet"
        """Catalogue entry of a NanoDet."""
        classes: Annotated[list[Label], Field(min_length=1)] = Field(default_factory=lambda: list(GROUPS))
        """Groups, or single classes of COCO such as `dog`."""
        min_score: Annotated[float, Field(ge=0.05, le=1)] = 0.43
        """The least at which persons in photographs were told with a precision of .85."""

    modality: Modality = "vision"
    accepts: ClassVar[tuple[type, ...]] = (Frame,)

    def __init__(self, config: Config, context: Context) -> None:
        self._config = config
        self._context = context
        self._kinds = _kinds(config.classes)
        self._network: Nanodet | None = None
        self._views: dict[str, _View] = {}
        with needs("camera", "pictures"):
            import cv2  # noqa: F401  told now, not with the first picture

    @staticmethod
    def models(config: Config) -> list[str]:
        """What has to be pulled for this configuration."""
        return [config.model]

    @staticmethod
    def trial(model: str) -> Trial | None:
        """How copies of the catalogue's NanoDet are judged; what somebody else's takes is not known."""
        return ObjectsTrial() if model == "nanodet" else None

    def warm_up(self) -> None:
        """Load the network; the store runs it once. Raises ModelError."""
        threads = {} if self._config.threads is None else {"threads": self._config.threads}
        self._network = Nanodet(self._context.models.load(self._config.model, self._context.health, **threads))

    def detect(self, sample: Sample) -> Iterable[Observation]:
        """Observations of this frame; none when it is no picture, or when nothing new is to be said."""
        if not isinstance(sample, Frame):
            self._context.health.reject("not a frame")
            return []
        why = flaw(sample.image)
        if why is not None:
            self._context.health.reject(why)
            return []
        view = self._views.setdefault(sample.source, _View(Watch(self._config)))
        if view.watch.looked is not None and sample.t < view.watch.looked:
            self._views[sample.source] = view = _View(Watch(self._config))
        if view.watch.due(sample):
            view.things = self._look(sample)
            view.watch.has_looked(sample.t)
            return self._tell(sample, view.things, still=False)
        if view.watch.repeats(sample.t):
            return self._tell(sample, view.things, still=True)
        return []

    def reset(self) -> None:
        """Forget every picture."""
        self._views.clear()

    def close(self) -> None:
        """Free the network."""
        if self._network is not None:
            self._network.close()
            self._network = None

    def _look(self, frame: Frame) -> Sequence[_Thing]:
        if self._network is None:
            self.warm_up()
        assert self._network is not None
        found = self._network.look(frame.image, self._config.min_score, self._kinds)
        zones = getattr(self._context.site.sources.get(frame.source), "zones", None) or {}
        return [self._thing(found, n, zones) for n in range(len(found.scores))]

    def _thing(self, found: Found, n: int, zones: Mapping[str, Sequence[Point]]) -> _Thing:
        left, top, right, bottom = (float(edge) for edge in found.boxes[n])
        foot = ((left + right) / 2, min(bottom, _BOTTOM))
        data = {
            "class": NAMES[found.classes[n]],
            "network_score": round(float(found.scores[n]), 4),
            "box": [round(value, 4) for value in (left, top, right - left, bottom - top)],
            "zones": [name for name, polygon in zones.items() if inside(foot, polygon)],
        }
        label = self._config.classes[self._kinds[found.classes[n]]]
        return _Thing(label, round(sure(float(found.scores[n]), self._config.min_score), 4), data)

    def _tell(self, frame: Frame, things: Sequence[_Thing], *, still: bool) -> list[Observation]:
        mark = {"still": True} if still else {}
        counts = Counter(thing.label for thing in things)
        zones: dict[str, Counter[str]] = {}
        for thing in things:
            for zone in thing.data["zones"]:
                zones.setdefault(zone, Counter())[thing.label] += 1
        summary = {"counts": _sorted(counts), "zones": {zone: _sorted(zones[zone]) for zone in sorted(zones)}, **mark}
        scene = self._observation(frame, 0, "scene", _Thing("objects", 0.0, summary))
        return [
            scene,
            *(
                self._observation(frame, n, "object", _Thing(thing.label, thing.score, {**thing.data, **mark}))
                for n, thing in enumerate(things, 1)
            ),
        ]

    def _observation(self, frame: Frame, n: int, kind: str, thing: _Thing) -> Observation:
        return Observation(
            id=observation_id(self._context.name, frame.source, frame.end, n),
            detector=self._context.name,
            source=frame.source,
            modality=self.modality,
            kind=kind,
            label=thing.label,
            score=thing.score,
            start=frame.t,
            end=frame.end,
            area=self._config.area or frame.area,
            data=thing.data,
        )


def sure(score: float, least: float) -> float:
    """How sure a detection is: .5 at the least score that is told, rising towards 1.

    The network's score is also the overlap that it expects of its box (generalised focal loss, Li et al. 2020,
    https://arxiv.org/abs/2006.04388): at .6 it is far surer that something is there than where exactly. Taken as a
    probability, .45 would speak against what was seen. Conservative beside the share of right detections per score.
    """
    doubt = (1 - score) / (1 - least) if least < 1 else 0.0
    return 1 - 0.5 * doubt * doubt


def inside(point: Point, polygon: Sequence[Point]) -> bool:
    """Whether a point lies in a polygon, by the parity of the edges to its right."""
    x, y = point
    odd = False
    for (x1, y1), (x2, y2) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            odd = not odd
    return odd


def _kinds(labels: Sequence[str]) -> NDArray[np.intp]:
    """Class of COCO -> place of its label in the configuration, -1 for none; the first label that has it wins."""
    kinds = np.full(len(NAMES), -1, np.intp)
    for place, label in reversed(list(enumerate(labels))):
        for name in members(label):
            kinds[NAMES.index(name)] = place
    return kinds


def flaw(image: Any) -> str | None:
    """Why an array is no picture."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        return "frame is not uint8"
    if image.ndim != 3 or image.shape[2] != 3:  # noqa: PLR2004  height, width, colours
        return "frame is not (height, width, 3)"
    if min(image.shape[:2]) < _SHORTEST:
        return "frame is too small"
    return None


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return {label: counts[label] for label in sorted(counts)}
