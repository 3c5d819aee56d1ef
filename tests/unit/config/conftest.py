"""Plug-ins with the Configs that real ones have, and a checker on top of them."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import pytest
from pydantic import Field

from edgefuse.config.lint import Nameable
from edgefuse.config.load import Checked, check_text
from edgefuse.config.models import DetectorConfig, ModelsConfig, Name, Point, PublisherConfig, SourceConfig
from edgefuse.config.rules import Rule, Say
from edgefuse.core.errors import ConfigError
from edgefuse.core.types import Modality
from edgefuse.fusion.bayes import BayesConfig

Check: TypeAlias = Callable[..., Checked]


class Microphone(SourceConfig):
    """Sound."""

    type: Literal["microphone"]
    device: int | str | None = None


class Camera(SourceConfig):
    """Pictures."""

    type: Literal["camera"]
    url: str = "0"
    url_file: Path | None = None
    fps: Annotated[float, Field(gt=0, le=60)] = 10
    zones: dict[Name, list[Point]] = Field(default_factory=dict)
    masks: dict[Name, list[tuple[float, float]]] = Field(default_factory=dict)


class Sensor(SourceConfig):
    """Readings."""

    type: Literal["mqtt"]
    topic: str
    enabled: bool = True


class Voice(DetectorConfig):
    """Hears."""

    type: Literal["voice"]
    wake_word: Literal["alexa", "hey_jarvis"] = "alexa"


class Objects(DetectorConfig):
    """Sees."""

    type: Literal["objects"]
    classes: list[Literal["person", "vehicle", "animal"]] = ["person"]  # noqa: RUF012  pydantic copies it


class Climate(DetectorConfig):
    """Feels."""

    type: Literal["climate"]
    emits: ClassVar[frozenset[str]] = frozenset({"climate"})


class Broker(PublisherConfig):
    """Talks."""

    type: Literal["mqtt"]


class Box(PublisherConfig):
    """Talks on this device alone."""

    local: ClassVar[bool] = True
    type: Literal["speaker"]


CONFIGS: dict[str, dict[str, type[Any]]] = {
    "source": {"microphone": Microphone, "camera": Camera, "mqtt": Sensor},
    "detector": {"voice": Voice, "objects": Objects, "climate": Climate},
    "fuser": {"bayes": BayesConfig},
    "publisher": {"mqtt": Broker, "speaker": Box},
}
MODALITIES: dict[str, Modality] = {"microphone": "audio", "voice": "audio", "camera": "vision", "objects": "vision"}


def config_of(kind: str, name: str) -> type[Any]:
    """Stands for `edgefuse.registry.config_of`."""
    if name not in CONFIGS[kind]:
        raise ConfigError(f"unknown {kind} type '{name}' (known: {', '.join(CONFIGS[kind])})")
    return CONFIGS[kind][name]


def modality_of(_kind: str, config: Any) -> Modality | None:
    """Stands for `edgefuse.registry.modality_of`."""
    return MODALITIES.get(config.type, "sensor")


def unfilled(rule: Rule) -> list[str]:
    """Stands for `edgefuse.rules.actions.unknown_placeholders`."""
    return [action.say.strip("{}") for action in rule.then if isinstance(action, Say) and action.say.startswith("{")]


def nameable(_config: ModelsConfig) -> Nameable:
    """Stands for `edgefuse.app.models.nameable`."""
    return Nameable(["auto", "cpu", "tensorrt"], ["nanodet", "silero-vad"])


@pytest.fixture
def check() -> Check:
    """Check a text; its indentation is taken off."""

    def check(text: str, folder: Path | None = None) -> Checked:
        return check_text(
            dedent(text).lstrip("\n"), "home.yaml", config_of, modality_of, unfilled, folder, nameable=nameable
        )

    return check


@pytest.fixture(name="config_of")
def config_of_fixture() -> Callable[[str, str], type[Any]]:
    """The Configs of this folder's plug-ins."""
    return config_of
