"""A file of cases for grounding as types: a home, scenes, words and what is to come of them."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from edgefuse.config.models import Seconds, Strict
from edgefuse.evaluation.grounding_scene import SceneSpec

Text: TypeAlias = Annotated[str, StringConstraints(min_length=1)]
Slot: TypeAlias = bool | int | float | str


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _texts(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _based(value: Any) -> Any:
    return {"base": value} if isinstance(value, str) else value


def _turns(value: Any) -> Any:
    turns = value if isinstance(value, list) else [value]
    return [{"words": turn} if isinstance(turn, str) else turn for turn in turns]


def _grouped(value: Any) -> Any:
    return {"": value} if isinstance(value, list) else value


class Wanted(Strict):
    """One order that is to be done."""

    intent: Annotated[list[Text], BeforeValidator(_texts), Field(min_length=1)]
    """One name, or several of which each is right."""
    target: Text | None = None
    targets: list[Text] | None = None
    """Exactly these things, in any order; neither `target` nor `targets`: none is looked at."""
    may: list[Text] = Field(default_factory=list)
    """Things that may be among them too, such as lamps that are off already."""
    slots: dict[str, Slot] = Field(default_factory=dict)
    """Those given here must be right; others are not looked at."""

    @property
    def things(self) -> frozenset[str] | None:
        """What must be among the targets; None: anything."""
        named = [*(self.targets or ()), *([self.target] if self.target else ())]
        return frozenset(named) if named or self.targets is not None else None


class Expectation(Strict):
    """One outcome that is right."""

    intent: Annotated[list[Text], BeforeValidator(_texts), Field(min_length=1)] | None = None
    target: Text | None = None
    targets: list[Text] | None = None
    may: list[Text] = Field(default_factory=list)
    slots: dict[str, Slot] = Field(default_factory=dict)
    orders: list[Wanted] = Field(default_factory=list)
    """Several at once; all of them."""
    also: list[Wanted] = Field(default_factory=list)
    """What may be done besides, such as undoing what was wrong."""
    question: bool | list[Text] = False
    """A question; of these candidates, in any order, if they are named."""
    answer: bool | Text = False
    """Something is said; with this text in it, or one of several parted by `|`."""
    refusal: bool = False
    """Nothing is done and nothing asked: not understood, or refused."""
    nothing: bool = False
    """Nothing is done, whatever is said."""

    @model_validator(mode="after")
    def _one(self) -> "Expectation":
        if self.intent and self.orders:
            raise ValueError("expected 'intent' or 'orders', got both")
        ends = [name for name in ("question", "refusal", "nothing") if getattr(self, name) is not False]
        acts = [name for name in ("intent", "orders", "answer") if getattr(self, name)]
        if len(ends) + bool(acts) != 1:
            got = " and ".join([*ends, *acts]) or "none of them"
            raise ValueError(f"expected an outcome: intent, orders, answer, question, refusal or nothing, got {got}")
        if not self.intent and (self.target or self.targets or self.may or self.slots):
            raise ValueError("expected 'intent' beside 'target', 'targets', 'may' or 'slots', got none")
        return self

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        """The orders that are to be done."""
        if self.intent is None:
            return tuple(self.orders)
        return (Wanted(intent=self.intent, target=self.target, targets=self.targets, may=self.may, slots=self.slots),)

    @property
    def answerable(self) -> bool:
        """Whether something is to be done or told."""
        return bool(self.intent or self.orders or self.answer)


class Turn(Strict):
    """Something said before; the system itself deals with it."""

    words: Text
    scene: Annotated[SceneSpec, BeforeValidator(_based)] | None = None
    """Default: that of the case."""
    after_s: Seconds = 2
    """How long after what was said before it."""


class Case(Strict):
    """Words in a scene and what is to come of them."""

    words: Text
    scene: Annotated[SceneSpec, BeforeValidator(_based)] = SceneSpec()
    """Name of a scene, or its keys; with `base` they are laid over another one."""
    history: Annotated[list[Turn], BeforeValidator(_turns)] = Field(default_factory=list)
    after_s: Seconds = 2
    """How long after the last of the history."""
    expect: Annotated[list[Expectation], BeforeValidator(_listed), Field(min_length=1)]
    """One outcome, or several of which each is right; the first is the one hoped for."""
    category: str = ""
    """A row of its own in the table; default: the key that the case stands under."""
    split: Literal["dev", "held"] = "dev"
    """held: told apart in the result, for cases that nobody tunes on."""


class CaseFile(Strict):
    """The file."""

    language: str = "en"
    home: str | dict[str, Any]
    """Path of a configuration, from the folder of this file, or its content."""
    scenes: dict[str, SceneSpec] = Field(default_factory=dict)
    cases: Annotated[dict[str, list[Case]], BeforeValidator(_grouped)]
    """A list, or category -> list."""
