"""What can be said here: built-in commands, the site's things and the user's intents as one grammar."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, permutations
from typing import Any, TypeAlias

from edgefuse.config.models import Intent, Site
from edgefuse.core.errors import ConfigError
from edgefuse.language import Language, language

Phrases: TypeAlias = Mapping[str, str]
"""What is said, normalised -> the slot's value."""
_REFERENCE = re.compile(r"(\{[^}]*\}|<[^>]*>)")
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_UNIT = re.compile(r"[\u3400-\u9fff]|[^\s\u3400-\u9fff]+")
"""A word, or a character of Chinese."""
_LEVELS = 101
_SHORT = 2
"""Words of a phrase that is worth saying to the recogniser even when it knows them ..."""
_FEW = 20
"""... unless its list is longer than this."""


@dataclass(frozen=True, slots=True)
class Arc:
    """One step through a sentence: words, a slot's phrase, or nothing when both are empty."""

    start: int
    end: int
    words: str = ""
    slot: str = ""
    phrases: str = ""
    """Name of the slot's list."""

    @property
    def empty(self) -> bool:
        """Whether it says nothing."""
        return not self.words and not self.slot


@dataclass(frozen=True, slots=True)
class Sentence:
    """A template as an acyclic graph from node 0 to the last; every arc goes to a higher node."""

    intent: str
    arcs: tuple[Arc, ...]
    """Ordered by `end`."""
    nodes: int


@dataclass(frozen=True, eq=False)
class Grammar:
    """Everything that can be understood."""

    language: Language
    templates: Mapping[str, Sequence[str]]
    """Intent -> hassil templates."""
    lists: Mapping[str, Phrases]
    """List -> phrases; an intent's own list is named `<intent>.<slot>`."""
    sentences: tuple[Sentence, ...]
    written: Mapping[str, str]
    """Normalised word -> as the templates write it, where that differs."""

    def prompt(self, limit: int = 120) -> str:
        """Phrases of the grammar in natural order for the recogniser, long ones only while they bring new words."""
        seen: set[str] = set()
        kept: dict[str, str] = {}
        length = 0
        for phrase, short in self._spoken():
            words = _UNIT.findall(phrase)
            known = phrase in kept or (set(words) <= seen and len(words) > short)
            if not words or known or length + len(words) > limit:
                continue
            seen.update(words)
            length += len(words)
            kept[phrase] = " ".join(self.written.get(word, word) for word in phrase.split())
        text = ", ".join(kept.values())
        return f"{text[:1].upper()}{text[1:]}." if text else ""

    def _spoken(self) -> Iterable[tuple[str, int]]:
        """Every phrase, and up to how many words it is worth saying although its words are known."""
        for sentence in self.sentences:
            for arc in sentence.arcs:
                phrases = self.lists[arc.phrases] if arc.slot else [arc.words]
                yield from ((phrase, _SHORT if len(phrases) <= _FEW else 0) for phrase in phrases)


def of_site(site: Site, code: str) -> Grammar:
    """Grammar of a configuration. Raises ConfigError for a template that cannot be read."""
    words = language(code)
    intents = {name: list(sentences) for name, sentences in words.data["intents"].items()}
    lists = _site_lists(site, words)
    return build(words, intents, lists, words.data["rules"], site.intents)


def build(
    words: Language,
    templates: Mapping[str, Sequence[str]],
    lists: Mapping[str, Phrases],
    rules: Mapping[str, str],
    user: Mapping[str, Intent],
) -> Grammar:
    """Compile templates; a user's intent of a built-in name adds to it. Raises ConfigError."""
    every = {name: [_fold(t, words) for t in texts] for name, texts in templates.items()}
    known: dict[str, Phrases] = dict(lists)
    for name, intent in user.items():
        own = {slot: f"{name}.{slot}" for slot in intent.slots}
        known |= {own[slot]: {words.spell(p): " ".join(p.split()) for p in intent.slots[slot]} for slot in own}
        every.setdefault(name, []).extend(_qualify(_fold(text, words), own) for text in intent.sentences)
    folded = {name: _fold(text, words) for name, text in rules.items()}
    compiler = _Compiler(folded, known)
    sentences = [compiler.sentence(name, text) for name, texts in every.items() for text in texts]
    return Grammar(words, every, known, tuple(sentences), _written(words, templates, user))


def _written(words: Language, templates: Mapping[str, Sequence[str]], user: Mapping[str, Intent]) -> dict[str, str]:
    texts = [text for sentences in templates.values() for text in sentences]
    for intent in user.values():
        texts += [*intent.sentences, *(phrase for phrases in intent.slots.values() for phrase in phrases)]
    found = (word for text in texts for word in _WORD.findall(_REFERENCE.sub(" ", text)))
    return {words.spell(word): word for word in found if words.spell(word) != word and not word.isdigit()}


def _site_lists(site: Site, words: Language) -> dict[str, Phrases]:
    data = words.data
    own_script = bool(data.get("own_script"))
    names = {
        words.spell(said): said
        for key, thing in site.things.items()
        for said in [*([] if own_script and thing.names else [key.replace("_", " ")]), *thing.names]
    }
    areas = [thing.area for thing in site.things.values()] + [part.area for part in site.sources.values()]
    kinds = dict.fromkeys(thing.kind for thing in site.things.values())
    spoken = {kind: data["kinds"].get(kind, [[kind.replace("_", " ")], []]) for kind in kinds}
    return {
        "name": {spelled: said for spelled, said in names.items() if spelled},
        "area": _areas([*areas, site.device.area, *site.areas], site, words),
        "kind": {words.spell(said): kind for kind, (one, _) in spoken.items() for said in one},
        "kinds": {words.spell(said): kind for kind, (_, many) in spoken.items() for said in many},
        "level": {words.spell(words.number(n)): str(n) for n in range(_LEVELS)},
        "all": dict.fromkeys(map(words.spell, data["all"]), "all"),
        "everywhere": dict.fromkeys(map(words.spell, data["everywhere"]), "everywhere"),
    }


def _areas(keys: Iterable[str | None], site: Site, words: Language) -> Phrases:
    """How each area is called -> its key."""
    own = {key: site.areas[key].names if key in site.areas else [] for key in keys if key}
    return {
        words.spell(said): key
        for key, names in own.items()
        for said in [*([] if names and words.data.get("own_script") else [key.replace("_", " ")]), *names]
    }


def _fold(template: str, words: Language) -> str:
    """Normalise the words of a template and leave its syntax alone."""
    parts = _REFERENCE.split(template)
    return "".join(part if i % 2 else _WORD.sub(lambda w: words.spell(w[0]), part) for i, part in enumerate(parts))


def _qualify(template: str, own: Mapping[str, str]) -> str:
    """Point `{slot}` at the intent's own list of that name, where it has one."""
    return re.sub(r"\{(\w+)\}", lambda m: f"{{{own[m[1]]}:{m[1]}}}" if m[1] in own else m[0], template)


class _Compiler:
    """Turns hassil's expression trees into graphs."""

    def __init__(self, rules: Mapping[str, str], lists: Mapping[str, Phrases]) -> None:
        self._rules = rules
        self._lists = lists
        self._arcs: list[Arc] = []
        self._nodes = 1

    def sentence(self, intent: str, template: str) -> Sentence:
        self._arcs, self._nodes = [], 1
        try:
            self._add(_parse(template), 0)
        except _UnknownError as error:
            raise ConfigError(f"intent '{intent}', sentence '{template}': {error}") from None
        return Sentence(intent, tuple(sorted(self._arcs, key=lambda arc: (arc.end, arc.start))), self._nodes)

    def _add(self, expression: Any, start: int) -> int:
        """Add an expression after the node `start`; gives its last node."""
        from hassil import expression as h

        if isinstance(expression, h.TextChunk):
            return self._text(expression.text, start)
        if isinstance(expression, h.ListReference):
            return self._slot(expression.slot_name, expression.list_name, start)
        if isinstance(expression, h.RuleReference):
            return self._rule(expression.rule_name, start)
        if isinstance(expression, h.Permutation):
            return self._join([self._run(items, start) for items in permutations(expression.items)])
        if isinstance(expression, h.Alternative):
            return self._join([self._add(item, start) for item in expression.items])
        return self._run(expression.items, start)

    def _run(self, items: Iterable[Any], start: int) -> int:
        """Add one after the other; neighbouring chunks of text are one arc."""
        from hassil.expression import TextChunk

        for is_text, group in groupby(items, key=lambda item: isinstance(item, TextChunk)):
            if is_text:
                start = self._text("".join(chunk.text for chunk in group), start)
            else:
                for item in group:
                    start = self._add(item, start)
        return start

    def _text(self, text: str, start: int) -> int:
        words = " ".join(text.split())
        return self._arc(start, words=words) if words else start

    def _slot(self, slot: str, phrases: str, start: int) -> int:
        if phrases not in self._lists:
            raise _UnknownError(f"unknown slot '{{{phrases}}}' (known: {', '.join(self._lists)})")
        return self._arc(start, slot=slot, phrases=phrases)

    def _rule(self, name: str, start: int) -> int:
        if name not in self._rules:
            raise _UnknownError(f"unknown rule '<{name}>' (known: {', '.join(self._rules)})")
        return self._add(_parse(self._rules[name]), start)

    def _join(self, ends: Sequence[int]) -> int:
        node = self._nodes
        self._nodes += 1
        self._arcs.extend(Arc(end, node) for end in dict.fromkeys(ends))
        return node

    def _arc(self, start: int, **what: str) -> int:
        node = self._nodes
        self._nodes += 1
        self._arcs.append(Arc(start, node, **what))
        return node


class _UnknownError(Exception):
    """A template names what is not there."""


def _parse(template: str) -> Any:
    from hassil.parse_expression import parse_sentence
    from hassil.parser import ParseError

    try:
        return parse_sentence(template).expression
    except ParseError as error:
        raise _UnknownError(f"expected a hassil template: {error}") from None
