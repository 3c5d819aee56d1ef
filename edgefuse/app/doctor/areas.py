"""The areas in the order in which they are shown; a new one is a file and a line here."""

from collections.abc import Mapping
from dataclasses import dataclass

from edgefuse.app.doctor import audio, broker, cameras, disk, gpu, models, packages, sources, speech, system
from edgefuse.app.doctor.findings import Check
from edgefuse.config.models import Site
from edgefuse.core.types import Modality


@dataclass(frozen=True, slots=True)
class Area:
    """Checks that run together, in a process of their own."""

    name: str
    check: Check
    limit_s: float
    """It is ended after this."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One such process: an area, or one source of it."""

    area: str
    part: str
    limit_s: float


AREAS = (
    Area("system", system.check, 20),
    Area("disk", disk.check, 20),
    Area("packages", packages.check, 90),
    Area("broker", broker.check, 40),
    Area("audio", audio.check, 30),
    Area("speech", speech.check, 60),
    Area("cameras", cameras.check, 20),
    Area("models", models.check, 90),
    Area("engines", gpu.check, 90),
)
_OF_SOURCES: Mapping[str, tuple[Modality, Check]] = {
    "audio": ("audio", audio.check_source),
    "cameras": ("vision", cameras.check_source),
}
"""Area -> the modality of the sources that are tried in it, one process each."""


def units(site: Site | None) -> list[Unit]:
    """Everything that is to be run, in order."""
    found = []
    for area in AREAS:
        found.append(Unit(area.name, "", area.limit_s))
        if site is not None and area.name in _OF_SOURCES:
            modality = _OF_SOURCES[area.name][0]
            found += [Unit(area.name, name, sources.PATIENCE_S + 10) for name in sources.of_modality(site, modality)]
    return found


def check_of(area: str, part: str) -> Check:
    """The function that a process is to run."""
    if part:
        return _OF_SOURCES[area][1]
    return next(each.check for each in AREAS if each.name == area)
