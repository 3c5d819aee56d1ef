"""Speech Commands: speakers, lists of phrases, synthesised words, phrases enrolled by writing."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError
from edgefuse.corpora import corpus, spoken
from edgefuse.corpora.speech_commands import SYNTHETIC, tried

FILES = {
    "yes": ["aa01_nohash_0", "bb02_nohash_1"],
    "no": ["aa01_nohash_0"],
    "_unknown_": ["bird_cc03_nohash_0.wav", "cat_aa01_nohash_2"],
    "_silence_": ["17"],
}
OPTIONS = {"phrases": ["no", "yes"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six recordings, each of another noise."""
    import soundfile

    home = tmp_path / "speech_commands"
    rng = np.random.default_rng(0)
    for label, names in FILES.items():
        (home / label).mkdir(parents=True)
        for name in names:
            soundfile.write(home / label / f"{name}.flac", rng.uniform(-0.5, 0.5, 12000), 16000)
    return home


def load(path: Path, **options: Any) -> corpus.Corpus:
    return corpus.load("speech_commands", path, {**OPTIONS, **options})


def test_a_group_is_a_speaker(folder: Path) -> None:
    """The same person is one group in every class; a clip of silence is a group of its own."""
    found = load(folder.parent)
    assert found.classes == ("no", "yes", "_silence_", "_unknown_")
    assert [found.classes[label] for label in found.labels] == [
        "_silence_",
        "_unknown_",
        "_unknown_",
        "no",
        "yes",
        "yes",
    ]
    assert found.groups.tolist() == ["_silence_/17", "cc03", "aa01", "aa01", "aa01", "bb02"]
    assert found.raws["audio"].data.shape == (6, 16000)
    assert found.raws["audio"].data.dtype == np.int16
    assert found.present.all()


def test_the_text_is_the_same_list_for_every_recording(folder: Path) -> None:
    """It cannot give the answer away."""
    assert set(load(folder).raws["text"].data) == {"no;yes"}


def test_what_was_said_is_known_by_the_recording(folder: Path) -> None:
    """For unknown words too, in any order of the samples."""
    assert sorted(load(folder).extra["words"].values()) == ["", "bird", "cat", "no", "yes", "yes"]


@pytest.mark.skipif(not (shutil.which("flite") or shutil.which("espeak-ng")), reason="no synthesiser is installed")
def test_synthesised_words_have_lists_of_their_own(folder: Path) -> None:
    """Each is a sample of the class of its place in the list, or unknown where it is not in it."""
    found = load(folder, synthetic=12)
    made = found.take(np.flatnonzero(found.groups == SYNTHETIC))
    assert len(made) == 12
    assert len(set(made.raws["text"].data)) == 12
    assert all(text.count(";") == 1 for text in made.raws["text"].data)
    assert set(made.labels) <= {0, 1, 3}
    assert (abs(made.raws["audio"].data.astype(int)).max(axis=1) > 8000).all()
    again = load(folder, synthetic=12)
    np.testing.assert_array_equal(found.raws["audio"].data, again.raws["audio"].data)


def test_the_vocabulary_has_no_word_of_the_data() -> None:
    """What is enrolled in an evaluation was never written in training."""
    words = spoken.vocabulary()
    assert len(set(words)) == len(words) > 900
    assert not {"yes", "bird", "zero", "visual"} & set(words)


def test_words_are_made_up_of_halves_of_others() -> None:
    """All differ, none is in the vocabulary or among those to avoid."""
    made = spoken.made_up(300, {"blight"}, np.random.default_rng(0))
    assert len(set(made)) == 300
    assert not {*spoken.vocabulary(), "blight"} & set(made)
    assert all(3 <= len(word) <= 9 for word in made)


def judged(found: corpus.Corpus, other: corpus.Corpus) -> dict[str, NDArray[Any]]:
    """Hears every recording for what it is, as far as it is written in the list; no vectors."""
    listed = [text.split(";") for text in other.raws["text"].data]
    words = [found.extra["words"].get(key, "") for key in map(_key, other.raws["audio"].data)]
    hits = [[float(word == phrase) for phrase in phrases] for word, phrases in zip(words, listed, strict=True)]
    return {"probability": np.pad(np.array(hits), ((0, 0), (0, 2))), "free": np.ones((len(other), 2), bool)}


def test_phrases_are_tried_by_writing_them(folder: Path) -> None:
    """The words of the unknown class stand in the list, and are scored against every other recording."""
    found = load(folder)
    told = tried(found, lambda other: judged(found, other), voices=[])["enrolled"]
    assert {key: told[key] for key in ("auc", "n", "words")} == {"auc": 1.0, "n": 2, "words": {"bird": 1.0, "cat": 1.0}}
    deaf = {"probability": np.zeros((6, 4)), "free": np.ones((6, 2), bool)}
    assert tried(found, lambda _: deaf, voices=[])["enrolled"]["auc"] == 0.5
    assert tried(found.take(np.array([3, 4])), lambda other: judged(found, other)) == {}


def test_without_examples_letters_alone_are_told_with_the_reason(folder: Path) -> None:
    """No synthesiser, or a model that does not give its vectors of sounds."""
    found = load(folder)
    none = tried(found, lambda other: judged(found, other), voices=[])["enrolled"]
    assert (none["method"], list(none["ways"])) == ("letters", ["letters"])
    assert none["why"].startswith("no synthesiser is installed: sudo apt-get install")
    old = tried(found, lambda other: judged(found, other), voices=[Hum()])["enrolled"]
    assert old["method"] == "letters"
    assert old["why"] == "the model has no output sound_members: train it again"


class Hum:
    """Says every word as a tone of its own."""

    program = "hum"

    def say(self, word: str, tempo: float, folder: Path) -> Path:
        import soundfile

        path = folder / "hum.wav"
        t = np.arange(round(8000 * tempo)) / 16000
        soundfile.write(path, 0.1 * np.sin(2 * np.pi * 100 * len(word) * t), 16000)
        return path


def test_examples_of_a_phrase_are_of_every_voice_and_pace() -> None:
    """Each in the middle, at one level; the longest is said slowest; the same every time."""
    sounds, which = spoken.examples(["go", "left"], [Hum(), Hum()], 16000, 16000, lambda *_: None)
    assert which.tolist() == ["go"] * 6 + ["left"] * 6
    np.testing.assert_allclose(abs(sounds).max(axis=1), 0.4, rtol=1e-5)
    lengths = [int(np.ptp(np.flatnonzero(row))) for row in sounds[:3]]
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[2]
    again, _ = spoken.examples(["go", "left"], [Hum(), Hum()], 16000, 16000, lambda *_: None)
    np.testing.assert_array_equal(sounds, again)


def test_phrases_are_tried_by_examples_of_voices(folder: Path) -> None:
    """A model that hears how a word is said, but cannot read, finds phrases by examples; both ways are told."""
    found = load(folder)
    places = {"cat": 0, "bird": 1}
    tones = {300: 0, 400: 1}

    def judge(other: corpus.Corpus) -> dict[str, NDArray[Any]]:
        vectors = np.zeros((len(other), 2, 3))
        for row, clip in zip(vectors, other.raws["audio"].data, strict=True):
            word = found.extra["words"].get(_key(clip))
            tone = int(abs(np.fft.rfft(clip)).argmax())
            row[:, places.get(word, 2) if word is not None else tones[min(tones, key=lambda hz: abs(hz - tone))]] = 1
        n = len(other)
        return {"probability": np.ones((n, 4)) / 4, "free": np.ones((n, 2), bool), "sound_members": vectors}

    told = tried(found, judge, voices=[Hum()])["enrolled"]
    assert (told["method"], told["auc"]) == ("examples", 1.0)
    assert told["ways"]["letters"]["auc"] == 0.5
    assert told["ways"]["examples"] == {"auc": 1.0, "words": told["words"], "synthesisers": ["hum"]}
    assert "why" not in told


def _key(clip: NDArray[np.int16]) -> int:
    from edgefuse.corpora.speech_commands import checksum

    return checksum(clip)


def test_another_layout_is_refused(folder: Path) -> None:
    """A folder that is no class, a name without speaker."""
    (folder / "yes" / "hello.flac").touch()
    with pytest.raises(ConfigError, match=r"hello\.flac: expected a name like"):
        load(folder)
    (folder / "maybe").mkdir()
    with pytest.raises(ConfigError, match="maybe: expected folders named no, yes"):
        load(folder)
    with pytest.raises(ConfigError, match="got none"):
        load(folder / "maybe")


@pytest.mark.parametrize(
    "options", [{"phrases": []}, {"phrases": ["a;b"]}, {"phrases": [False]}, {"synthetic": -1}, {"colour": 1}]
)
def test_wrong_options_are_told(folder: Path, options: dict[str, Any]) -> None:
    """They are a mistake of the recipe."""
    with pytest.raises(ConfigError, match="options of the corpus speech_commands"):
        load(folder, **options)
