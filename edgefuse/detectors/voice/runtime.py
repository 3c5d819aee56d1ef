"""Which library runs the recogniser, and loading it."""

from typing import Literal, TypeAlias

from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Models
from edgefuse.detectors.voice.grammar import Grammar
from edgefuse.detectors.voice.recogniser import Recogniser

Runtime: TypeAlias = Literal["auto", "ctranslate2", "onnx"]
Decoding: TypeAlias = Literal["auto", "free", "grammar"]


def wanted(runtime: Runtime, decoding: Decoding) -> Runtime:
    """The runtime to ask for: only ONNX can be held to a grammar."""
    return "onnx" if decoding == "grammar" else runtime


def needed(model: str, runtime: Runtime) -> list[str]:
    """Models of the catalogue that `load` takes; the first has the tokens."""
    return [model, f"{model}-encoder", f"{model}-decoder"] if runtime == "onnx" else [model]


def load(  # noqa: PLR0913, PLR0917  what to run, on what, for which words
    models: Models,
    model: str,
    runtime: Runtime,
    language: str,
    prompt: str,
    threads: int,
    health: PartHealth,
    grammar: Grammar | None = None,
) -> Recogniser:
    """Load a recogniser and say in `health.info` what runs it and why. Raises ModelError, ConfigError.

    `grammar`: what a runtime that can do so also listens for.
    """
    chosen, why = automatic(models, model) if runtime == "auto" else (runtime, f"{runtime} was asked for")
    decoding = "grammar" if grammar and chosen == "onnx" else "free"
    health.info["recogniser"] = {"model": model, "runtime": chosen, "decoding": decoding, "why": why}
    folder, *parts = needed(model, chosen)
    if chosen == "onnx":
        from edgefuse.detectors.voice.whisper_onnx import WhisperOnnx

        # Hearing counts the CPU time of the whole recogniser; counted here too, the networks would count twice.
        engines = PartHealth(health.name, health.kind, info=health.info)
        encoder, decoder = (models.load(part, engines, threads) for part in parts)
        if grammar:
            from edgefuse.detectors.voice.whisper_guided import WhisperGuided

            return WhisperGuided(encoder, decoder, models.path(folder), grammar)
        return WhisperOnnx(encoder, decoder, models.path(folder), language, prompt)
    from edgefuse.detectors.voice.whisper import Whisper

    return Whisper(models.path(folder), language, prompt, threads)


def automatic(models: Models, model: str) -> tuple[Runtime, str]:
    """The library for `runtime: auto`, and why: the engine layer where it has a GPU for both networks."""
    engines = {part: models.engine(part) for part in needed(model, "onnx")[1:]}
    for part, (engine, why) in engines.items():
        if engine == "cpu":
            return "ctranslate2", f"{part} would run on the CPU: {why}"
    return "onnx", "; ".join(f"{part} on {engine}: {why}" for part, (engine, why) in engines.items())
