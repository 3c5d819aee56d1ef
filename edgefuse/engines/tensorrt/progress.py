"""How far a build has come, out of TensorRT's nested phases."""

import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from edgefuse.core.errors import BuildCancelled
from edgefuse.core.ports import BuildReport

_BUILDER = 0.98
"""Share of the whole that is left to the builder; the rest is reading the model and writing the engine."""


@dataclass(slots=True)
class _Phase:
    parent: str | None
    steps: int
    done: int = 0


class Progress:
    """Tells a report a share that never falls. Thread-safe; what the report raises is held until `settle`."""

    def __init__(self, report: BuildReport) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._phases: dict[str, _Phase] = {}
        self._share = 0.0
        self._wanted = True
        self._held = _Held()

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """A phase begins, inside another one or by itself."""
        with self._lock:
            self._phases[name] = _Phase(parent, max(1, steps))
        self.tell(self._share, name)

    def step(self, name: str, index: int) -> bool:
        """A phase has finished its step `index` (from 0). False: stop."""
        with self._lock:
            if name in self._phases:
                self._phases[name].done = index + 1
            share = max((self._fraction(root) for root, at in self._phases.items() if at.parent is None), default=0.0)
        return self.tell(_BUILDER * share, name)

    def finish(self, name: str) -> None:
        """A phase ends, whether all its steps were told or not."""
        with self._lock:
            self._phases.pop(name, None)

    def tell(self, share: float, phase: str) -> bool:
        """Report a share, or a greater one that was told before. False: stop."""
        with self._lock:
            self._share = share = max(self._share, min(share, 1.0))
            if self._wanted:
                wanted = False
                with self._held:
                    wanted = bool(self._report(share, phase))
                self._wanted = wanted
            return self._wanted

    def settle(self) -> None:
        """Raise what the report raised; BuildCancelled if it asked to stop."""
        if self._held.error is not None:
            raise self._held.error
        if not self._wanted:
            raise BuildCancelled("the build was cancelled")

    def _fraction(self, name: str) -> float:
        """Share of a phase that is done, with what is done of the step that it is in."""
        phase = self._phases[name]
        inner = max((self._fraction(child) for child, at in self._phases.items() if at.parent == name), default=0.0)
        return min(1.0, (phase.done + inner) / phase.steps)


class _Held:
    """Keeps an exception instead of letting it pass: through C++ frames it would end the process."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.error = error or self.error
        return True


def monitor(trt: Any, progress: Progress) -> Any:
    """The progress monitor that TensorRT calls, from threads of its own too. Keep it while the builder runs."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]  # its type is known at run time
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            progress.start(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return progress.step(phase_name, step)

        def phase_finish(self, phase_name: str) -> None:
            progress.finish(phase_name)

    return Monitor()
