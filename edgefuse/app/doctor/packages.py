"""The Python packages: present, in range, and able to be imported."""

import importlib
import importlib.metadata
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgefuse.app.doctor.findings import Case, Finding
from edgefuse.config.models import Service, Site
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.pipeline.broker import find_mosquitto
from edgefuse.sources.recorded import modality_of

_WHAT = {
    "mic": "microphones and speakers",
    "camera": "cameras and objects",
    "media": "recorded sound",
    "voice": "spoken orders",
    "wyoming": "services that speak Wyoming",
    "convert": "converting models when they are pulled",
    "broker": "a broker of its own",
}
_MODULES = {
    "mic": ("pyaudio", "soxr"),
    "camera": ("cv2",),
    "media": ("soundfile", "soxr"),
    "voice": ("faster_whisper", "hassil", "pymicro_wakeword"),
    "wyoming": ("wyoming.event",),
    "convert": ("onnx",),
    "broker": ("iotcore",),
}
_PARTS = {
    ("sources", "microphone"): ("mic",),
    ("sources", "camera"): ("camera",),
    ("detectors", "voice"): ("voice",),
    ("detectors", "objects"): ("camera",),
    ("publishers", "speaker"): ("mic",),
}
"""Section and type of a bundled part -> extras that it needs."""
_RECORDED = {"audio": "media", "vision": "camera"}
_OPENCV = ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python")
_STAND_INS = {"opencv-python-headless": _OPENCV, "onnxruntime": ("onnxruntime", "onnxruntime-gpu")}
"""Package -> those that bring the same module."""
_SYSTEM_OPENCV = "python3-opencv of the system"
_REQUIREMENT = re.compile(r"^([\w.-]+)(?:\[[^\]]*\])?\s*([^;]*?)\s*(?:;\s*(.*))?$")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([\w-]+)['"]""")
_OLDER = re.compile(r"""python_version\s*<\s*['"](\d+)\.(\d+)['"]""")
_TESTS = {
    ">=": lambda got, want: got >= want,
    "<=": lambda got, want: got <= want,
    "==": lambda got, want: got == want,
    "!=": lambda got, want: got != want,
    ">": lambda got, want: got > want,
    "<": lambda got, want: got < want,
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package, the versions that it may have, and the extra that asks for it (empty: always needed)."""

    name: str
    versions: str
    extra: str


def check(case: Case) -> Iterator[Finding]:
    """What is always needed, then each extra, then the two libraries that come in different builds."""
    declared = importlib.metadata.requires("edgefuse") or []
    wanted = list(requirements(declared))
    found = versions(wanted)
    yield required([one for one in wanted if not one.extra], found)
    needed = extras_of(case.site) if case.site else frozenset()
    for extra in _WHAT:
        if extra != "broker" or extra in needed:
            yield _extra(case, extra, [one for one in wanted if one.extra == extra], found, needed)
    yield _onnxruntime()
    yield from _opencv(case)


def requirements(declared: Sequence[str]) -> Iterator[Requirement]:
    """Read `Requires-Dist` lines; those that this Python does not need are left out."""
    for line in declared:
        match = _REQUIREMENT.match(line)
        marker = (match[3] or "") if match else ""
        older = _OLDER.search(marker)
        if match and not (older and sys.version_info >= (int(older[1]), int(older[2]))):
            extra = _EXTRA.search(marker)
            yield Requirement(match[1].lower(), match[2], extra[1] if extra else "")


def fits(version: str, allowed: str) -> bool:
    """Whether a version lies in a range such as `>=2.7,<3`; only the numbers of its release count."""
    got = _release(version)
    for clause in filter(None, (part.strip() for part in allowed.split(","))):
        sign = re.match(r"[<>=!]=|[<>]", clause)
        if sign is None:
            continue
        want = _release(clause[sign.end() :])
        length = max(len(got), len(want))
        if not _TESTS[sign[0]](got + (0,) * (length - len(got)), want + (0,) * (length - len(want))):
            return False
    return True


def versions(wanted: Sequence[Requirement]) -> dict[str, str]:
    """Package -> its installed version, for those that are here."""
    found: dict[str, str] = {}
    for one in wanted:
        for name in _STAND_INS.get(one.name, (one.name,)):
            version = _version(name)
            if version is not None:
                found.setdefault(one.name, version)
    system = _system_opencv() if _OPENCV[0] not in found else None
    return {**found, **({_OPENCV[0]: system} if system else {})}


def wrong(wanted: Sequence[Requirement], found: Mapping[str, str]) -> list[str]:
    """One phrase per package that is missing or out of range."""
    missing = [f"{one.name} is missing" for one in wanted if one.name not in found]
    ranges = [
        f"{one.name} {found[one.name]} (expected {one.versions})"
        for one in wanted
        if one.name in found and not fits(found[one.name], one.versions)
    ]
    return missing + ranges


def required(wanted: Sequence[Requirement], found: Mapping[str, str]) -> Finding:
    """Packages without which nothing works."""
    problems = wrong(wanted, found)
    if problems:
        return Finding("required", "packages", "fail", "; ".join(problems), "run `pip install --upgrade edgefuse`")
    shown = ", ".join(f"{name} {found[name]}" for name in ("numpy", "onnxruntime", "paho-mqtt") if name in found)
    return Finding("required", "packages", "ok", f"all {len(wanted)} in range: {shown} ...")


def extras_of(site: Site) -> frozenset[str]:
    """The extras that the bundled parts of a configuration need."""
    types = {("sources", part.type) for part in site.sources.values()}
    types |= {("detectors", part.type) for part in site.detectors.values()}
    types |= {("publishers", part.type) for part in site.publishers.values()}
    needed = {extra for kind in types for extra in _PARTS.get(kind, ())}
    recorded = [part for part in site.sources.values() if part.type == "recorded"]
    needed |= {_RECORDED[kind] for kind in (modality_of(part.file) for part in recorded) if kind in _RECORDED}
    needed |= {"wyoming"} if uses_wyoming(site) else set()
    own_broker = site.mqtt.url.startswith("embedded") and find_mosquitto() is None
    return frozenset(needed | ({"broker"} if own_broker else set()))


def uses_wyoming(site: Site) -> bool:
    """Whether it asks services, or is one."""
    parts = [*site.detectors.values(), *site.publishers.values()]
    keys = ("recogniser", "wake_word")
    services = any(isinstance(getattr(part, key, None), Service) for part in parts for key in keys)
    return services or site.wyoming is not None or any(getattr(part, "wyoming", None) for part in parts)


def _extra(
    case: Case, extra: str, wanted: Sequence[Requirement], found: Mapping[str, str], needed: frozenset[str]
) -> Finding:
    problems = wrong(wanted, found) or _broken(extra)
    if not problems:
        shown = ", ".join(f"{one.name} {found[one.name]}" for one in wanted)
        return Finding(f"extra.{extra}", "packages", "ok", shown)
    if case.site is not None and extra not in needed:
        return Finding(f"extra.{extra}", "packages", "ok", f"not installed, and not needed here: {_WHAT[extra]}")
    advice = f"for {_WHAT[extra]}: pip install 'edgefuse[{extra}]'"
    return Finding(f"extra.{extra}", "packages", case.bad(), "; ".join(problems), advice)


def _broken(extra: str) -> list[str]:
    """Modules that are installed and cannot be imported, as without a shared library of the system."""
    problems = []
    for module in _MODULES[extra]:
        try:
            importlib.import_module(module)
        except (ImportError, OSError) as error:
            problems.append(f"{module} cannot be imported: {error}")
    return problems


def _onnxruntime() -> Finding:
    here = [name for name in _STAND_INS["onnxruntime"] if _version(name)]
    if len(here) > 1:
        advice = f"run `pip uninstall {' '.join(here)}`, then install one"
        return Finding("onnxruntime", "packages", "warn", f"{' and '.join(here)} overwrite each other", advice)
    probe = OnnxBackend().probe()
    if not probe.usable:
        return Finding(
            "onnxruntime", "packages", "fail", probe.reason, "run `pip install --force-reinstall onnxruntime`"
        )
    return Finding("onnxruntime", "packages", "ok", probe.reason)


def _opencv(case: Case) -> Iterator[Finding]:
    """Which OpenCV, and whether it has GStreamer; nothing where there is none."""
    try:
        import cv2
    except (ImportError, OSError):
        return
    has = re.search(r"^\s*GStreamer:\s*YES", cv2.getBuildInformation(), re.MULTILINE) is not None
    here = [name for name in _OPENCV if _version(name)]
    build = f"{cv2.__version__} ({' and '.join(here) or _SYSTEM_OPENCV}), {'with' if has else 'without'} GStreamer"
    sources = case.site.sources if case.site else {}
    piped = [name for name, part in sources.items() if getattr(part, "pipeline", None)]
    if len(here) > 1:
        advice = f"run `pip uninstall {' '.join(here)}`, then install one: they overwrite each other"
        yield Finding("opencv", "packages", "warn", build, advice)
    elif piped and not has:
        advice = (
            f"{', '.join(piped)} has a `pipeline`: use `url`, or the system's python3-opencv in an environment made "
            "with --system-site-packages"
        )
        yield Finding("opencv", "packages", "fail", build, advice)
    else:
        yield Finding("opencv", "packages", "ok", build)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _system_opencv() -> str | None:
    """Version of an OpenCV that came without a Python package, as the system's does."""
    try:
        import cv2
    except (ImportError, OSError):
        return None
    return str(cv2.__version__)


def _release(version: str) -> tuple[int, ...]:
    numbers = re.match(r"\s*v?(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in numbers[1].split(".")) if numbers else ()
