"""Whisper on ONNX against Whisper on CTranslate2."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Tensors
from edgefuse.core.types import SAMPLE_RATE
from edgefuse.detectors.voice import Voice, VoiceConfig, runtime
from edgefuse.detectors.voice.recogniser import Recogniser, Tokens, load_tokenizer, padded, suppressed, window_of
from edgefuse.detectors.voice.vad_trial import sounds_of
from edgefuse.detectors.voice.whisper_trial import whisper_trial
from edgefuse.engines.store import Store
from edgefuse.pipeline.clock import SystemClock
from edgefuse.testing.fakes import NoModels

PROMPT = "Turn on the light in the kitchen, is anybody upstairs."
SPECIAL = ["endoftext", "startoftranscript", "en", "transcribe", "startofprev", "nospeech", "notimestamps"]


def _file(folder: Path, merges: list[list[str]]) -> Path:
    """A byte-level tokenizer of 256 bytes, ` t` and ` th`, and Whisper's special tokens."""
    tokenizers = pytest.importorskip("tokenizers")
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*letters, "\u0120t", "\u0120th"])}
    special = [
        {
            "id": 258 + k,
            "content": f"<|{name}|>",
            "special": True,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
        }
        for k, name in enumerate(SPECIAL)
    ]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {"type": "BPE", "vocab": vocabulary, "merges": merges}
    body = {"version": "1.0", "added_tokens": special, "pre_tokenizer": level, "decoder": level, "model": model}
    (folder / "tokenizer.json").write_text(json.dumps(body), "utf-8")
    return folder


@pytest.mark.parametrize("merges", [[["\u0120t", "h"]], [["\u0120", "t"], ["\u0120t", "h"]]], ids=["lost", "whole"])
def test_a_lost_first_merge_is_given_back(tmp_path: Path, merges: list[list[str]]) -> None:
    """` the` begins with one token for ` th`, whether or not the file has the merge that makes ` t`."""
    tokenizer = load_tokenizer(_file(tmp_path, merges))

    assert tokenizer.encode(" the").tokens == ["\u0120th", "e"]


def test_a_tokenizer_that_is_none_is_refused(tmp_path: Path) -> None:
    """The message names the file and what to do."""
    (tmp_path / "tokenizer.json").write_text("{}", "utf-8")

    with pytest.raises(ModelError, match=r"tokenizer\.json: not a tokenizer: .*; pull the model again"):
        load_tokenizer(tmp_path)


def test_tokens_of_an_order(tmp_path: Path) -> None:
    """Prompt, start, language and task come before the text; special tokens are not read out."""
    tokenizer = load_tokenizer(_file(tmp_path, [["\u0120t", "h"]]))
    tokens = Tokens(tokenizer, multilingual=True, language="en", prompt="the")

    assert tokens.start == [262, 257, tokenizer.token_to_id("e"), 259, 260, 261, 264]
    assert tokens.text([257, tokenizer.token_to_id("e"), 258, 264]) == "th" + "e"
    assert tokens.spell("the") == tokenizer.encode(" The").ids
    assert Tokens(tokenizer, multilingual=False, language="de", prompt="").start == [259, 264]
    with pytest.raises(ConfigError, match=r"no token <\|de\|>"):
        Tokens(tokenizer, multilingual=True, language="de", prompt="")


def test_suppressed_tokens_are_read(tmp_path: Path) -> None:
    """A model's folder says what is never written; a file without it is told."""
    (tmp_path / "config.json").write_text('{"suppress_ids": [1, 2], "suppress_ids_begin": [3]}', "utf-8")
    assert suppressed(tmp_path) == ([1, 2], [3])
    (tmp_path / "config.json").write_text("{}", "utf-8")
    with pytest.raises(ModelError, match="expected lists suppress_ids"):
        suppressed(tmp_path)


def test_the_window_holds_the_sound() -> None:
    """A sound gets the short window while a second of silence fits behind it."""
    assert [window_of(np.zeros((80, n), np.float32)) for n in (10, 1400, 1401, 3000)] == [1500, 1500, 3000, 3000]
    assert padded(np.full((80, 2), 7, np.float32), 4).tolist() == [[7] * 4] * 80


def test_every_model_is_named() -> None:
    """What has to be pulled depends on what runs the recogniser."""
    config = {"type": "voice", "on": ["mic"], "wake_word": None}
    names = [Voice.models(VoiceConfig.model_validate({**config, "runtime": run})) for run in ("ctranslate2", "onnx")]

    whisper = "whisper-tiny.en"
    assert names == [["silero-vad", whisper], ["silero-vad", whisper, f"{whisper}-encoder", f"{whisper}-decoder"]]


class Shop(NoModels):
    """A store that knows where its models are to run."""

    def __init__(self, **engines: str) -> None:
        self._engines = engines

    def engine(self, name: str) -> tuple[str, str]:
        return self._engines[name.rpartition("-")[2]], "it says so"


def test_a_gpu_for_both_halves_decides() -> None:
    """By itself the recogniser runs on ONNX where a GPU would run encoder and decoder, else on CTranslate2."""
    on, why = runtime.automatic(Shop(encoder="tensorrt", decoder="tensorrt"), "whisper-base")
    assert (on, why.count("on tensorrt: it says so")) == ("onnx", 2)
    for shop in (Shop(encoder="cpu", decoder="cpu"), Shop(encoder="tensorrt", decoder="cpu")):
        on, why = runtime.automatic(shop, "whisper-base")
        assert on == "ctranslate2"
        assert why.endswith("coder would run on the CPU: it says so")


def test_trials_are_for_whisper_alone() -> None:
    """There is one for each half of each recogniser, and none for anything else."""
    assert whisper_trial("nanodet") is None
    assert whisper_trial("whisper-base") is None
    assert all(
        whisper_trial(f"whisper-{size}-{part}") for size in ("tiny.en", "base") for part in ("encoder", "decoder")
    )


def _said(trial: Any, outputs: Tensors, noise: float) -> float:
    random = np.random.default_rng(0)
    worse = {name: array + random.normal(0, noise, array.shape) for name, array in outputs.items()}
    return float(trial.agreement([outputs], [worse]))


def test_trials_tell_a_good_copy_from_a_bad_one() -> None:
    """A little noise changes nothing that matters; much noise falls below the floor."""
    encoder, decoder = whisper_trial("whisper-base-encoder"), whisper_trial("whisper-base-decoder")
    assert encoder is not None
    assert decoder is not None
    random = np.random.default_rng(1)
    heard = {"cross_value_0": random.normal(size=(2, 50, 64))}
    logits = {"logits": random.normal(size=(40, 500))}

    assert (_said(encoder, heard, 0.1), _said(decoder, logits, 0.01)) == (1, 1)
    assert _said(encoder, heard, 2.0) < encoder.floor
    assert _said(decoder, logits, 10.0) < decoder.floor


@pytest.fixture(scope="module")
def both() -> list[Recogniser]:
    """The same recogniser on CTranslate2 and on ONNX; skips where a model is not on this machine."""
    store = Store(ModelsConfig.model_validate({"pull": "never", "precision": "fp32"}), SystemClock())
    health = PartHealth("test", "detector")
    try:
        return [runtime.load(store, "whisper-tiny.en", run, "en", PROMPT, 1, health) for run in ("ctranslate2", "onnx")]
    except ModelError as error:
        pytest.skip(str(error).splitlines()[0])


@pytest.fixture(scope="module")
def orders() -> list[NDArray[np.int16]]:
    """Synthesised orders: together, and each alone."""
    (whole,) = sounds_of(None)
    pcm = (whole * 32767).astype(np.int16)
    half = len(pcm) // 2
    return [pcm, pcm[:half], pcm[half:]]


@pytest.mark.models
def test_the_text_is_that_of_faster_whisper(both: list[Recogniser], orders: list[NDArray[np.int16]]) -> None:
    """Orders give the same words; probabilities differ by what 8 bits on one side make."""
    for pcm in orders:
        theirs, ours = (each.hear(pcm) for each in both)
        assert _words(ours.text) == _words(theirs.text)
        assert ours.logprob == pytest.approx(theirs.logprob, abs=0.1)
        assert ours.no_speech == pytest.approx(theirs.no_speech, abs=0.05)
        assert (ours.frames, ours.repeats) == (theirs.frames, theirs.repeats)


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in text.casefold()).split()


@pytest.mark.models
def test_texts_fit_the_sound_alike(both: list[Recogniser], orders: list[NDArray[np.int16]]) -> None:
    """What was said fits best with both, by as much, and several texts at once fit as each does alone."""
    texts = ["turn on the light in the kitchen please", "turn off the light in the kitchen please", "open the door", ""]
    theirs, ours = both
    first, second = theirs.hear(orders[1]), ours.hear(orders[1])

    alone = [ours.fit(second, text) for text in texts]

    assert alone == pytest.approx([theirs.fit(first, text) for text in texts], abs=3)
    assert ours.fits(second, texts) == pytest.approx(alone, abs=1e-3)
    assert alone[0] > max(alone[1:3])
    assert alone[3] == 0


@pytest.mark.models
def test_silence_has_no_words(both: list[Recogniser]) -> None:
    """A second of nothing is taken for nothing by both."""
    theirs, ours = (each.hear(np.zeros(SAMPLE_RATE, np.int16)) for each in both)

    assert ours.no_speech == pytest.approx(theirs.no_speech, abs=0.1)


@pytest.mark.models
def test_the_engine_is_told() -> None:
    """Health says what runs the recogniser and why, and the CPU time of its networks is not counted twice."""
    store = Store(ModelsConfig.model_validate({"pull": "never", "precision": "fp32"}), SystemClock())
    health = PartHealth("test", "detector")
    try:
        runtime.load(store, "whisper-tiny.en", "onnx", "en", PROMPT, 1, health)
    except ModelError as error:
        pytest.skip(str(error).splitlines()[0])

    told = health.info["recogniser"]
    assert told == {"model": "whisper-tiny.en", "runtime": "onnx", "decoding": "free", "why": "onnx was asked for"}
    assert set(health.info["engines"]) == {"whisper-tiny.en-encoder", "whisper-tiny.en-decoder"}  # type: ignore[arg-type]
    assert health.model_cpu == 0
