"""What can go wrong, sorted by what follows from it.

::

    EdgefuseError
    ├── OperatorError        the operator must act; exit 78, systemd does not restart
    │   ├── ConfigError      a mistake in the YAML file, or a part that is not installed
    │   └── ModelError       a model is missing, has the wrong hash or cannot be loaded
    │       ├── BuildCancelled   nobody waits for the engine any more
    │       └── BlamelessError   an engine failed by no fault of its own: a bug of its backend
    │           └── NoRoomError  memory was short; another time it may do
    └── TransientError       may pass by itself; supervise() backs off and tries again
        ├── SourceError      a device vanished, a stream broke, a file cannot be read now
        └── PublishError     the broker did not acknowledge

Anything else is a bug and ends the process. A message says what, where, got, expected, next step.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class EdgefuseError(Exception):
    """Base of every error that edgefuse raises on purpose."""


class OperatorError(EdgefuseError):
    """The operator must act; trying again cannot help."""


class ConfigError(OperatorError):
    """One or more mistakes in the configuration, all of them in `problems`."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        """One line each, ready to print."""


class ModelError(OperatorError):
    """A model is missing, has the wrong hash, or cannot be converted or loaded."""


class BuildCancelled(ModelError):  # noqa: N818  cancelling is no error of anybody's
    """Whoever asked for an engine no longer wants it."""


class BlamelessError(ModelError):
    """An engine failed by no fault of its own, so that nothing is to be recorded of it."""


class NoRoomError(BlamelessError):
    """Memory of the device was short: it says nothing about the model or the engine, and is not recorded as theirs."""


class TransientError(EdgefuseError):
    """May pass by itself."""


class SourceError(TransientError):
    """A source lost its device, stream or file."""


class PublishError(TransientError):
    """A message was not acknowledged."""


@contextmanager
def needs(extra: str, what: str) -> Iterator[None]:
    """Imports inside that fail raise ConfigError with the extra that brings the library.

    ``with needs("camera", "pictures"): import cv2``. A library whose own shared libraries are missing counts too.
    """
    try:
        yield
    except (ImportError, OSError) as error:
        raise ConfigError(
            f"{what}: expected the extra '{extra}' to be installed, got: {error}; pip install 'edgefuse[{extra}]'"
        ) from error
