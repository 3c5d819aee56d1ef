"""`edgefuse evaluate voice`: spoken orders through the product's recogniser and understanding."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgefuse.app.models import model_store
from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ConfigError
from edgefuse.core.health import PartHealth
from edgefuse.detectors.voice import rhino, runtime
from edgefuse.detectors.voice.grammar import Grammar
from edgefuse.detectors.voice.hearing import Hearing
from edgefuse.detectors.voice.runtime import Decoding, Runtime
from edgefuse.detectors.voice.understand import Meaning
from edgefuse.evaluation.clips import progress, read
from edgefuse.evaluation.foreign import Home, acted_upon, clips_of, whatever
from edgefuse.grounding.words import Words
from edgefuse.pipeline.clock import SystemClock


def evaluate(  # noqa: PLR0913  by name
    data: Path,
    *,
    recogniser: str = "whisper-tiny.en",
    using: Runtime = "auto",
    decoding: Decoding = "auto",
    models: ModelsConfig | None = None,
    limit: int | None = None,
    threads: int = 1,
    language: str = "en",
    details: bool = False,
    foreign: Sequence[Path] = (),
) -> dict[str, Any]:
    """Measure on DIR with labels.json, one sound per label and grammar.yaml (Rhino style).

    `exact`: share with the right intent and every slot right; `slot_accuracy`: share of labelled slots that are right;
    `rejected`: share that was not understood; `wrong`: share understood as something else; `cpu_s_per_utterance`: of
    the whole process; `runtime`, `decoding`, `why`, `engines`: what ran. Labels are compared and nothing else.
    `foreign`: folders of other speech, of which 200 clips are heard with the grammar and in the home of the example
    configuration: how many are acted upon in either, and how. Raises ConfigError for another layout, ModelError.
    """
    labels, others = _labels(data, limit), clips_of(foreign)
    health = PartHealth("evaluate", "detector")
    clock = SystemClock()
    store = model_store(models or ModelsConfig(), clock)

    def hears(grammar: Grammar, words: Words | None = None) -> Hearing:
        held_to = None if decoding == "free" else grammar
        asked = runtime.wanted(using, decoding)
        recognise = runtime.load(store, recogniser, asked, language, grammar.prompt(), threads, health, held_to)
        return Hearing(recognise, grammar, health, clock, words)

    hearing = hears(rhino.read(data / "grammar.yaml", language))
    meanings: list[Meaning] = []
    cpu = 0.0
    for path in progress(list(labels), "Listening"):
        pcm = read(path)
        begin = _cpu()
        meanings.append(hearing.hear(pcm))
        cpu += _cpu() - begin
    result = _figures(list(labels.values()), meanings)
    result |= {"cpu_s_per_utterance": round(cpu / len(labels), 3), "recogniser": recogniser, **_ran(health)}
    if details:
        result["mistakes"] = _mistakes(labels, meanings)
    if others:
        home = Home(language)
        orders = list(acted_upon(others, hearing, whatever))
        result["foreign"] = _foreign(
            others, orders, list(acted_upon(others, hears(home.grammar, home.words), home.does))
        )
    return result


def _foreign(clips: Sequence[Path], orders: list[dict[str, Any]], home: list[dict[str, Any]]) -> dict[str, Any]:
    acted = {each["clip"] for each in (*orders, *home)}
    return {"clips": len(clips), "acted": len(acted), "upon": {"orders": orders, "home": home}}


def _ran(health: PartHealth) -> dict[str, Any]:
    """Runtime and decoding with their reason, and the engines of models that the engine layer ran."""
    told = health.info["recogniser"]
    assert isinstance(told, dict)
    return {
        **{key: told[key] for key in ("runtime", "decoding", "why")},
        "engines": health.info.get("engines", {}),
    }


def _labels(data: Path, limit: int | None) -> dict[Path, Mapping[str, Any]]:
    """Sound -> its label."""
    path = data / "labels.json"
    try:
        labels = json.loads(path.read_text(encoding="utf-8"))
        chosen = list(labels.items())[:limit]
        found = {_sound(data, name): _label(label) for name, label in chosen}
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; expected a folder with labels.json") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        expected = '{"name": {"intent": ..., "slots": {...}}}'
        raise ConfigError(f"{path}: expected {expected}, got {error}") from error
    if not found:
        raise ConfigError(f"{path}: expected labels, got none")
    return found


def _label(label: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"intent": str(label["intent"]), "slots": dict(label.get("slots") or {})}


def _sound(data: Path, name: str) -> Path:
    for suffix in (".flac", ".wav"):
        if (data / f"{name}{suffix}").is_file():
            return data / f"{name}{suffix}"
    raise ConfigError(f"{data}: labels.json names '{name}', but there is no {name}.flac")


def _figures(labels: list[Mapping[str, Any]], meanings: list[Meaning]) -> dict[str, Any]:
    pairs = list(zip(labels, meanings, strict=True))
    exact = sum(_exact(label, meaning) for label, meaning in pairs)
    rejected = sum(not meaning.understood for meaning in meanings)
    slots = [
        _said(meaning.slots.get(name)) == _said(value)
        for label, meaning in pairs
        for name, value in label["slots"].items()
    ]
    return {
        "n": len(pairs),
        "exact": round(exact / len(pairs), 4),
        "slot_accuracy": round(sum(slots) / max(1, len(slots)), 4),
        "rejected": round(rejected / len(pairs), 4),
        "wrong": round((len(pairs) - exact - rejected) / len(pairs), 4),
    }


def _exact(label: Mapping[str, Any], meaning: Meaning) -> bool:
    said = {name: _said(value) for name, value in meaning.slots.items()}
    return meaning.intent == label["intent"] and said == {name: _said(value) for name, value in label["slots"].items()}


def _said(value: object) -> str:
    """Without the spaces and capitals that do not matter."""
    return " ".join(str(value).casefold().split())


def _mistakes(labels: Mapping[Path, Mapping[str, Any]], meanings: list[Meaning]) -> list[dict[str, Any]]:
    return [
        {"clip": path.stem, "heard": meaning.text, "because": list(meaning.because), "got": dict(meaning.slots)}
        for (path, label), meaning in zip(labels.items(), meanings, strict=True)
        if not _exact(label, meaning)
    ]


def _cpu() -> float:
    """CPU seconds of the process: CTranslate2 works in threads of its own."""
    spent = os.times()
    return spent.user + spent.system
