"""The only importer of TensorRT."""

from importlib.util import find_spec
from typing import Any

from edgefuse.core.errors import ModelError

OLDEST, TOO_NEW = (10, 3), (12,)
"""Versions that are taken: from the first one on, below the second one."""


def installed() -> bool:
    """Whether TensorRT can be found; it is not imported, for without a driver that may end the process."""
    return find_spec("tensorrt") is not None


def tensorrt() -> Any:
    """The library. Raises ModelError for a version that this package does not know."""
    import tensorrt as trt

    if not OLDEST <= version_of(trt) < TOO_NEW:
        raise ModelError(
            f"TensorRT: expected a version from {_dotted(OLDEST)} on and below {_dotted(TOO_NEW)}, "
            f"got {trt.__version__}; pip install 'tensorrt>={_dotted(OLDEST)},<{_dotted(TOO_NEW)}'"
        )
    return trt


def version_of(trt: Any) -> tuple[int, ...]:
    """Major and minor."""
    return tuple(int(part) for part in trt.__version__.split(".")[:2])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
