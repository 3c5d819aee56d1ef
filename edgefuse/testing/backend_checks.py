"""Checks of backends."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from edgefuse.core.errors import BuildCancelled, ModelError
from edgefuse.core.ports import Backend, Model, Tensors
from edgefuse.testing.config_checks import Check


def check_backend(
    make: Callable[[], Backend], path: Path, feed: Tensors, card: Mapping[str, Any] | None = None
) -> Iterator[Check]:
    """Facts that hold for every backend that is usable here, on one ONNX file and a feed that it takes.

    A backend whose engines have a suffix builds one before each load.
    """
    card = card or {}
    yield Check("probes without raising", lambda: _probes(make()))
    yield Check("says what its engines depend on", lambda: _fingerprint(make()))
    yield Check("builds, tells how far it is, and stops when told", lambda: _builds(make(), path, card))
    yield Check("names inputs and outputs", lambda: _names(_load(make, path, card), feed))
    yield Check("infers the same again", lambda: _repeats(_load(make, path, card), feed))
    yield Check("never changes its inputs", lambda: _leaves_alone(_load(make, path, card), feed))
    yield Check("refuses a wrong feed by ValueError", lambda: _refuses(_load(make, path, card), feed))
    yield Check("closes twice", lambda: _closes(_load(make, path, card)))
    yield Check("refuses what is no model by ModelError", lambda: _refuses_files(make(), card))


def _load(make: Callable[[], Backend], path: Path, card: Mapping[str, Any]) -> Model:
    """Load the file, or what is built of it; the engine's file is gone afterwards."""
    backend = make()
    if not backend.suffix:
        return backend.load(path, card)
    with TemporaryDirectory() as folder:
        target = Path(folder, f"{path.stem}{backend.suffix}")
        backend.build(path, card, target, lambda *_: True)
        return backend.load(target, card)


def _probes(backend: Backend) -> None:
    first, again = backend.probe(), backend.probe()
    assert first.reason, "a probe gives no reason"
    assert first == again, f"probed {first}, then {again}"
    assert type(backend).name, "a backend has no name"


def _fingerprint(backend: Backend) -> None:
    found = dict(backend.fingerprint())
    assert found, "an engine depends on nothing: an update of the library would go unseen"
    assert all(isinstance(text, str) for pair in found.items() for text in pair), f"expected text only, got {found}"
    assert found == dict(backend.fingerprint()), "the fingerprint is another one the second time"


def _builds(backend: Backend, path: Path, card: Mapping[str, Any]) -> None:
    shares: list[float] = []

    def report(share: float, _phase: str) -> bool:
        shares.append(share)
        return True

    with TemporaryDirectory() as folder:
        target = Path(folder, f"engine{backend.suffix}")
        backend.build(path, card, target, report)
        left = [each.name for each in Path(folder).iterdir()]
        expected = [target.name] if backend.suffix else []
        assert left == expected, f"expected a build to leave {expected}, got {left}"
    assert shares == sorted(shares), "the share of the build fell"
    assert all(0 <= share <= 1 for share in shares), f"expected shares from 0 to 1, got {shares}"
    if backend.suffix:
        _stops(backend, path, card)


def _stops(backend: Backend, path: Path, card: Mapping[str, Any]) -> None:
    with TemporaryDirectory() as folder:
        build = partial(backend.build, path, card, Path(folder, f"engine{backend.suffix}"))
        assert _raised(BuildCancelled, lambda: build(lambda *_: False)) is not None, "the build was not cancelled"
        noise = Path(folder, "noise.onnx")
        noise.write_bytes(bytes(range(256)) * 8)
        said = _raised(ModelError, lambda: backend.build(noise, card, Path(folder, "noise"), lambda *_: True))
        assert said is not None, "an engine was built of noise; expected ModelError"
        assert [each.name for each in Path(folder).iterdir()] == [noise.name], "a build that failed left a file"


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
        files = {"none": None, "empty": b"", "noise": bytes(range(256)) * 8}
        for stem, content in files.items():
            name = f"{stem}{backend.suffix or '.onnx'}"
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
