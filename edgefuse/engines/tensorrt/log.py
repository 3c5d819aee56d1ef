"""What TensorRT says, kept where an error can quote it."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from edgefuse.core.errors import ModelError, NoRoomError

_NO_ROOM = re.compile(r"out ?of ?memory|insufficient (memory|workspace)|could not be allocated", re.IGNORECASE)
"""`Error Code 2: OutOfMemory`, `Cuda Runtime (out of memory)`, `Requested amount of GPU memory ... could not be ...`"""


class Said:
    """Errors and warnings of one piece of work, in the order in which they came."""

    def __init__(self, logger: Any) -> None:
        self.logger = logger
        """To be given to TensorRT."""
        self._errors: list[str] = []
        self._warnings: list[str] = []

    def add(self, text: str, *, error: bool) -> None:
        """Keep a message, once."""
        kept = self._errors if error else self._warnings
        if text not in kept:
            kept.append(text)

    def failure(self, text: str) -> ModelError:
        """An error with this text: NoRoomError where the library says that memory was short."""
        short = any(_NO_ROOM.search(said) for said in (*self._errors, *self._warnings))
        return NoRoomError(text) if short else ModelError(text)

    def __str__(self) -> str:
        """The errors, else the warnings, else that there were none."""
        return "; ".join(self._errors or self._warnings) or "the library gives no reason"


@contextmanager
def listening(trt: Any) -> Iterator[Said]:
    """Collect what the library says meanwhile, in any thread: work in two threads at once hears both."""
    logger = _logger(trt)
    said = Said(logger)
    with logger.lock:
        logger.listeners.append(said)
    try:
        yield said
    finally:
        with logger.lock:
            logger.listeners.remove(said)


@cache
def _logger(trt: Any) -> Any:
    """One per library and process: TensorRT keeps the first that it is given for good."""

    class Logger(trt.ILogger):  # type: ignore[misc]  # its type is known at run time
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.lock = threading.Lock()
            self.listeners: list[Said] = []

        def log(self, severity: Any, msg: str) -> None:
            if severity in {trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR, trt.ILogger.WARNING}:
                with self.lock:
                    for said in self.listeners:
                        said.add(msg.strip(), error=severity != trt.ILogger.WARNING)

    return Logger()
