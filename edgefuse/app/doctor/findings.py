"""What a check says, and what it is given."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from edgefuse.config.models import Site
from edgefuse.core.ports import Clock

State: TypeAlias = Literal["ok", "warn", "fail"]
"""`warn`: something may be missed; `fail`: edgefuse, or what is configured, cannot work like this."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line; the fields are the keys of `edgefuse doctor --json`. Unique by area and check."""

    check: str
    area: str
    state: State
    found: str
    next: str = ""
    """What to do about it; empty when it is ok."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is examined."""

    site: Site | None
    """None without a configuration: what is generally needed is checked."""
    clock: Clock
    root: Path = Path("/")
    """Where /proc, /sys, /dev and /etc are."""
    part: str = ""
    """The source that is meant, for a check of one source."""

    def bad(self, *, needed: bool = True) -> State:
        """`fail` when a configuration asks for it, else `warn`."""
        return "fail" if self.site is not None and needed else "warn"


Check: TypeAlias = Callable[[Case], Iterator[Finding]]


def text_of(path: Path) -> str | None:
    """A small file of the system, stripped; None when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0\n\t ")
    except OSError:
        return None
