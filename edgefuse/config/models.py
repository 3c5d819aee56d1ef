"""The YAML file as types. Plug-ins extend SourceConfig, DetectorConfig, BeliefConfig and PublisherConfig."""

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from edgefuse.config.rules import Rule

Name: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
"""Letters, digits, `_`, `.` and `-`: it becomes part of an MQTT topic."""
Probability: TypeAlias = Annotated[float, Field(ge=0, le=1)]
OpenProbability: TypeAlias = Annotated[float, Field(gt=0, lt=1)]
Seconds: TypeAlias = Annotated[float, Field(ge=0)]
Unit: TypeAlias = Annotated[float, Field(ge=0, le=1)]
EngineName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
WantedPrecision: TypeAlias = Literal["auto", "fp32", "fp16", "int8"]
Point: TypeAlias = tuple[Unit, Unit]
"""x, y as fractions of the picture, from its top left corner."""


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"expected an IANA time zone such as Europe/Berlin, got '{value}'") from None
    return value


def _known_url(value: str) -> str:
    if not re.fullmatch(r"tcp://(\[[0-9a-fA-F:.]+\]|[^/\s:@\[\]]+):[1-9]\d{0,4}", value):
        raise ValueError(f"expected tcp://host:port, got '{value}'")
    return value


ServiceUrl: TypeAlias = Annotated[str, AfterValidator(_known_url)]
"""tcp://host:port of what speaks Wyoming."""


class Strict(BaseModel):
    """Unknown keys are mistakes; values are not changed after loading."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class Device(Strict):
    """Who we are."""

    id: Name
    area: str | None = None
    timezone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    """For rules that speak of the time of day."""
    language: str = "en"
    state_dir: Path | None = None
    """Where the outbox lives; default $STATE_DIRECTORY, else ~/.local/state/edgefuse/<id>."""


class Mqtt(Strict):
    """The broker."""

    url: Annotated[str, StringConstraints(pattern=r"^(embedded(:\d+)?|mqtts?://[^/\s]+)$")] = "mqtt://127.0.0.1:1883"
    """mqtt://host:port, mqtts://host:port, or `embedded[:port]` to start a broker of its own."""
    base: Annotated[str, StringConstraints(pattern=r"^[^#+\s]+$")] = "edgefuse"
    """Topics are <base>/<device id>/..."""
    version: Literal["auto", "5", "3.1.1"] = "auto"
    username_file: Path | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    keepalive_s: Annotated[int, Field(ge=5, le=3600)] = 30
    session_expiry_s: Annotated[int, Field(ge=0)] = 300
    """How long the broker keeps sensor messages for us while we are away."""


class PartConfig(Strict):
    """What every source and detector has."""

    type: str
    area: str | None = None


class SourceConfig(PartConfig):
    """Base of every source's Config."""

    stale_s: Annotated[float, Field(gt=0)] | None = None
    """Silent for longer than this: no longer alive. Each source has its own default."""


class DetectorConfig(PartConfig):
    """Base of every detector's Config."""

    on: Annotated[list[Name], Field(min_length=1)]
    """Names of the sources it listens to."""
    lateness_s: Annotated[float, Field(ge=0, le=60)] | None = None
    """How long a belief waits for it; default audio 1.5, vision 1, sensor 0."""
    publish: bool = False
    """Publish its observations on observation/<detector> (labels and numbers, never sound or pictures)."""


class PublisherConfig(Strict):
    """Base of every publisher's Config."""

    local: ClassVar[bool] = False
    """Whether it serves this device alone, so that the default publisher is wanted beside it."""
    type: str


class BeliefConfig(Strict):
    """Base of every fuser's Config."""

    fuser: str = "bayes"
    area: str | None = None
    """Default: the part of the belief's name before the first dot."""
    threshold: OpenProbability = 0.5
    hysteresis: Annotated[float, Field(ge=0, lt=0.5)] = 0.05
    """`state` turns on at threshold + hysteresis and off at threshold - hysteresis."""
    suspect_after_s: Annotated[float, Field(gt=0)] = 60
    """A modality that contradicts all the others for this long is named as suspect."""
    learn: bool = True
    """Whether the answers on `set/confirm` move its probability."""


class Service(Strict):
    """A service that speaks Wyoming."""

    wyoming: ServiceUrl
    name: str | None = None
    """Which of its models or wake words; default its own choice."""
    timeout_s: Annotated[float, Field(ge=0.1, le=30)] = 5
    """Longest wait for its answer."""


class Thing(Strict):
    """Something that can be commanded."""

    area: str | None = None
    kind: Annotated[str, StringConstraints(min_length=1)]
    """light, switch, fan, blind, lock, heater, siren, media ..."""
    names: list[str] = Field(default_factory=list)
    """What people call it; its key with `_` as spaces is always understood."""
    state: str | None = None
    """Topic that tells its state."""
    set: str | None = None
    """Topic that commands it."""
    on: Any = "ON"
    """Payload for turn_on: text as it is, anything else as JSON."""
    off: Any = "OFF"
    toggle: Any = None
    open: Any = None
    close: Any = None
    lock: Any = None
    unlock: Any = None
    start: Any = None
    stop: Any = None
    level: Any = None
    """Payload for set_level, and for raise and lower where its state tells the level; `{value}` in it is replaced."""
    temperature: Any = None
    """Payload for set_temperature, likewise."""
    colour: Any = None
    """Payload for set_colour; `{value}` is the English word."""
    mode: Any = None
    """Payload for set_mode."""
    modes: list[str] = Field(default_factory=list)
    """What `mode` takes, as people say it."""
    up: Any = None
    """Payload for raise, of a thing that takes steps and no level."""
    down: Any = None
    step: Annotated[float, Field(gt=0)] = 10
    """By how much raise and lower change the level, in percent; temperatures change by 1 degree."""
    stake: Literal["low", "high"] | None = None
    """high: who orders it must be seen; default: for what unlocks, opens from outside, disarms or heats."""
    near: list[str] = Field(default_factory=list)
    """Landmarks beside it, as people say them: window, sofa."""
    seen: dict[str, Point] = Field(default_factory=dict)
    """Camera name -> where in its picture."""


class Area(Strict):
    """A room, or another place."""

    names: list[str] = Field(default_factory=list)
    """What people call it; its key with `_` as spaces is always understood."""


THING_INTENTS = {
    "turn_on": "on",
    "turn_off": "off",
    "toggle": "toggle",
    "open": "open",
    "close": "close",
    "lock": "lock",
    "unlock": "unlock",
    "start": "start",
    "stop": "stop",
    "set_level": "level",
    "set_temperature": "temperature",
    "set_colour": "colour",
    "set_mode": "mode",
}
"""Built-in intent -> the key of a thing that holds its payload."""


class Intent(Strict):
    """A spoken command of the user's own, besides the built-in ones."""

    sentences: Annotated[list[str], Field(min_length=1)]
    """hassil templates: `(make|brew) [me] a {size} coffee`."""
    slots: dict[str, list[str]] = Field(default_factory=dict)
    """Slot -> the phrases it takes."""


class ModelEngine(Strict):
    """What one model is to run on."""

    engine: EngineName | None = None
    precision: WantedPrecision | None = None


class ModelsConfig(Strict):
    """Where models come from and what they run on."""

    dir: Path | None = None
    """Default $EDGEFUSE_MODELS, else ~/.cache/edgefuse/models."""
    pull: Literal["auto", "never"] = "auto"
    """`auto` fetches what is missing before start; `never` says what to pull and stops."""
    engine: EngineName = "auto"
    """`auto`: TensorRT where a GPU answers, else the CPU; `cpu`, `tensorrt`, or another installed backend."""
    precision: WantedPrecision = "auto"
    """`auto`: fp16 on a GPU; on the CPU int8 where it was built and passed, else fp32."""
    per_model: dict[str, ModelEngine] = Field(default_factory=dict)
    """The same two for single models of the catalogue."""
    build: Literal["auto", "never"] = "auto"
    """`auto` builds missing engines in the background, at the lowest priority, while the CPU serves."""
    samples: Path | None = None
    """Folder of own samples for calibration and verification, one folder per model; default the bundled ones."""
    engines_mb: Annotated[float, Field(gt=0)] = 4096
    """Built engines beyond this are deleted, the longest unused first."""

    def wanted(self, model: str) -> tuple[str, str]:
        """Engine and precision that a model is to have."""
        own = self.per_model.get(model, ModelEngine())
        return own.engine or self.engine, own.precision or self.precision


class DialogueConfig(Strict):
    """How the device talks with people."""

    answers: bool = True
    """Say questions and answers on the topic `say`."""
    remember_s: Annotated[float, Field(ge=5, le=3600)] = 90
    """How long a question waits for its answer, and `it` means what was spoken of."""
    together_s: Annotated[float, Field(ge=0, le=2)] = 0.5
    """What several microphones hear within this time is one utterance; not waited for where there is one."""
    sure: Probability = 0.55
    """Least probability of the things that are meant."""
    sure_high: Probability = 0.85
    """The same where the stake is high: unlock, open a door, disarm, heat."""
    confirm: list[str] = Field(default_factory=list)
    """Intents that are done only after a yes: `[unlock, disarm]`."""
    hot_c: float = 25
    """From here on setting a temperature is a high stake."""
    seen_s: Annotated[float, Field(gt=0, le=600)] = 15
    """How long somebody who was seen counts as there."""


class WyomingConfig(Strict):
    """Serving others what this device can do."""

    listen: ServiceUrl
    """Where the recogniser of the first voice detector is served: `tcp://127.0.0.1:10300`. Who reaches it may ask."""


class Limits(Strict):
    """Bounds that keep a small device healthy."""

    outbox_mb: Annotated[float, Field(gt=0)] = 256
    intent_expires_s: Annotated[float, Field(gt=0)] = 10
    alert_keep_days: Annotated[float, Field(gt=0)] = 7


class Site(Strict):
    """The whole file. `sources`, `detectors`, `beliefs` and `publishers` hold the Config of their plug-in."""

    device: Device
    mqtt: Mqtt = Mqtt()
    sources: dict[Name, Any] = Field(default_factory=dict)
    detectors: dict[Name, Any] = Field(default_factory=dict)
    areas: dict[str, Area] = Field(default_factory=dict)
    """Other names of the areas that sources and things are in."""
    things: dict[Name, Thing] = Field(default_factory=dict)
    intents: dict[Name, Intent] = Field(default_factory=dict)
    beliefs: dict[Name, Any] = Field(default_factory=dict)
    rules: list[Rule] = Field(default_factory=list)
    publishers: dict[Name, Any] = Field(default_factory=dict)
    """Default: one of type mqtt, also where there are only speakers."""
    dialogue: DialogueConfig = DialogueConfig()
    models: ModelsConfig = ModelsConfig()
    wyoming: WyomingConfig | None = None
    limits: Limits = Limits()
