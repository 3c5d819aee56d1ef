"""Orders understood by letters alone and with the grammar decoder, in noise, at other speeds, and what is no order.

`python tests/bench/voice.py [SET ...] [--model whisper-base] [--half a|b] [--every N]`; the data are looked for in
EDGEFUSE_DATA or ../shared/data: spoken_orders (labels.json, grammar.yaml), household_sounds (meta.csv with file and
src_file), wake_word/other, speech_commands; what is not there is skipped. Speech of the sets home and near is
synthesised by flite and espeak-ng. Both columns are of one recogniser on ONNX and the same sounds; a cell is
right / wrong / refused. Half a is what the limits were set on; halves share no clip, voice or noise.
"""

import argparse
import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefuse.app.build import read_site
from edgefuse.config.models import ModelsConfig
from edgefuse.core.health import PartHealth
from edgefuse.detectors.voice import rhino
from edgefuse.detectors.voice.grammar import Grammar, of_site
from edgefuse.detectors.voice.hearing import Hearing
from edgefuse.detectors.voice.recogniser import Heard
from edgefuse.detectors.voice.understand import Meaning
from edgefuse.detectors.voice.whisper_guided import WhisperGuided
from edgefuse.engines.store import Store
from edgefuse.evaluation.clips import read
from edgefuse.pipeline.clock import SystemClock
from edgefuse.resources import resource

SETS = ("clean", "10", "5", "0", "-5", "x0.9", "x1.1", "home", "home@5", "home@0", "near", "others", "others@home")
VOICES = {
    "a": ("flite:rms", "espeak-ng:en-us"),
    "b": ("flite:awb", "flite:kal16", "flite:slt", "espeak-ng:en-gb-scotland"),
}
HOME = {
    "turn on the hall light": ("turn_on", {"name": "hall light"}),
    "turn the big light off": ("turn_off", {"name": "big light"}),
    "switch off the stairs light": ("turn_off", {"name": "stairs light"}),
    "lock the front door": ("lock", {"name": "front door"}),
    "unlock the door": ("unlock", {"name": "door"}),
    "turn on the fan": ("turn_on", {"name": "fan"}),
    "please turn off all the lights": ("turn_off", {"all": "all", "kinds": "light"}),
    "toggle the hall fan": ("toggle", {"name": "hall fan"}),
    "set the hall light to forty percent": ("set_level", {"name": "hall light", "level": "40"}),
    "dim the big light to twenty five": ("set_level", {"name": "big light", "level": "25"}),
    "help there is a fire in the hall": ("report_fire", {}),
    "it's burning": ("report_fire", {}),
    "switch the hall fan on": ("turn_on", {"name": "hall fan"}),
    "turn off the lights in the hall": ("turn_off", {"kinds": "light", "area": "hall"}),
    "could you turn on the stairs light please": ("turn_on", {"name": "stairs light"}),
    "lock my door": ("lock", {"name": "door"}),
    "raise the hall light to seventy percent": ("set_level", {"name": "hall light", "level": "70"}),
    "turn off the lamp": ("turn_off", {"kind": "light"}),
    "unlock the front door": ("unlock", {"name": "front door"}),
    "put the light on": ("turn_on", {"name": "light"}),
}
NEAR = (
    *("turn on the hall night", "turn on the tall kite", "burn off the wall light", "look at the front door"),
    *("block the front floor", "clock the store", "turn on the van", "turn on the can", "learn about the light"),
    *(
        "turn of the century",
        "turn on the stereo",
        "turn off the kitchen tap",
        "unblock the drain",
        "put the kite down",
    ),
    *("switch off the chairs", "set the table for forty people", "dim sum to go", "there is a tire in the hall"),
    *("it is turning", "the door is open", "lock the back door", "turn on the hall radio", "turn around the fan"),
    *("open the front door bell", "do not turn on the light", "never lock the front door", "the hall light is bright"),
    *("who turned off the light", "he is a fan of the big light"),
)


@dataclass(frozen=True)
class Clip:
    """One sound."""

    key: str
    half: str
    pcm: NDArray[np.int16]
    grammar: str
    wanted: tuple[str, dict[str, str]] | None


class Remembering:
    """A recogniser that does not hear the same sound twice."""

    def __init__(self, recogniser: WhisperGuided) -> None:
        self._recogniser = recogniser
        self._pcm: NDArray[np.int16] | None = None
        self._heard: Heard | None = None
        self.fit, self.fits, self.cpu = recogniser.fit, recogniser.fits, recogniser.cpu

    def hear(self, pcm: NDArray[np.int16]) -> Heard:
        if self._heard is None or self._pcm is not pcm:
            self._pcm, self._heard = pcm, self._recogniser.hear(pcm)
        return self._heard


class RememberingGuided(Remembering):
    """The same with a grammar; it has heard what another has."""

    def __init__(self, recogniser: WhisperGuided, other: Remembering) -> None:
        super().__init__(recogniser)
        self.hear = other.hear  # type: ignore[method-assign]
        self.sentences, self.plain = recogniser.sentences, recogniser.plain
        self.count = recogniser.count


class Mouth:
    """Speaks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def say(self, text: str, voice: str) -> NDArray[np.int16]:
        """(n,) at 16 kHz, with .3 s of silence around."""
        program, name = voice.split(":")
        path = self._folder / "said.wav"
        options = ["-voice", name, "-t", text, "-o", str(path)]
        if program == "espeak-ng":
            options = ["-v", name, "-s", "150", "-w", str(path), text]
        subprocess.run([program, *options], check=True, capture_output=True)
        import soundfile

        sound, rate = soundfile.read(path, dtype="float64")
        sound = np.pad(_resampled(sound, rate), 4800)
        return np.asarray(sound * 16000 / np.abs(sound).max(), np.int16)


def _resampled(sound: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    size = len(sound) * 16000 // rate
    spectrum = np.zeros(size // 2 + 1, np.complex128)
    found = np.fft.rfft(sound)[: len(spectrum)]
    spectrum[: len(found)] = found
    return np.fft.irfft(spectrum, size) * size / len(sound)


class Data:
    """Clips of one set."""

    def __init__(self, folder: Path, seed: int, mouth: Mouth) -> None:
        self._folder, self._seed, self._mouth = folder, seed, mouth
        self._noises: dict[str, list[Path]] = {"a": [], "b": []}
        for row in csv.DictReader((folder / "household_sounds" / "meta.csv").open(encoding="utf-8")):
            self._noises[half_of(row["src_file"])].append(folder / "household_sounds" / row["file"])

    def clips(self, which: str) -> Iterator[Clip]:
        """Of a set of SETS; none where its data or programs are missing."""
        name, _, level = which.partition("@")
        if (name == "home" and level) or name in {"10", "5", "0", "-5"}:
            plain = "home" if name == "home" else "clean"
            for clip in self.clips(plain):
                pcm = self._mixed(clip, float(level or name))
                yield Clip(clip.key, clip.half, pcm, clip.grammar, clip.wanted)
        elif name in {"home", "near"}:
            yield from self._spoken(dict.fromkeys(NEAR) if name == "near" else HOME)
        elif name == "others":
            yield from self._others(level or "cafe")
        else:
            yield from self._orders(1.0 if name == "clean" else float(name[1:]))

    def _orders(self, speed: float) -> Iterator[Clip]:
        folder = self._folder / "spoken_orders"
        for key, label in json.loads((folder / "labels.json").read_text("utf-8")).items():
            sound = read(folder / f"{key}.flac").astype(np.float64)
            pcm = np.interp(np.arange(int(len(sound) / speed)) * speed, np.arange(len(sound)), sound).astype(np.int16)
            yield Clip(key, half_of(key), pcm, "cafe", (label["intent"], label["slots"]))

    def _spoken(self, texts: dict[str, tuple[str, dict[str, str]]] | dict[str, None]) -> Iterator[Clip]:
        for half, voices in VOICES.items():
            for voice in voices:
                if shutil.which(voice.split(":")[0]):
                    for text, wanted in texts.items():
                        yield Clip(f"{voice} {text}", half, self._mouth.say(text, voice), "home", wanted)

    def _others(self, grammar: str) -> Iterator[Clip]:
        words = sorted((self._folder / "speech_commands").rglob("*.flac"))
        paths = sorted((self._folder / "wake_word" / "other").glob("*.flac"))
        paths += words[:: max(1, len(words) // 100)][:100]
        if grammar == "home":
            paths += sorted((self._folder / "spoken_orders").glob("*.flac"))
        for path in paths:
            yield Clip(path.name, half_of(path.name.split("_")[0]), read(path), grammar, None)

    def _mixed(self, clip: Clip, decibels: float) -> NDArray[np.int16]:
        paths = self._noises[clip.half]
        rng = np.random.default_rng(int(hashlib.sha256(f"{clip.key} {self._seed}".encode()).hexdigest()[:12], 16))
        noise = np.zeros(1)
        sound = clip.pcm.astype(np.float64)
        while np.sqrt(np.mean(noise**2)) < 1:
            whole = read(paths[int(rng.integers(len(paths)))]).astype(np.float64)
            whole = np.tile(whole, len(sound) // len(whole) + 2)
            at = int(rng.integers(len(whole) - len(sound)))
            noise = whole[at : at + len(sound)]
        mixed = sound + noise * np.sqrt(np.mean(sound**2) / np.mean(noise**2) / 10 ** (decibels / 10))
        return np.asarray(mixed * min(1, 32000 / np.abs(mixed).max()), np.int16)


def half_of(key: str) -> str:
    """a or b, always the same for a key."""
    return "ab"[hashlib.sha256(key.encode()).digest()[0] & 1]


def verdict(clip: Clip, meaning: Meaning) -> str:
    """right, wrong or refused."""
    if not meaning.understood:
        return "refused"
    said = {name: " ".join(value.casefold().split()) for name, value in meaning.slots.items()}
    wanted = clip.wanted and (clip.wanted[0], {k: " ".join(v.casefold().split()) for k, v in clip.wanted[1].items()})
    return "right" if (meaning.intent, said) == wanted else "wrong"


def load(model: str, grammar: Grammar) -> WhisperGuided:
    """The recogniser on ONNX, held to a grammar."""
    store = Store(ModelsConfig(), SystemClock())
    health = PartHealth("bench", "detector")
    encoder, decoder = (store.load(f"{model}-{part}", health) for part in ("encoder", "decoder"))
    return WhisperGuided(encoder, decoder, store.path(model), grammar)


def hearing(recogniser: Remembering, grammar: Grammar) -> Hearing:
    """Understanding of its own."""
    return Hearing(recogniser, grammar, PartHealth("bench", "detector"), SystemClock())


def measure(clips: Iterator[Clip], recognisers: dict[str, tuple[Hearing, Hearing]], *, details: bool) -> None:
    """Print one line per half."""
    counts: dict[str, tuple[Counter[str], Counter[str]]] = {"a": (Counter(), Counter()), "b": (Counter(), Counter())}
    cpu = np.zeros(2)
    n = 0
    for clip in clips:
        begin = time.process_time()
        first = recognisers[clip.grammar][0].hear(clip.pcm)
        middle = time.process_time()
        second = recognisers[clip.grammar][1].hear(clip.pcm)
        cpu += middle - begin, time.process_time() - middle
        n += 1
        for meaning, count in zip((first, second), counts[clip.half], strict=True):
            count[verdict(clip, meaning)] += 1
        if details and verdict(clip, first) != verdict(clip, second):
            print(f"  {clip.key}: {first.text}: {first.because} -> {second.because}")
    for half, (free, held) in counts.items():
        cells = (f"{count['right']:4d} /{count['wrong']:3d} /{count['refused']:4d}" for count in (free, held))
        print(f"    {half}  {'   '.join(cells)}")
    print(f"    CPU per utterance {cpu[0] / max(n, 1):.2f} s, on top {cpu[1] / max(n, 1):.2f} s", flush=True)


def main(arguments: Sequence[str]) -> None:
    """Run the sets that are named, default all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", default=SETS, metavar="SET", help=", ".join(SETS))
    parser.add_argument("--model", default="whisper-tiny.en")
    parser.add_argument("--half", choices=["a", "b"])
    parser.add_argument("--every", type=int, default=1, help="take one clip of so many")
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    parser.add_argument("--details", action="store_true")
    args = parser.parse_args(arguments)
    folder = Path(os.environ.get("EDGEFUSE_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not (folder / "spoken_orders").is_dir() or not (folder / "household_sounds").is_dir():
        print(f"skipped: expected spoken_orders and household_sounds in {folder}; set EDGEFUSE_DATA")
        return
    site = read_site(resource("deploy", "examples", "home.yaml"))
    grammars = {"cafe": rhino.read(folder / "spoken_orders" / "grammar.yaml"), "home": of_site(site, "en")}
    hearings = {}
    for name, grammar in grammars.items():
        recogniser = load(args.model, grammar)
        free = Remembering(recogniser)
        hearings[name] = (hearing(free, grammar), hearing(RememberingGuided(recogniser, free), grammar))
    with tempfile.TemporaryDirectory() as scratch:
        data = Data(folder, args.seed, Mouth(Path(scratch)))
        for which in args.sets:
            print(f"{which}: by letters, with the grammar decoder")
            clips = (clip for k, clip in enumerate(data.clips(which)) if k % args.every == 0)
            measure((clip for clip in clips if args.half in {None, clip.half}), hearings, details=args.details)


if __name__ == "__main__":
    main(sys.argv[1:])
