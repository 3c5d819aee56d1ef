"""Keeps a backend that does not hold its contract from ending the process: its bug costs its engines, not the CPU's."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgefuse.core.errors import BlamelessError, ConfigError, ModelError
from edgefuse.core.ports import Backend, BuildReport, Model, Probe

_FAULTS = (ArithmeticError, AttributeError, ImportError, LookupError, RuntimeError, TypeError, ValueError)
"""What the code of others raises for what it did not foresee; OSError is the caller's to tell apart."""


def guarded(kind: type[Any]) -> Callable[[Path], Backend]:
    """A class of backends whose probe answers whatever happens, and that raises only ModelError and OSError."""

    class Guarded(kind):  # type: ignore[misc]  # a class that is found when it runs
        """The backend, with its unforeseen errors told as its own."""

        def __init__(self, folder: Path) -> None:
            self._flaw = ""
            try:
                super().__init__(folder)
            except (*_FAULTS, OSError) as error:
                self._flaw = _words(kind, "cannot be made", error)

        def probe(self) -> Probe:
            """Not usable where it cannot say."""
            return _answer(kind, super().probe, self._flaw)

        def fingerprint(self) -> Mapping[str, str]:
            """Raises ModelError."""
            with _told(kind, "cannot say what its engines depend on", self._flaw):
                return {str(name): str(value) for name, value in super().fingerprint().items()}

        def build(self, path: Path, card: Mapping[str, Any], target: Path, report: BuildReport) -> None:
            """Raises ModelError, BuildCancelled, OSError, ConfigError for a library that is missing."""
            with _told(kind, "failed to build", self._flaw):
                super().build(path, card, target, report)

        def load(self, path: Path, card: Mapping[str, Any]) -> Model:
            """Raises ModelError."""
            with _told(kind, f"failed to load {path}", self._flaw):
                model: Model = super().load(path, card)
                return model

    return Guarded


def _answer(kind: type[Any], ask: Callable[[], object], flaw: str) -> Probe:
    if flaw:
        return Probe(usable=False, reason=flaw)
    try:
        answer = ask()
    except (*_FAULTS, OSError, ConfigError, ModelError) as error:
        return Probe(usable=False, reason=_words(kind, "cannot say whether it works here", error))
    return answer if isinstance(answer, Probe) else Probe(usable=False, reason=_words(kind, f"said {answer!r}"))


@contextmanager
def _told(kind: type[Any], what: str, flaw: str) -> Iterator[None]:
    if flaw:
        raise BlamelessError(flaw)
    try:
        yield
    except _FAULTS as error:
        raise BlamelessError(_words(kind, what, error)) from error


def _words(kind: type[Any], what: str, error: BaseException | None = None) -> str:
    told = "" if error is None else f": {type(error).__name__}: {error}"
    return f"backend {getattr(kind, 'name', kind.__name__)} {what}{told}; report it to who made {kind.__module__}"
