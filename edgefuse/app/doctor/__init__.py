"""`edgefuse doctor`: is everything here that edgefuse needs, and what to do where it is not."""

from collections.abc import Iterator
from pathlib import Path

from edgefuse.app.build import check_site
from edgefuse.app.doctor.apart import findings_of
from edgefuse.app.doctor.areas import units
from edgefuse.app.doctor.findings import Finding
from edgefuse.config.load import Checked

__all__ = ["Finding", "broken_configuration", "diagnose"]

_INSTALLED = Path("/etc/edgefuse/edgefuse.yaml")


def diagnose(config: Path | None) -> Iterator[Finding]:
    """Every finding in order. With a broken configuration, what is generally needed is checked behind it."""
    checked = check_site(config) if config else None
    yield _configuration(config, checked)
    good = checked is not None and checked.site is not None
    yield from findings_of(units(checked.site if checked else None), config if good else None)


def broken_configuration(findings: list[Finding]) -> bool:
    """Whether the file itself is wrong."""
    return any(one.area == "configuration" and one.state == "fail" for one in findings)


def _configuration(path: Path | None, checked: Checked | None) -> Finding:
    if path is None or checked is None:
        hint = f"; try --config {_INSTALLED}" if _INSTALLED.exists() else ""
        return Finding("file", "configuration", "ok", f"none given: what is generally needed is checked{hint}")
    ask = f"run `edgefuse check {path}`"
    if checked.problems:
        more = f" and {len(checked.problems) - 1} more" if len(checked.problems) > 1 else ""
        return Finding("file", "configuration", "fail", f"{checked.problems[0]}{more}", ask)
    if checked.warnings:
        more = f" and {len(checked.warnings) - 1} more" if len(checked.warnings) > 1 else ""
        return Finding("file", "configuration", "warn", f"{checked.warnings[0]}{more}", ask)
    return Finding("file", "configuration", "ok", f"{path}: good")
