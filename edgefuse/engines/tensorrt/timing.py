"""What the builder measured in earlier builds, so that the next one need not measure it again."""

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgefuse.engines.files import write_whole

_DIGEST = 32


def use(config: Any, path: Path) -> None:
    """Give a builder configuration the measurements in `path`; what is damaged or of another device starts empty."""
    cache = config.create_timing_cache(_read(path))
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        config.set_timing_cache(config.create_timing_cache(b""), ignore_mismatch=False)


def keep(config: Any, path: Path) -> None:
    """Write what is known after a build. Of two processes the last one wins; a full disk only costs time."""
    cache = config.get_timing_cache()
    if cache is not None:
        body = bytes(memoryview(cache.serialize()))
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, hashlib.sha256(body).digest() + body)


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError:
        return b""
    digest, body = content[:_DIGEST], content[_DIGEST:]
    return body if hashlib.sha256(body).digest() == digest else b""
