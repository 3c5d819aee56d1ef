"""Cameras."""

import re
import socket
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from edgefuse.app.doctor.findings import Case, Finding, text_of
from edgefuse.app.doctor.sources import nodes, of_modality, refused, try_source

_DEVICE = re.compile(r"(?:/dev/video)?(\d+)")
_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_REACH_S = 4.0
_PLUG = "`v4l2-ctl --list-devices` shows what is there; a camera can be open in one program only"
_CALL = "look at its power and network, and whether address and port are right"
_LOGIN = "something answers there: look at path, user and password with `ffplay URL`"
_FILE = "name a video that `ffplay FILE` shows"


def check(case: Case) -> Iterator[Finding]:
    """The video devices of this machine, and whether this user may open them."""
    if case.site is not None and not of_modality(case.site, "vision"):
        yield Finding("devices", "cameras", "ok", "no camera is configured")
        return
    there = nodes(case.root / "dev", "video[0-9]*")
    closed = refused(there)
    if closed:
        who = "add the user to the group video: sudo usermod -aG video $USER, then log in again"
        names = ", ".join(f"/dev/{path.name}" for path in closed)
        yield Finding("permission", "cameras", "warn", f"{names} may not be opened", who)
    if there:
        folder = case.root / "sys/class/video4linux"
        shown = ", ".join(f"/dev/{path.name} {text_of(folder / path.name / 'name') or ''}".strip() for path in there)
        yield Finding("devices", "cameras", "ok", shown)
    elif case.site is None:
        advice = "plug one in, or name a stream by `url: rtsp://...`; without cameras all is well"
        yield Finding("devices", "cameras", "warn", "no /dev/video*", advice)
    else:
        yield Finding("devices", "cameras", "ok", "no /dev/video*; streams and files need none")


def check_source(case: Case) -> Iterator[Finding]:
    """One configured camera or recording: first whether it is there at all, which OpenCV does not tell."""
    name = f"source.{case.part}"
    origin = _origin(case)
    device, parts = _DEVICE.fullmatch(origin), urlsplit(origin)
    if device:
        node = case.root / f"dev/video{device[1]}"
        if not node.exists():
            yield Finding(name, "cameras", "fail", f"/dev/{node.name} is not there", _PLUG)
        else:
            yield from try_source(case, "cameras", _PLUG)
    elif parts.scheme in _PORTS and parts.hostname:
        silent = unreachable(parts.hostname, _port(parts))
        if silent:
            yield Finding(name, "cameras", "fail", silent, _CALL)
        else:
            yield from try_source(case, "cameras", _LOGIN)
    else:
        yield from try_source(case, "cameras", _FILE)


def unreachable(host: str, port: int) -> str:
    """Why nothing answers there; empty when something does."""
    try:
        socket.create_connection((host, port), _REACH_S).close()
    except TimeoutError:
        return f"{host}:{port} does not answer within {_REACH_S:g} s"
    except OSError as error:
        return f"{host}:{port}: {error.strerror or error}"
    return ""


def _origin(case: Case) -> str:
    """What is to be opened, as text; empty where that is only for the source to know."""
    config = case.site.sources[case.part] if case.site else None
    file = getattr(config, "url_file", None)
    if file:
        return text_of(file) or ""
    url = getattr(config, "url", None)
    return "" if url is None else str(url)


def _port(parts: SplitResult) -> int:
    try:
        return parts.port or _PORTS[parts.scheme]
    except ValueError:  # no number, or none that a port can have; opening it says so
        return _PORTS[parts.scheme]
