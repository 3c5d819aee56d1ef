"""Speech Commands (Warden 2018): words of one second by many speakers, and the phrases that are listened for.

The text of a sample is the list of phrases that a home has enrolled, the same for every recording: it says what the
classes mean, not which one was said. Training adds synthesised words, each with a list of its own in which the word
stands somewhere or not at all, so that what is learned is to compare sound with spelling.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.errors import ConfigError
from edgefuse.corpora import sound, spoken
from edgefuse.corpora.corpus import Corpus, Raw, Report, folder_of
from edgefuse.fusion.enrolment import likeness, prototype

RATE = 16000
SYNTHETIC = "synthetic"
"""Group of what is synthesised."""
SILENCE, UNKNOWN = "_silence_", "_unknown_"
_EXAMPLES = "examples"
"""Group of what is synthesised to enrol a phrase: no member was trained on it."""
_SOUND = "sound_members"
"""Output of the model: what a sound is in its space, (n, members, size)."""
Outputs: TypeAlias = Mapping[str, NDArray[Any]]
Judge: TypeAlias = Callable[[Corpus], Outputs]
"""`probability` (n, classes), `free` (n, members), who has not seen the group, and the other outputs of a model."""
_NAME = re.compile(r"^(?:(?P<word>[a-z]+)_)?(?P<speaker>[0-9a-f]+)_nohash_\d+")
_ABSENT = 0.15
"""Share of synthesised words that are not in their list."""
_LEAST = 1e-12
_OTHERS = 400
"""Recordings of commands and silence that new phrases must not be found in."""


@dataclass(frozen=True)
class _Options:
    phrases: tuple[str, ...] = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes")
    """The first classes, in this order; each is a folder and what is written for it."""
    synthetic: int = 0
    """Synthesised words that are added, with random lists of phrases."""
    made_up: int = 0
    """How many words that do not exist are among them, beside some nine hundred that do."""
    seed: int = 0

    @property
    def classes(self) -> tuple[str, ...]:
        return (*self.phrases, SILENCE, UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Clip:
    path: Path
    label: str
    speaker: str
    word: str
    """What is said; empty for silence."""


def read(path: Path, options: Mapping[str, Any], report: Report) -> Corpus:
    """Modalities audio (n, 16000) int16 and text (n,), a folder for each class, groups are speakers.

    `extra["words"]` has checksum of a recording -> what is said in it. Raises ConfigError for another layout and wrong
    options.
    """
    wanted = _options(options)
    clips = _clips(folder_of(path, "speech_commands"), wanted)
    sounds = np.zeros((len(clips), RATE), np.int16)
    for number, clip in enumerate(clips):
        report("recordings", number, len(clips))
        sounds[number] = sound.as_int16(sound.fitted(sound.read(clip.path, RATE), RATE))
    said = {checksum(row): clip.word for row, clip in zip(sounds, clips, strict=True)}
    texts = [";".join(wanted.phrases)] * len(clips)
    labels = [wanted.classes.index(clip.label) for clip in clips]
    groups = [clip.speaker for clip in clips]
    if wanted.synthetic:
        more, lists, places = _synthetic(wanted, {clip.word for clip in clips}, report)
        sounds = np.concatenate([sounds, more])
        texts, labels, groups = texts + lists, labels + places, groups + [SYNTHETIC] * len(more)
    return Corpus(
        {"audio": Raw("waveform", sounds, RATE), "text": Raw("text", _objects(texts))},
        np.ones((len(labels), 2), bool),
        np.array(labels, np.int64),
        wanted.classes,
        np.array(groups),
        extra={"words": said},
    )


def checksum(clip: NDArray[np.int16]) -> int:
    """What tells a recording from all others."""
    return crc32(clip.tobytes())


def _options(options: Mapping[str, Any]) -> _Options:
    try:
        wanted = _Options(**{**options, "phrases": tuple(options.get("phrases", _Options.phrases))})
    except TypeError as error:
        raise ConfigError(f"options of the corpus speech_commands: {error}") from error
    fit = all(isinstance(phrase, str) and ";" not in phrase for phrase in wanted.phrases)
    if not wanted.phrases or not fit or min(wanted.synthetic, wanted.made_up) < 0:
        raise ConfigError(
            "options of the corpus speech_commands: expected phrases without semicolons, those that YAML reads as "
            f'something else in quotes ("no", "on"), synthetic and made_up >= 0, got {dict(options)}'
        )
    return wanted


def _clips(folder: Path, wanted: _Options) -> list[_Clip]:
    folders = sorted(each for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []
    if unknown := [each for each in folders if each.name not in wanted.classes]:
        raise ConfigError(f"{unknown[0]}: expected folders named {', '.join(wanted.classes)}; see the option phrases")
    if not folders:
        raise ConfigError(f"{folder}: expected folders named {', '.join(wanted.classes)}, got none")
    return [_clip(path, each.name) for each in folders for path in sound.recordings(each)]


def _clip(path: Path, label: str) -> _Clip:
    if label == SILENCE:
        return _Clip(path, label, f"{SILENCE}/{path.stem}", "")
    if not (named := _NAME.match(path.stem)):
        raise ConfigError(f"{path}: expected a name like speaker_nohash_0 or word_speaker_nohash_0")
    return _Clip(path, label, named["speaker"], named["word"] or ("" if label == UNKNOWN else label))


def _synthetic(
    wanted: _Options, heard: Collection[str], report: Report
) -> tuple[NDArray[np.int16], list[str], list[int]]:
    """Sounds, lists of phrases, classes (the place in the list, or unknown). Other words of the data are left out."""
    rng = np.random.default_rng([wanted.seed, 1])
    real = [word for word in spoken.vocabulary() if word not in heard]
    known = np.array([*real, *spoken.made_up(wanted.made_up, {*heard, *wanted.phrases}, rng), *wanted.phrases])
    said = np.resize(rng.permutation(known), wanted.synthetic)
    sounds = spoken.words([str(word) for word in said], RATE, RATE, wanted.seed, report)
    lists, places = [], []
    for word in said:
        others = [str(each) for each in rng.choice(known, len(wanted.phrases) + 1, replace=False) if each != word]
        phrases = others[: len(wanted.phrases)]
        place = int(rng.integers(len(phrases)))
        absent = rng.random() < _ABSENT
        if not absent:
            phrases[place] = str(word)
        lists.append(";".join(phrases))
        places.append(wanted.classes.index(UNKNOWN) if absent else place)
    return sound.as_int16(sounds), lists, places


def _objects(texts: Sequence[str]) -> NDArray[Any]:
    out = np.empty(len(texts), object)
    out[:] = texts
    return out


def tried(corpus: Corpus, judge: Judge, voices: Sequence[spoken.Speaker] | None = None) -> dict[str, Any]:
    """How well phrases that nobody was trained on are found once they are written, `{"enrolled": {...}}`.

    Phrases are the words of the unknown class. `auc` sets recordings of a phrase against others of speech and silence,
    and is the mean over `words`, each with its own. It is told for both ways, and first for the `method` that a home
    uses: `examples`, what `voices` (those installed, unless given) make of the phrase, see `fusion.enrolment`; where
    there are none, `letters` alone, and `why`. Nothing without such words.

    By letters, ten phrases at a time stand in the list; the score of each is its log-probability above the mean of the
    list's, which does not ask whether it is one of the list at all.
    """
    unknown = corpus.classes.index(UNKNOWN)
    others = np.random.default_rng(0).permutation(np.flatnonzero(corpus.labels != unknown))[:_OTHERS]
    corpus = corpus.take(np.concatenate([np.flatnonzero(corpus.labels == unknown), others]))
    said = np.array([corpus.extra.get("words", {}).get(checksum(row), "") for row in corpus.raws["audio"].data])
    new = sorted(set(said[corpus.labels == unknown].tolist()) - {""})
    if not new:
        return {}
    letters, told = _by_letters(corpus, new, judge)
    able = spoken.installed() if voices is None else voices
    ways = {"letters": _found(said, new, letters)}
    if not (why := _hindered(told, able)):
        ways["examples"] = _found(said, new, _by_examples(corpus, new, told, judge, able))
        ways["examples"]["synthesisers"] = sorted({voice.program for voice in able})
    method = list(ways)[-1]
    best = {key: ways[method][key] for key in ("auc", "words")}
    reason = {"why": "; ".join(why)} if why else {}
    return {"enrolled": {"n": int(np.isin(said, new).sum()), "method": method, **reason, **best, "ways": ways}}


def _hindered(told: Outputs, voices: Sequence[spoken.Speaker]) -> list[str]:
    """Why phrases cannot be enrolled by examples here; empty when they can."""
    why = [] if voices else ["no synthesiser is installed: sudo apt-get install flite espeak-ng"]
    return why if _SOUND in told else [*why, f"the model has no output {_SOUND}: train it again"]


def _by_letters(corpus: Corpus, phrases: Sequence[str], judge: Judge) -> tuple[NDArray[np.float64], Outputs]:
    """Scores (n, phrases), and what else was said of the recordings."""
    size = len(corpus.classes) - 2
    scores: list[NDArray[np.float64]] = []
    told: Outputs = {}
    for at in range(0, len(phrases), size):
        some = phrases[at : at + size]
        told = judge(_other(corpus, corpus.raws["audio"].data, ";".join(some)))
        logs = np.log(np.maximum(told["probability"][:, : len(some)], _LEAST))
        scores.append(logs - logs.mean(axis=1, keepdims=True))
    return np.concatenate(scores, axis=1), told


def _by_examples(
    corpus: Corpus, phrases: Sequence[str], told: Outputs, judge: Judge, voices: Sequence[spoken.Speaker]
) -> NDArray[np.float64]:
    """Scores (n, phrases) of the recordings that `told` is about."""
    sounds, which = spoken.examples(phrases, voices, RATE, RATE, lambda *_: None)
    made = judge(_other(corpus, sound.as_int16(sounds), ";".join(phrases), _EXAMPLES))[_SOUND]
    columns = [likeness(told[_SOUND], prototype(made[which == phrase]), told["free"]) for phrase in phrases]
    return np.stack(columns, axis=1)


def _other(corpus: Corpus, sounds: NDArray[np.int16], phrases: str, group: str = "") -> Corpus:
    """Sounds with a list of phrases: the recordings of the corpus, or others, of a group of their own."""
    n = len(sounds)
    raws = {**corpus.raws, "audio": Raw("waveform", sounds, RATE), "text": Raw("text", _objects([phrases] * n))}
    groups = np.full(n, group) if group else corpus.groups
    return Corpus(raws, np.ones((n, 2), bool), np.zeros(n, np.int64), corpus.classes, groups)


def _found(said: NDArray[np.str_], phrases: Sequence[str], scores: NDArray[np.float64]) -> dict[str, Any]:
    words = {phrase: _auc(said == phrase, scores[:, place]) for place, phrase in enumerate(phrases)}
    return {"auc": float(np.mean(list(words.values()))), "words": words}


def _auc(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """Chance that a recording of the phrase scores above another one, ties count half."""
    above = (score[positive][:, None] > score[~positive]).mean()
    equal = (score[positive][:, None] == score[~positive]).mean()
    return float(above + equal / 2)
