"""Writes one message a line: what a replay decided, byte for byte the same each time."""

import json
import sys
from pathlib import Path
from typing import BinaryIO, Literal

from edgefuse.config.models import PublisherConfig
from edgefuse.core.errors import ConfigError, PublishError
from edgefuse.core.ports import Context
from edgefuse.core.types import Json, Message


class JsonlPublisher:
    """Appends `{"id", "class", "topic", "retain", "payload"}` to a file or standard output."""

    class Config(PublisherConfig):
        """`{type: jsonl, path: decisions.jsonl}`."""

        type: Literal["jsonl"] = "jsonl"
        path: Path | None = None
        """Default: standard output."""
        append: bool = False
        """Keep what the file has."""

    def __init__(self, config: Config, context: Context) -> None:
        """Open the file. Raises ConfigError."""
        self._file: BinaryIO | None = None
        if config.path is None:
            return
        try:
            self._file = config.path.open("ab" if config.append else "wb", buffering=0)
        except OSError as error:
            raise ConfigError(f"publishers.{context.name}: cannot write {config.path}: {error.strerror}") from error

    async def publish(self, message: Message) -> None:
        """Return once it is written. Raises PublishError."""
        text = line(message)
        try:
            if self._file is None:
                sys.stdout.write(text)
                sys.stdout.flush()
            else:
                self._file.write(text.encode())
        except (OSError, ValueError) as error:  # ValueError: it is closed
            name = "standard output" if self._file is None else self._file.name
            raise PublishError(f"cannot write {name}: {getattr(error, 'strerror', None) or error}") from error

    async def close(self) -> None:
        """Close the file. Calling twice is allowed."""
        if self._file is not None:
            self._file.close()


def line(message: Message) -> str:
    """The line of a message, with its line feed. A payload that is no JSON is text."""
    data = {
        "id": message.id,
        "class": message.cls,
        "topic": message.topic,
        "retain": message.retain,
        "payload": _payload(message.payload),
    }
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n"


def _payload(payload: bytes) -> Json:
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode("utf-8", "replace")
