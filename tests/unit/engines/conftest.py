"""A small model, a catalogue that names it, and a server that hands it out."""

import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
import pytest
import yaml
from numpy.typing import NDArray
from onnx import TensorProto, helper

from edgefuse.config.models import ModelsConfig
from edgefuse.engines.store import Store
from edgefuse.pipeline.clock import SystemClock


def double() -> bytes:
    """An ONNX model: y = x + x, x of shape (n, 3)."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "double", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def describe(models: Path, entries: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the catalogue of a folder of models."""
    models.mkdir(parents=True, exist_ok=True)
    full = {name: {"what": "test", "licence": "none", **entry} for name, entry in entries.items()}
    (models / "catalogue.yaml").write_text(yaml.safe_dump(full), encoding="utf-8")


def open_store(models: Path, pull: str = "auto") -> Store:
    return Store(ModelsConfig.model_validate({"dir": models, "pull": pull}), SystemClock())


@pytest.fixture
def double_model() -> bytes:
    """The bytes of a small ONNX model."""
    return double()


@pytest.fixture
def catalogue(tmp_path: Path) -> Callable[..., Store]:
    """Makes a store whose catalogue has the entries given by name."""

    def make(pull: str = "auto", **entries: Mapping[str, Any]) -> Store:
        describe(tmp_path / "models", entries)
        return open_store(tmp_path / "models", pull)

    return make


@dataclass
class Shop:
    """A web server that honours Range, and breaks where it is told to."""

    url: str
    content: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    """`path range` of each request."""
    pause_after: int | None = None
    """Bytes after which an answer stops until `go_on` is set."""
    cut_after: int | None = None
    """Bytes after which the first answer ends."""
    go_on: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def shop() -> Iterator[Shop]:
    """The server, on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            shop.requests.append(f"{self.path} {asked}".strip())
            data = shop.content.get(self.path)
            if data is None:
                self.send_error(404)
                return
            start = int(asked.removeprefix("bytes=").removesuffix("-") or 0)
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            cut = shop.cut_after if len(shop.requests) == 1 else None
            stop = min(start + (shop.pause_after or len(data)), cut or len(data))
            self.wfile.write(data[start:stop])
            self.wfile.flush()
            if shop.pause_after is not None:
                shop.go_on.wait(30)
            if cut is None and not self.wfile.closed:
                try:
                    self.wfile.write(data[stop:])
                except OSError:
                    return

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    shop = Shop(f"http://127.0.0.1:{server.server_port}/")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield shop
    shop.go_on.set()
    server.shutdown()
    server.server_close()
    thread.join()


class PackCt2(Protocol):
    """Writes a model file of CTranslate2."""

    def __call__(
        self, spec: str, variables: Mapping[str, NDArray[np.generic]], aliases: Mapping[str, str] | None = None
    ) -> bytes: ...


_CT2_TYPES = ("float32", "int8", "int16", "int32", "float16", "uint16")
"""The last stands for bfloat16."""


@pytest.fixture(scope="session")
def pack_ct2() -> PackCt2:
    """Makes the bytes of a model file of CTranslate2, format 6, revision 3."""

    def text(value: str) -> bytes:
        raw = value.encode() + b"\0"
        return struct.pack("<H", len(raw)) + raw

    def pack(
        spec: str, variables: Mapping[str, NDArray[np.generic]], aliases: Mapping[str, str] | None = None
    ) -> bytes:
        parts = [struct.pack("<I", 6), text(spec), struct.pack("<II", 3, len(variables))]
        for name, array in variables.items():
            kind = _CT2_TYPES.index(array.dtype.name)
            parts.append(text(name) + struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape))
            parts.append(struct.pack("<BI", kind, array.nbytes) + array.tobytes())
        parts.append(struct.pack("<I", len(aliases or {})))
        parts += [text(alias) + text(name) for alias, name in (aliases or {}).items()]
        return b"".join(parts)

    return pack
