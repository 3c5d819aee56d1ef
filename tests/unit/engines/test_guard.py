"""A backend of others that does not hold its contract."""

from pathlib import Path
from typing import Any

import pytest

from edgefuse.core.errors import BuildCancelled, ModelError
from edgefuse.core.ports import Probe
from edgefuse.engines.guard import guarded


class Faulty:
    """Raises `fault` wherever it can, or answers as it should."""

    name = "faulty"
    precisions = ("fp32",)
    suffix = ".bad"
    int8 = "symmetric"
    fault: Exception | None = None
    answer: Any = Probe(usable=True, reason="here")

    def __init__(self, _folder: Path) -> None:
        self.folder = _folder

    def probe(self) -> Any:
        self._fail()
        return self.answer

    def fingerprint(self) -> dict[str, Any]:
        self._fail()
        return {"version": 1}

    def build(self, *_: Any) -> None:
        self._fail()

    def load(self, *_: Any) -> str:
        self._fail()
        return "a model"

    def _fail(self) -> None:
        if self.fault is not None:
            raise self.fault


class NotMade(Faulty):
    """Cannot even be made."""

    def __init__(self, folder: Path) -> None:
        raise OSError(2, "no library", str(folder))


@pytest.mark.parametrize("fault", [RuntimeError("boom"), KeyError("boom"), ImportError("boom"), ValueError("boom")])
def test_what_was_not_foreseen_is_the_backends_failure(tmp_path: Path, fault: Exception) -> None:
    """The probe says no with the reason; all the rest raises ModelError with it."""
    backend: Any = guarded(type("Broken", (Faulty,), {"fault": fault}))(tmp_path)

    assert not backend.probe().usable
    assert "boom" in backend.probe().reason
    for use in (backend.fingerprint, lambda: backend.build(1, 2, 3, 4), lambda: backend.load(1, 2)):
        with pytest.raises(ModelError, match=r"backend faulty .*boom"):
            use()


def test_what_cannot_be_made_is_not_usable(tmp_path: Path) -> None:
    """A constructor that fails leaves a backend that says why."""
    backend: Any = guarded(NotMade)(tmp_path)

    assert (backend.probe().usable, "no library" in backend.probe().reason) == (False, True)
    with pytest.raises(ModelError, match="no library"):
        backend.load(1, 2)


def test_an_answer_that_is_none_is_no(tmp_path: Path) -> None:
    """A probe without an answer is not usable."""
    backend: Any = guarded(type("Silent", (Faulty,), {"answer": None}))(tmp_path)
    assert backend.probe() == Probe(
        usable=False, reason=f"backend faulty said None; report it to who made {type(backend).__bases__[0].__module__}"
    )


def test_errors_of_the_contract_pass(tmp_path: Path) -> None:
    """BuildCancelled and OSError are told apart by the caller; what works is as it was, the fingerprint as text."""
    good: Any = guarded(Faulty)(tmp_path)
    assert (good.probe().usable, good.fingerprint(), good.load(1, 2), good.folder) == (
        True,
        {"version": "1"},
        "a model",
        tmp_path,
    )
    for fault in (BuildCancelled("stop"), OSError(28, "full")):
        backend: Any = guarded(type("Told", (Faulty,), {"fault": fault}))(tmp_path)
        with pytest.raises(type(fault)):
            backend.build(1, 2, 3, 4)
