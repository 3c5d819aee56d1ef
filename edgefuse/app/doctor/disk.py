"""The folders that are written to."""

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edgefuse.app.build import state_dir
from edgefuse.app.doctor.findings import Case, Finding
from edgefuse.config.models import Device, ModelsConfig, Site
from edgefuse.core.errors import ModelError
from edgefuse.engines.store import models_dir

_MB = 1_000_000
_MODELS_MB = 400
"""Free space that pulling the default models takes at most."""


def check(case: Case) -> Iterator[Finding]:
    """Models and state: writable, and room for what will come."""
    site = case.site or Site(device=Device(id="edgefuse"))
    yield folder(case, "state", state_dir(site), site.limits.outbox_mb, "device.state_dir")
    models = case.site.models if case.site else ModelsConfig()
    try:
        where = models_dir(models)
    except ModelError as error:
        yield Finding("models", "disk", "fail", str(error), "set EDGEFUSE_MODELS or models.dir")
        return
    yield folder(case, "models", where, _MODELS_MB, "models.dir")


def folder(case: Case, check_name: str, path: Path, need_mb: float, key: str) -> Finding:
    """A folder, or the nearest one above it that is there, in which it would be made."""
    there = path.absolute()
    while not _exists(there) and there != there.parent:
        there = there.parent
    try:
        with tempfile.TemporaryFile(dir=there, prefix=".edgefuse-doctor-"):
            free = shutil.disk_usage(there).free // _MB
    except OSError as error:
        advice = f"make it writable for {_user()}, or set {key} to another folder"
        return Finding(check_name, "disk", case.bad(), f"{path} cannot be written: {error.strerror}", advice)
    if free < need_mb:
        advice = f"free {need_mb - free:.0f} MB there, or set {key} to another disk"
        return Finding(check_name, "disk", "warn", f"{free} MB free in {path}, {need_mb:g} MB may be needed", advice)
    return Finding(check_name, "disk", "ok", f"{free} MB free in {path}")


def _exists(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a folder above it may not be looked into
        return False


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"
