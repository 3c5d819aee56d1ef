"""Checks of backends."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from edgefuse.core.errors import ModelError
from edgefuse.core.ports import Backend, Model, Tensors
from edgefuse.testing.config_checks import Check


def check_backend(
    make: Callable[[], Backend], path: Path, feed: Tensors, card: Mapping[str, Any] | None = None
) -> Iterator[Check]:
    """Facts that hold for every backend that is usable here, on one ONNX file and a feed that it takes."""
    card = card or {}
    yield Check("probes without raising", lambda: _probes(make()))
    yield Check("names inputs and outputs", lambda: _names(_load(make, path, card), feed))
    yield Check("infers the same again", lambda: _repeats(_load(make, path, card), feed))
    yield Check("never changes its inputs", lambda: _leaves_alone(_load(make, path, card), feed))
    yield Check("refuses a wrong feed by ValueError", lambda: _refuses(_load(make, path, card), feed))
    yield Check("closes twice", lambda: _closes(_load(make, path, card)))
    yield Check("refuses what is no model by ModelError", lambda: _refuses_files(make(), card))


def _load(make: Callable[[], Backend], path: Path, card: Mapping[str, Any]) -> Model:
    return make().load(path, card)


def _probes(backend: Backend) -> None:
    first, again = backend.probe(), backend.probe()
    assert first.reason, "a probe gives no reason"
    assert first == again, f"probed {first}, then {again}"
    assert type(backend).name, "a backend has no name"


def _names(model: Model, feed: Tensors) -> None:
    assert set(model.inputs) == set(feed), f"inputs {sorted(model.inputs)}, the feed has {sorted(feed)}"
    got = model.run(feed)
    assert set(got) == set(model.outputs), f"outputs {sorted(model.outputs)}, run gave {sorted(got)}"
    model.close()


def _repeats(model: Model, feed: Tensors) -> None:
    first = {name: array.copy() for name, array in model.run(feed).items()}
    again = model.run(feed)
    for name, array in first.items():
        assert np.array_equal(array, again[name], equal_nan=True), f"output {name} is another the second time"
    model.close()


def _leaves_alone(model: Model, feed: Tensors) -> None:
    before = {name: array.copy() for name, array in feed.items()}
    model.run(feed)
    changed = [name for name, array in before.items() if not np.array_equal(array, feed[name], equal_nan=True)]
    assert not changed, f"run changed the inputs {changed}"
    model.close()


def _refuses(model: Model, feed: Tensors) -> None:
    name, array = next(iter(feed.items()))
    rest = {other: value for other, value in feed.items() if other != name}
    wrong: dict[str, Tensors] = {
        "a missing input": rest,
        "an unknown input": {**feed, "no_such_input": array},
        "another rank": {**rest, name: array[None, None]},
        "another dtype": {**rest, name: array.astype(np.complex64)},
    }
    for what, tensors in wrong.items():
        said = _raised(ValueError, partial(model.run, tensors))
        assert said is not None, f"{what} was taken; expected ValueError"
        assert said, f"{what}: the ValueError says nothing"
    model.run(feed)
    model.close()


def _closes(model: Model) -> None:
    model.close()
    model.close()


def _refuses_files(backend: Backend, card: Mapping[str, Any]) -> None:
    with TemporaryDirectory() as folder:
        files = {"none.onnx": None, "empty.onnx": b"", "noise.onnx": bytes(range(256)) * 8}
        for name, content in files.items():
            path = Path(folder, name)
            if content is not None:
                path.write_bytes(content)
            said = _raised(ModelError, partial(backend.load, path, card))
            assert said is not None, f"{name} was loaded; expected ModelError"
            assert name in said, f"the ModelError does not name the file: {said}"


def _raised(kind: type[Exception], call: Callable[[], object]) -> str | None:
    """What the error says; None when there was none."""
    try:
        call()
    except kind as error:
        return str(error)
    return None
