"""What the user has confirmed or denied, per belief; outlives the process, and can be forgotten."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from edgefuse.core.types import Json, Nanoseconds
from edgefuse.fusion.calibration import UNMOVED, Adjustment, Labelled, drift, fit, log_loss
from edgefuse.fusion.refine import Moment

MOST = 200
"""Answers that are kept per belief; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the user."""

    wall: Nanoseconds
    """When it was given, ns since 1970 UTC."""
    at: Nanoseconds
    """The moment it is about, ns since 1970 UTC."""
    log_odds: float
    """What the fuser said at that moment, before anything learnt here."""
    loss: float
    """Log-loss of what was told at that moment, in nats."""
    truth: bool
    contributions: Mapping[str, float] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one belief has learnt."""

    answers: tuple[Answer, ...] = ()
    drifted: Nanoseconds | None = None
    """When answers were last dropped because what was told had become wrong, ns since 1970 UTC."""
    adjustment: Adjustment = UNMOVED

    def add(self, answer: Answer) -> "Lesson":
        """One more answer; where the answers show a drift, those from before it are dropped."""
        answers = (*self.answers, answer)[-MOST:]
        begin = drift([each.loss for each in answers])
        if begin is not None:
            return _lesson(answers[begin:], answer.wall)
        return _lesson(answers, self.drifted)


def _lesson(answers: tuple[Answer, ...], drifted: Nanoseconds | None) -> Lesson:
    return Lesson(answers, drifted, fit([Labelled(each.log_odds, each.truth) for each in answers]))


@dataclass(frozen=True, slots=True)
class Experience:
    """All beliefs."""

    lessons: Mapping[str, Lesson] = field(default_factory=dict)

    def lesson(self, belief: str) -> Lesson:
        """What a belief has learnt; an empty one where there was no answer."""
        return self.lessons.get(belief, Lesson())

    def answered(self, moment: Moment, at: Nanoseconds, wall: Nanoseconds, *, truth: bool) -> "Experience":
        """Take an answer about a moment at wall time `at`, given at wall time `wall`."""
        said, told = moment.said, moment.told
        answer = Answer(
            wall=wall,
            at=at,
            log_odds=said.prior + sum(said.contributions.values()),
            loss=log_loss(told.prior + sum(told.contributions.values()), truth),
            truth=truth,
            contributions=dict(said.contributions),
            missing=said.missing,
        )
        return Experience({**self.lessons, said.belief: self.lesson(said.belief).add(answer)})

    def forgotten(self, belief: str | None) -> "Experience":
        """The way back: without the answers about one belief, or about all with None."""
        return Experience({} if belief is None else {k: v for k, v in self.lessons.items() if k != belief})

    def to_json(self) -> Json:
        """JSON-ready."""
        return {name: _to_json(lesson) for name, lesson in self.lessons.items()}

    @staticmethod
    def from_json(data: Json) -> "Experience":
        """What `to_json` gave. Raises LookupError, TypeError or ValueError for anything else."""
        return Experience({str(name): _from_json(lesson) for name, lesson in dict(data).items()})


def _to_json(lesson: Lesson) -> Json:
    fields = Answer.__dataclass_fields__
    answers = [{name: getattr(each, name) for name in fields} for each in lesson.answers]
    return {"drifted": lesson.drifted, "answers": answers}


def _from_json(data: Json) -> Lesson:
    answers = tuple(
        replace(
            Answer(
                int(each["wall"]), int(each["at"]), float(each["log_odds"]), float(each["loss"]), bool(each["truth"])
            ),
            contributions={str(name): float(value) for name, value in each["contributions"].items()},
            missing=tuple(map(str, each["missing"])),
        )
        for each in data["answers"]
    )
    return _lesson(answers[-MOST:], None if data["drifted"] is None else int(data["drifted"]))
