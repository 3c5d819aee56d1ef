"""The user's own intents: hassil templates, matched over the units of an utterance, word for word."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, TypeAlias

from edgefuse.config.models import Intent
from edgefuse.core.errors import ConfigError
from edgefuse.grounding.words.home import Home
from edgefuse.grounding.words.units import pieces
from edgefuse.language import Language

Slots: TypeAlias = tuple[tuple[str, str], ...]
Lists: TypeAlias = Mapping[str, Sequence[tuple[tuple[str, ...], str]]]
_WORD = re.compile(r"[\w'\u2019]+")


@dataclass(frozen=True, slots=True)
class Part:
    """A step of a template: words, a phrase of a slot, one of several, or one after the other."""

    words: tuple[str, ...] = ()
    slot: str = ""
    phrases: Sequence[tuple[tuple[str, ...], str]] = ()
    """Units of each phrase, and its value."""
    either: tuple["Part", ...] = ()
    each: tuple["Part", ...] = ()

    def match(self, words: Sequence[str], at: int) -> Iterator[tuple[int, Slots]]:
        """Index behind, and slots, of every way to say it from `at` on."""
        if self.slot:
            for said, value in self.phrases:
                if tuple(words[at : at + len(said)]) == said:
                    yield at + len(said), ((self.slot, value),)
        elif self.either:
            for part in self.either:
                yield from part.match(words, at)
        elif self.each:
            yield from _run(self.each, words, at)
        elif tuple(words[at : at + len(self.words)]) == self.words:
            yield at + len(self.words), ()


def _run(parts: Sequence[Part], words: Sequence[str], at: int) -> Iterator[tuple[int, Slots]]:
    if not parts:
        yield at, ()
        return
    for middle, slots in parts[0].match(words, at):
        yield from ((end, (*slots, *more)) for end, more in _run(parts[1:], words, middle))


def templates(language: Language, home: Home) -> tuple[tuple[str, Part], ...]:
    """Every sentence of a home's intents. Raises ConfigError for one that is no hassil template."""
    return tuple(
        (name, _part(_parse(name, sentence), _lists(intent, language, home), language))
        for name, intent in home.intents.items()
        for sentence in intent.sentences
    )


def _part(expression: Any, lists: Lists, language: Language) -> Part:
    from hassil import expression as h

    if isinstance(expression, h.TextChunk):
        return Part(pieces(expression.text, language))
    if isinstance(expression, h.ListReference):
        return Part(slot=expression.slot_name, phrases=lists.get(expression.list_name, ()))
    if isinstance(expression, h.RuleReference):
        raise ConfigError(f"sentence with <{expression.rule_name}>: expected no rules in sentences of one's own")
    parts = tuple(_part(item, lists, language) for item in expression.items)
    if isinstance(expression, h.Alternative):
        return Part(either=parts)
    if isinstance(expression, h.Permutation):
        return Part(either=tuple(Part(each=order) for order in permutations(parts)))
    return Part(each=parts)


def _lists(intent: Intent, language: Language, home: Home) -> Lists:
    own = {slot: {phrase: " ".join(phrase.split()) for phrase in phrases} for slot, phrases in intent.slots.items()}
    kinds: Mapping[str, Sequence[Sequence[str]]] = language.data["kinds"]
    known = {
        "name": {said: said for said in [*home.names, *home.keys]},
        "area": dict(home.areas),
        "kind": {said: kind for kind in home.kinds for said in kinds.get(kind, [[kind]])[0]},
        "level": {language.number(level): str(level) for level in range(101)},
    }
    return {
        slot: [(pieces(s, language), value) for s, value in said.items()] for slot, said in {**known, **own}.items()
    }


def vocabulary(intents: Mapping[str, Intent]) -> Iterator[str]:
    """Every word that the user's own sentences hold."""
    for intent in intents.values():
        for text in [*intent.sentences, *(phrase for phrases in intent.slots.values() for phrase in phrases)]:
            yield from _WORD.findall(re.sub(r"\{[^}]*\}|<[^>]*>", " ", text))


def _parse(intent: str, sentence: str) -> Any:
    from hassil.parse_expression import parse_sentence
    from hassil.parser import ParseError

    try:
        return parse_sentence(sentence).expression
    except ParseError as error:
        raise ConfigError(f"intent '{intent}', sentence '{sentence}': expected a hassil template: {error}") from None
