"""Microphones."""

from collections.abc import Iterator

from edgefuse import portaudio
from edgefuse.app.doctor.findings import Case, Finding
from edgefuse.app.doctor.sources import nodes, refused, try_source
from edgefuse.core.errors import ConfigError

_SHOWN = 3
_PLUG = "plug one in; `arecord -l` lists the sound cards, `device:` names one"


def check(case: Case) -> Iterator[Finding]:
    """The input devices that PortAudio sees, and whether this user may open them; what is configured speaks itself."""
    configured = [part.type for part in case.site.sources.values()] if case.site else ["microphone"]
    if "microphone" not in configured:
        yield Finding("devices", "audio", "ok", "no microphone is configured")
        return
    closed = refused(nodes(case.root / "dev/snd", "*"))
    if closed:
        who = "add the user to the group audio: sudo usermod -aG audio $USER, then log in again"
        yield Finding("permission", "audio", "warn", f"{len(closed)} devices in /dev/snd may not be opened", who)
    try:
        devices = portaudio.devices("input")
    except ConfigError as error:
        found, _, then = str(error).partition("; ")
        yield Finding("devices", "audio", "warn", found, then or _PLUG)
    except (portaudio.DeviceError, OSError) as error:
        yield Finding("devices", "audio", "warn", f"PortAudio: {error}", _PLUG)
    else:
        if devices or case.site is None:
            yield listed(devices)


def listed(devices: list[str]) -> Finding:
    """One line about the devices, the default first."""
    if not devices:
        return Finding("devices", "audio", "warn", "no input device", _PLUG)
    more = f" and {len(devices) - _SHOWN} more" if len(devices) > _SHOWN else ""
    return Finding("devices", "audio", "ok", "; ".join(devices[:_SHOWN]) + more)


def check_source(case: Case) -> Iterator[Finding]:
    """One configured microphone or recording."""
    return try_source(case, "audio", _PLUG)
