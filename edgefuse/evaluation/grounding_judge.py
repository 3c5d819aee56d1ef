"""What came of words beside what was to come of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from edgefuse.evaluation.grounding_format import Expectation, Wanted

End: TypeAlias = Literal["done", "answered", "asked", "refused"]
_TELLING = frozenset({"help", "repeat"})
"""Besides the queries, intents that are answered and do nothing in the home."""
_IDLE = frozenset({"yes", "no", "cancel"})
"""Intents that need no answer either."""


@dataclass(frozen=True, slots=True)
class Act:
    """One order that is carried out."""

    intent: str
    targets: tuple[str, ...] = ()
    slots: Mapping[str, str] = field(default_factory=dict)

    @property
    def tells(self) -> bool:
        """Whether it does nothing in the home."""
        return self.intent in _TELLING | _IDLE or self.intent.startswith("query_")

    def __str__(self) -> str:
        slots = " ".join(f"{name}={value}" for name, value in self.slots.items())
        return " ".join(filter(None, [self.intent, ", ".join(self.targets), slots]))


@dataclass(frozen=True, slots=True)
class Came:
    """What came of one utterance."""

    acts: tuple[Act, ...] = ()
    asked: tuple[str, ...] | None = None
    """Candidates of a question; None: nothing is asked."""
    said: str = ""
    answered: bool = False
    """What is said is more than a refusal or a question."""

    @property
    def end(self) -> End:
        """How it ended; what is done counts before what is asked."""
        if any(not act.tells for act in self.acts):
            return "done"
        if self.asked is not None:
            return "asked"
        told = any(act.intent not in _IDLE for act in self.acts)
        return "answered" if told or self.answered else "refused"

    def __str__(self) -> str:
        acts = "; ".join(map(str, self.acts))
        asked = "" if self.asked is None else f"question between {', '.join(self.asked) or 'nothing'}"
        return " + ".join(filter(None, [acts, asked])) + (f' "{self.said}"' if self.said else "") or "nothing"


def fits(came: Came, expected: Expectation) -> bool:
    """Whether this is the outcome that was expected, and nothing else."""
    if expected.nothing:
        return came.end != "done"
    if expected.refusal:
        return came.end == "refused"
    if expected.question is not False:
        named = set(expected.question) if isinstance(expected.question, list) else set(came.asked or ())
        return came.asked is not None and set(came.asked) == named and not _spare(came.acts, expected)
    if came.asked is not None or not _told(came, expected.answer):
        return False
    left = _left(came.acts, expected)
    return left is not None and all(act.tells and (act.intent in _IDLE or not expected.wanted) for act in left)


def wrongly_done(came: Came, expected: Sequence[Expectation]) -> tuple[Act, ...]:
    """What was done in the home and none of the outcomes has; empty: nothing wrong was done."""
    spare = [_spare(came.acts, each) for each in expected]
    return min(spare, key=len, default=())


def _told(came: Came, answer: bool | str) -> bool:  # noqa: FBT001  as it stands in the case
    if answer is False:
        return True
    words = _words(came.said)
    return came.end == "answered" and (answer is True or any(_words(part) in words for part in str(answer).split("|")))


def _words(text: str) -> str:
    """With a space around each word, so that `locked` is not found in `unlocked`."""
    kept = "".join(c if c.isalnum() or c in ".:" else " " for c in text.casefold())
    plain = " ".join(word.strip(".:") for word in kept.split())
    return f" {plain} " if plain.isascii() else plain


def _left(acts: Sequence[Act], expected: Expectation) -> list[Act] | None:
    """Acts that nobody wanted; None where a wanted one is not or not wholly done."""
    left = list(acts)
    for wanted in expected.wanted:
        mine = [act for act in left if _allowed(act, wanted)]
        reached = {target for act in mine for target in act.targets}
        if not mine or not (wanted.things or frozenset()) <= reached:
            return None
        left = [act for act in left if act not in mine]
    return [act for act in left if not any(_allowed(act, also) for also in expected.also)]


def _spare(acts: Sequence[Act], expected: Expectation) -> tuple[Act, ...]:
    fine = [*expected.wanted, *expected.also]
    return tuple(act for act in acts if not act.tells and not any(_allowed(act, each) for each in fine))


def _allowed(act: Act, wanted: Wanted) -> bool:
    things = wanted.things
    inside = things is None or set(act.targets) <= things | set(wanted.may)
    return act.intent in wanted.intent and inside and all(_same(act.slots.get(n), v) for n, v in wanted.slots.items())


def _same(got: str | None, expected: object) -> bool:
    """Numbers as numbers, words without capitals and spaces that do not matter."""
    if got is None:
        return False
    try:
        return float(got) == float(str(expected))
    except ValueError:
        return " ".join(got.casefold().split()) == " ".join(str(expected).casefold().split())
