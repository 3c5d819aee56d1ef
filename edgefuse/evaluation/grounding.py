"""`edgefuse evaluate grounding`: cases of words in scenes through the whole way from text to what is meant."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edgefuse.core.types import Nanoseconds
from edgefuse.evaluation.grounding_cases import Cases, ReadCase, read_cases
from edgefuse.evaluation.grounding_judge import Act, Came, fits, wrongly_done
from edgefuse.evaluation.grounding_run import Pipeline

_MS = 1e6


@dataclass(frozen=True, slots=True)
class Judged:
    """One case and what came of it."""

    case: ReadCase
    came: Came
    took: Nanoseconds
    because: tuple[str, ...] = ()

    @property
    def correct(self) -> bool:
        """Whether it came out as one of the expected."""
        return any(fits(self.came, each) for each in self.case.expect)

    @property
    def wrong(self) -> tuple[Act, ...]:
        """What was done that no outcome has."""
        return wrongly_done(self.came, self.case.expect)

    @property
    def wrong_answer(self) -> bool:
        """Whether it was answered where no answer was due, and nothing done."""
        return not self.correct and not self.wrong and self.came.end == "answered"


class Listens(Protocol):
    """Takes a case."""

    def __call__(self, case: ReadCase) -> tuple[Came, Nanoseconds, Sequence[str]]:
        """What came of its last words, how long that took, and why."""


def evaluate(data: Path, *, limit: int | None = None, details: bool = False) -> dict[str, Any]:
    """Measure on a file of cases; deploy/grounding-cases.md says what the keys mean. Raises ConfigError."""
    cases = read_cases(data)
    result = figures(judged(cases, listener(cases), limit))
    return result if details else {key: value for key, value in result.items() if key != "failures"}


def listener(cases: Cases) -> Listens:
    """What is to be measured: the daemon's own way."""
    pipeline = Pipeline(cases.site, cases.language)

    def listen(case: ReadCase) -> tuple[Came, Nanoseconds, Sequence[str]]:
        moment = pipeline.begin()
        for turn in case.turns[:-1]:
            _, moment = pipeline.say(turn.words, turn.scene, moment, turn.after_s)
        last = case.turns[-1]
        heard, _ = pipeline.say(last.words, last.scene, moment, last.after_s)
        return heard.came, heard.took, heard.because

    return listen


def judged(cases: Cases, listen: Listens, limit: int | None = None) -> list[Judged]:
    """Every case, and what came of it."""
    chosen = cases.cases[:limit]
    return [Judged(case, came, took, tuple(why)) for case in chosen for came, took, why in [listen(case)]]


def figures(cases: Sequence[Judged]) -> dict[str, Any]:
    """What is reported of all cases, of each split and of each category."""
    splits = {name: [each for each in cases if each.case.split == name] for name in ("dev", "held")}
    named = dict.fromkeys(each.case.category for each in cases)
    result = _shares(cases)
    if all(splits.values()):
        result["splits"] = {name: _shares(some) for name, some in splits.items()}
    if len(named) > 1:
        result["categories"] = {
            name or "other": _shares([each for each in cases if each.case.category == name], timed=False)
            for name in named
        }
    result["failures"] = [failure(each) for each in cases if not each.correct]
    return result


def failure(one: Judged) -> dict[str, Any]:
    """A case that came out otherwise."""
    case = one.case
    return {
        "place": case.place,
        "category": case.category,
        "split": case.split,
        "history": [turn.words for turn in case.turns[:-1]],
        "words": case.words,
        "expected": [each.model_dump(exclude_defaults=True) for each in case.expect],
        "got": str(one.came),
        "wrong": "action" if one.wrong else "answer" if one.wrong_answer else "",
        "because": list(one.because),
    }


def _shares(cases: Sequence[Judged], *, timed: bool = True) -> dict[str, Any]:
    answerable = [each for each in cases if each.case.expect[0].answerable]
    questions = [each for each in cases if each.case.expect[0].question is not False]
    refusals = [each for each in cases if each.case.expect[0].refusal or each.case.expect[0].nothing]
    result: dict[str, Any] = {
        "n": len(cases),
        "answerable": len(answerable),
        "right": _share(answerable, lambda each: each.correct),
        "wrong_action": _share(cases, lambda each: bool(each.wrong)),
        "wrong_answer": _share(cases, lambda each: each.wrong_answer),
        "asked": _share(cases, lambda each: each.came.end == "asked"),
        "refused": _share(cases, lambda each: each.came.end == "refused"),
        "asked_rightly": _share(questions, lambda each: each.correct),
        "refused_rightly": _share(refusals, lambda each: each.correct),
        "correct": _share(cases, lambda each: each.correct),
    }
    if timed:
        took = sorted(each.took for each in cases)
        result |= {f"p{share}_ms": _percentile(took, share) for share in (50, 95)}
    return result


def _share(cases: Sequence[Judged], holds: Callable[[Judged], bool]) -> float | None:
    """None: there is none of which it could hold."""
    return round(sum(map(holds, cases)) / len(cases), 4) if cases else None


def _percentile(took: Sequence[Nanoseconds], share: int) -> float:
    """Of sorted durations, by the nearest rank."""
    return round(took[min(len(took) - 1, len(took) * share // 100)] / _MS, 3) if took else 0.0
