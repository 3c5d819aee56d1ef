import pytest

pytest.importorskip("hassil")
pytest.importorskip("pypinyin")
from edgefuse.config.models import Area, Device, Site, Thing
from edgefuse.detectors.voice.align import Sounds
from edgefuse.detectors.voice.grammar import of_site
from edgefuse.detectors.voice.understand import Understanding
from edgefuse.grounding.words import Words
from edgefuse.language import language

SITE = Site(
    device=Device(id="jia", area="living", language="zh"),
    areas={"living": Area(names=["客厅"])},
    things={
        "ceiling": Thing(area="living", kind="light", names=["吊灯"], set="a/set"),
        "kitchen": Thing(area="kitchen", kind="light", names=["厨房灯"], set="b/set"),
        "study": Thing(area="study", kind="light", names=["书房灯"], set="c/set"),
    },
)
GRAMMAR = of_site(SITE, "zh")
WORDS = Words.of_site(SITE, language("zh"))


def test_the_prompt_holds_names_in_their_own_script() -> None:
    """Keys of things and areas that have names are not said to the recogniser."""
    prompt = GRAMMAR.prompt()

    assert {"打开", "客厅", "吊灯", "书房灯"} <= set(prompt.rstrip(".").split(", "))
    assert "ceiling" not in prompt


@pytest.mark.parametrize("words", [None, WORDS], ids=["templates", "words"])
@pytest.mark.parametrize(
    ("said", "slots"),
    [
        ("打开吊灯", {"name": "吊灯"}),
        ("把 吊灯 打开。", {"name": "吊灯"}),
        ("關書房燈", {"name": "书房灯"}),
        ("客厅的灯关掉", {"area": "living", "kind": "light"}),
    ],
)
def test_sentences_of_the_grammar_are_word_for_word(said: str, slots: dict[str, str], words: Words | None) -> None:
    """Spaces, punctuation and script make no difference."""
    meaning = Understanding(GRAMMAR, words=words).understand(said)

    assert (meaning.slots, meaning.because) == (slots, ("said word for word",))


@pytest.mark.parametrize("said", ["不要打开吊灯", "打开吊灯吗", "打开车房灯", "谢谢观看"])
def test_a_sentence_with_another_character_is_another_sentence(said: str) -> None:
    """One character of four may be the whole difference."""
    assert not Understanding(GRAMMAR).understand(said).understood


def test_characters_of_one_sound_cost_little_and_others_all() -> None:
    """By pinyin: the tone weighs less than a near syllable, and that less than another one."""
    sounds = Sounds(language("zh"))

    assert sounds.swap("灯", "灯") == 0
    assert 0 < sounds.swap("登", "灯") < sounds.swap("等", "灯") < sounds.swap("掌", "赞") < 1
    assert sounds.swap("窗", "灯") == 1
