"""What speaks, and the services by which it speaks, hears and is heard."""

import shutil
import socket
from collections.abc import Iterator

from edgefuse import portaudio, wyoming
from edgefuse.app.doctor.findings import Case, Finding
from edgefuse.app.doctor.system import daemon_runs
from edgefuse.config.models import Service, Site
from edgefuse.core.errors import ConfigError
from edgefuse.publishers.speaker import Speaker
from edgefuse.publishers.speech import PROGRAM

_AREA = "speech"
_SHOWN = 3
_PLUG = "`aplay -l` lists the sound cards, `device:` names one; a service needs the group audio"


def check(case: Case) -> Iterator[Finding]:
    """Speakers, then services of others, then our own; one line where there is nothing of the kind."""
    if case.site is None:
        yield _program(needed=False)
        return
    speakers = {name: one for name, one in case.site.publishers.items() if isinstance(one, Speaker.Config)}
    if any(one.wyoming is None for one in speakers.values()):
        yield _program(needed=True)
    for name, speaker in speakers.items():
        yield _output(name, speaker)
    services = list(_services(case.site))
    for name, kind, service in services:
        yield _service(name, kind, service)
    if case.site.wyoming is not None:
        yield _served(case.site.wyoming.listen)
    elif not speakers and not services:
        yield Finding("speakers", _AREA, "ok", "neither a speaker nor a Wyoming service is configured")


def _program(*, needed: bool) -> Finding:
    found = shutil.which(PROGRAM)
    if found:
        return Finding(PROGRAM, _AREA, "ok", found)
    if not needed:
        return Finding(PROGRAM, _AREA, "ok", "not installed; only a speaker needs it")
    return Finding(PROGRAM, _AREA, "fail", "not installed", f"sudo apt-get install {PROGRAM}, or set `wyoming:`")


def _output(name: str, speaker: Speaker.Config) -> Finding:
    """The output device of one speaker; nothing is played."""
    try:
        audio = portaudio.start()
        try:
            device = portaudio.find(audio, speaker.device, "output")
        finally:
            portaudio.end(audio, None)
    except ConfigError as error:
        found, _, then = str(error).partition("; ")
        return Finding(f"speaker.{name}", _AREA, "fail", found, then)
    except (portaudio.DeviceError, OSError) as error:
        return Finding(f"speaker.{name}", _AREA, "fail", str(error), _PLUG)
    return Finding(f"speaker.{name}", _AREA, "ok", str(device["name"]))


def _services(site: Site) -> Iterator[tuple[str, str, Service]]:
    """Name, kind and address of every service that is configured."""
    for name, part in site.detectors.items():
        for key, kind in (("recogniser", "asr"), ("wake_word", "wake")):
            service = getattr(part, key, None)
            if isinstance(service, Service):
                yield f"{name}.{key}", kind, service
    for name, part in site.publishers.items():
        if isinstance(part, Speaker.Config) and part.wyoming:
            yield f"{name}.wyoming", "tts", Service(wyoming=part.wyoming)


def _service(name: str, kind: str, service: Service) -> Finding:
    """Whether it answers, and has what is asked of it."""
    try:
        offers = wyoming.described(service.wyoming, kind)
    except ConfigError as error:
        found, _, then = str(error).partition("; ")
        return Finding(name, _AREA, "fail", found, then)
    except wyoming.ServiceError as error:
        return Finding(name, _AREA, "fail", str(error), "start the service, or correct its address")
    shown = ", ".join(offers[:_SHOWN]) + (f" and {len(offers) - _SHOWN} more" if len(offers) > _SHOWN else "")
    if not offers:
        return Finding(name, _AREA, "fail", f"{service.wyoming} answers, but offers no {kind}", "correct its address")
    if service.name and service.name not in offers:
        return Finding(
            name, _AREA, "warn", f"{service.wyoming} has no '{service.name}'; it has {shown}", "correct `name`"
        )
    return Finding(name, _AREA, "ok", f"{service.wyoming}: {shown}")


def _served(url: str) -> Finding:
    """Whether our own address can be had, or is held by the daemon."""
    host, port = wyoming.endpoint(url)
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return Finding("wyoming.listen", _AREA, "ok", f"{url} is free")
    except OSError as error:
        if daemon_runs():
            return Finding("wyoming.listen", _AREA, "ok", f"{url} is in use; the daemon runs")
        return Finding("wyoming.listen", _AREA, "fail", f"{url}: {error.strerror}", "choose another port")
