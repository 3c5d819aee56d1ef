"""Configuration -> objects. The only place that knows every kind of part."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgefuse.app.models import nameable
from edgefuse.config.load import Checked, check_file
from edgefuse.config.models import BeliefConfig, Site, Thing
from edgefuse.core.attention import Attention
from edgefuse.core.errors import ConfigError
from edgefuse.core.health import Health, PartHealth
from edgefuse.core.ports import Bus, Clock, Context, Detector, Fuser, Models, Source
from edgefuse.core.types import SECOND, Modality, Nanoseconds
from edgefuse.fusion.beliefs import Beliefs
from edgefuse.fusion.refine import Settings
from edgefuse.fusion.window import LATENESS
from edgefuse.grounding.dialogue import Dialogue
from edgefuse.grounding.dialogue.seeing import THINGS
from edgefuse.grounding.ground import ground
from edgefuse.language import data_of
from edgefuse.registry import config_of, load, modality_of
from edgefuse.rules.actions import unknown_placeholders


@dataclass(frozen=True, slots=True)
class Ports:
    """What every part is given."""

    clock: Clock
    health: Health
    bus: Bus
    models: Models
    attention: Attention = field(default_factory=Attention)


@dataclass(frozen=True, slots=True)
class Parts:
    """The sources and detectors of a site."""

    sources: Mapping[str, Source]
    detectors: Mapping[str, Detector]
    modalities: Mapping[str, Modality]
    """Of sources and detectors, by name."""
    lateness: Mapping[str, Nanoseconds]
    """How long a belief waits for each."""


def read_site(path: Path) -> Site:
    """Read and check a configuration with everything that is installed. Raises ConfigError with every mistake."""
    checked = check_site(path)
    if checked.site is None:
        raise ConfigError(*map(str, checked.problems))
    return with_areas(checked.site)


def check_site(path: Path) -> Checked:
    """Everything that is wrong with a configuration, by everything that is installed; raises nothing."""
    return check_file(path, config_of, modality_of, unknown_placeholders, nameable)


def with_areas(site: Site) -> Site:
    """Sources without an area are where the device is; what things tell of themselves is a source too.

    A thing without an area is in the one that its key or a name of its begins with, `hall_light`, if that is one.
    """
    area = site.device.area
    sources = {
        name: config.model_copy(update={"area": area}) if config.area is None else config
        for name, config in site.sources.items()
    }
    told = {key: thing.state for key, thing in site.things.items() if thing.state}
    if told and THINGS in sources and sources[THINGS].type != THINGS:
        raise ConfigError(
            f"sources.{THINGS}: expected another name, got '{THINGS}': what things tell of themselves is called so"
        )
    if told and THINGS not in sources:
        sources[THINGS] = config_of("source", THINGS)(type=THINGS, states=told)
    parts = (site.device, *sources.values(), *site.things.values())
    known = {each.area for each in parts if each.area} | set(site.areas)
    called = {
        name: [_spoken(name), *map(_spoken, site.areas[name].names if name in site.areas else ())] for name in known
    }
    things = {key: _placed(key, thing, called) for key, thing in site.things.items()}
    return site.model_copy(update={"sources": sources, "things": things})


def _placed(key: str, thing: Thing, areas: Mapping[str, Sequence[str]]) -> Thing:
    """The thing in the area that it is called by, where it has none and one fits."""
    if thing.area is not None:
        return thing
    own = [_spoken(each) for each in (key, *thing.names)]
    found = {
        area for area, names in areas.items() for name in names if any(each.startswith(f"{name} ") for each in own)
    }
    return thing.model_copy(update={"area": found.pop()}) if len(found) == 1 else thing


def _spoken(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())


def build_parts(site: Site, ports: Ports) -> Parts:
    """Make the sources and detectors; models are loaded later, by `warm_up`. Raises ConfigError with every problem."""
    problems: list[str] = []
    sources: dict[str, Source] = {}
    for name, config in site.sources.items():
        with _noted(problems):
            sources[name] = load("source", config.type)(config, _context(name, "source", site, ports))
    detectors: dict[str, Detector] = {}
    for name, config in site.detectors.items():
        with _noted(problems):
            detectors[name] = load("detector", config.type)(config, _context(name, "detector", site, ports))
    _none(problems)
    parts: dict[str, Source | Detector] = {**sources, **detectors}
    modalities = {name: part.modality for name, part in parts.items()}
    return Parts(sources, detectors, modalities, _lateness(site, detectors))


def build_beliefs(site: Site, ports: Ports, parts: Parts) -> Beliefs:
    """Make a fuser per belief. Raises ConfigError."""
    fusers: dict[str, Fuser] = {}
    problems: list[str] = []
    for name, config in site.beliefs.items():
        with _noted(problems):
            kind = load("fuser", config.fuser)
            context = Context(
                name=name,
                clock=ports.clock,
                health=_health_of(name, kind, ports),
                bus=ports.bus,
                models=ports.models,
                site=site,
                modalities=parts.modalities,
                attention=ports.attention,
            )
            fusers[name] = kind(config, context)
    _none(problems)
    return Beliefs(fusers, parts.lateness, {name: _settings(config) for name, config in site.beliefs.items()})


def build_dialogue(site: Site) -> Dialogue | None:
    """What understands people, where something hears them. Raises ConfigError for a language that has no file."""
    spoken = [config.language for config in site.detectors.values() if hasattr(config, "wake_word")]
    if not spoken:
        return None
    if "language" not in site.device.model_fields_set:  # answers come in the language of the orders
        site = site.model_copy(update={"device": site.device.model_copy(update={"language": spoken[0]})})
    return Dialogue(site, data_of(site.device.language)["answers"], ground)


def _health_of(belief: str, fuser: type, ports: Ports) -> PartHealth:
    """Of a fuser with models it is published: whether the model is asked, on which engine, and what it costs."""
    if hasattr(fuser, "models"):
        return ports.health.part(f"belief {belief}", "belief")
    return PartHealth(belief, "belief")


def _settings(config: BeliefConfig) -> Settings:
    return Settings(config.threshold, config.hysteresis, int(config.suspect_after_s * SECOND), config.learn)


@contextmanager
def _noted(problems: list[str]) -> Iterator[None]:
    """A part that cannot be made does not hide what is wrong with the others."""
    try:
        yield
    except ConfigError as error:
        problems.extend(error.problems)


def _none(problems: list[str]) -> None:
    if problems:
        raise ConfigError(*dict.fromkeys(problems))


def _context(name: str, kind: str, site: Site, ports: Ports) -> Context:
    part = ports.health.part(name, kind)
    return Context(name, ports.clock, part, ports.bus, ports.models, site, attention=ports.attention)


def _lateness(site: Site, detectors: Mapping[str, Detector]) -> dict[str, Nanoseconds]:
    lateness = {}
    for name, detector in detectors.items():
        configured = site.detectors[name].lateness_s
        lateness[name] = LATENESS[detector.modality] if configured is None else int(configured * SECOND)
    return lateness


def state_dir(site: Site) -> Path:
    """Where the outbox lives."""
    if site.device.state_dir is not None:
        return site.device.state_dir
    given = os.environ.get("STATE_DIRECTORY")
    if given:
        return Path(given.split(":")[0])
    home: Any = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "edgefuse" / site.device.id
