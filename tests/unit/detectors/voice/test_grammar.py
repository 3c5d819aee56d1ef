"""What can be said, as graphs."""

import re
from pathlib import Path

import pytest

from edgefuse.config.models import Device, Intent, Site, Thing
from edgefuse.core.errors import ConfigError
from edgefuse.detectors.voice import rhino
from edgefuse.detectors.voice.grammar import Grammar, Sentence, build, of_site
from edgefuse.detectors.voice.understand import Understanding
from edgefuse.language import language

EN = language("en")


def sayings(grammar: Grammar) -> set[str]:
    """Every sentence, with slots as {slot}."""
    return {said for sentence in grammar.sentences for said in paths(sentence)}


def paths(sentence: Sentence) -> set[str]:
    reached: dict[int, set[str]] = {0: {""}}
    for arc in sentence.arcs:
        words = f"{{{arc.slot}}}" if arc.slot else arc.words
        reached.setdefault(arc.end, set()).update(f"{before} {words}" for before in reached[arc.start])
    return {" ".join(said.split()) for said in reached[sentence.nodes - 1]}


def test_template_becomes_every_sentence_it_stands_for() -> None:
    """Choices, optional words and slots of a hassil template."""
    grammar = build(
        EN, {}, {}, {}, {"brew": Intent(sentences=["(make|brew) [me] a {size} one"], slots={"size": ["big"]})}
    )

    assert sayings(grammar) == {
        "make me a {size} one",
        "make a {size} one",
        "brew me a {size} one",
        "brew a {size} one",
    }


def test_permutation_takes_every_order() -> None:
    """hassil's `(a;b)`."""
    grammar = build(EN, {"x": ["(now;fast) go"]}, {}, {}, {})

    assert sayings(grammar) == {"now fast go", "fast now go"}


def test_rules_are_expanded() -> None:
    """`<rule>` stands for its template."""
    grammar = build(EN, {"x": ["go <where>"]}, {}, {"where": "(up|down)"}, {})

    assert sayings(grammar) == {"go up", "go down"}


def test_words_are_normalised_like_what_is_heard() -> None:
    """Capitals, apostrophes and digits of a template do not keep it from matching."""
    grammar = build(EN, {"x": ["I'd like 12 of them"]}, {}, {}, {})

    assert sayings(grammar) == {"id like twelve of them"}


@pytest.mark.parametrize(
    ("sentence", "said"),
    [("turn {thing} on", "{thing}"), ("go <nowhere>", "<nowhere>"), ("go (up", "hassil")],
)
def test_mistake_in_a_template_names_the_sentence(sentence: str, said: str) -> None:
    """An unknown slot, an unknown rule and broken syntax are told with the sentence."""
    with pytest.raises(ConfigError, match=re.escape(sentence)) as caught:
        build(EN, {}, {}, {}, {"mine": Intent(sentences=[sentence])})

    assert said in str(caught.value)


def test_unknown_language_lists_the_known() -> None:
    """A language is a file; the message names those that exist."""
    with pytest.raises(ConfigError, match="known: en"):
        language("xx")


def test_prompt_holds_the_words_of_the_grammar_as_they_are_written(cafe: Grammar) -> None:
    """The recogniser is shown phrases, each long one only while it brings a new word."""
    prompt = cafe.prompt()

    assert prompt.startswith("I'd like, make me, a, an, small, large, twelve ounce, mocha, iced mocha")
    assert "a little bit of soy milk" in prompt
    assert len(cafe.prompt(limit=5).split()) <= 5


def test_prompt_of_a_script_without_spaces_counts_characters() -> None:
    """Numbers made of characters that are known do not crowd out everything else."""
    site = Site(device=Device(id="hub", area="hall"), things={"fan": Thing(area="hall", kind="fan", names=["风扇"])})
    prompt = of_site(site, "zh").prompt()

    assert "风扇" in prompt
    assert "十" in prompt
    assert "十一" not in prompt


def test_site_without_things_still_has_a_grammar() -> None:
    """Commands that name nothing known cannot be said, and nothing breaks."""
    grammar = of_site(Site(device=Device(id="hub")), "en")

    assert not Understanding(grammar).understand("turn on the light").understood


def test_rhino_grammar_is_the_same_grammar(tmp_path: Path) -> None:
    """`[a, b]` is a choice, `(a)` is optional and `$type:slot` is a slot."""
    path = tmp_path / "grammar.yaml"
    path.write_text(
        "context:\n  expressions:\n    drink:\n"
        '      - "[can I get, I want] (please) [a, an] $size:size $kind:first"\n'
        "  slots: {size: [small], kind: [mocha, tea]}\n",
        "utf-8",
    )
    grammar = rhino.read(path)
    meaning = Understanding(grammar).understand("I want a small tea")

    assert "can i get please an {size} {first}" in sayings(grammar)
    assert (meaning.intent, meaning.slots) == ("drink", {"size": "small", "first": "tea"})


def test_rhino_grammar_of_another_layout_is_refused(tmp_path: Path) -> None:
    """The message says what was expected and where."""
    path = tmp_path / "grammar.yaml"
    path.write_text("intents: {}\n", "utf-8")

    with pytest.raises(ConfigError, match=r"grammar\.yaml: expected a grammar"):
        rhino.read(path)


def test_rhino_slot_without_values_is_refused(tmp_path: Path) -> None:
    """A slot type that is not listed is named."""
    path = tmp_path / "grammar.yaml"
    path.write_text('context: {expressions: {x: ["go $place:where"]}, slots: {}}\n', "utf-8")

    with pytest.raises(ConfigError, match="place"):
        rhino.read(path)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Turn on the LIGHT, please.", "turn on the light"),
        ("set it to 45%", "set it to forty five percent"),
        ("12-ounce coffee", "twelve ounce coffee"),
        ("1,200 things", "one thousand two hundred things"),
        ("I’d like", "id like"),  # noqa: RUF001  as recognisers write it
        ("Thank you.", "thank you"),
        ("", ""),
        ("...", ""),
    ],
)
def test_text_is_normalised(text: str, normal: str) -> None:
    """Numbers in words, no punctuation, no fillers unless there is nothing else."""
    assert EN.normalise(text) == normal
