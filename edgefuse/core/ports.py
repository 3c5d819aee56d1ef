"""The seams: what a source, detector, backend, fuser and publisher must offer.

A plug-in is one file with a class and, beside it, a pydantic `Config` (a subclass of the matching model in
`edgefuse.config.models`). The class is built as ``Class(config, context)`` and named by one entry point.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from edgefuse.core.attention import Attention
from edgefuse.core.health import PartHealth
from edgefuse.core.types import Decision, HealthChange, Message, Modality, Nanoseconds, Observation, Sample

Emit: TypeAlias = Callable[[Sample], None]
"""Thread-safe; never blocks; drops the oldest sample when the ring is full, and counts it."""

Tensors: TypeAlias = Mapping[str, NDArray[Any]]
Precision: TypeAlias = Literal["fp32", "fp16", "int8"]

BuildReport: TypeAlias = Callable[[float, str], bool]
"""Is told the finished share (0..1) and the phase, from any thread; answers False to cancel."""


class Clock(Protocol):
    """The only way to know the time."""

    def now(self) -> Nanoseconds:
        """Monotonic."""

    def wall(self, t: Nanoseconds) -> datetime:
        """UTC time of a monotonic instant."""

    def cpu(self) -> Nanoseconds:
        """CPU time that the calling thread has used."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message from the broker."""

    topic: str
    payload: bytes
    retained: bool
    t: Nanoseconds
    """When it arrived."""
    settled: Callable[[], None] = field(compare=False, repr=False)
    """Call once when it is safe for the broker to forget the message (sends PUBACK for QoS 1)."""
    response_topic: str | None = None
    correlation: bytes | None = None


class Bus(Protocol):
    """Where parts listen to the broker."""

    def subscribe(self, topic_filter: str, handler: Callable[[Incoming], None]) -> None:
        """Call `handler` (on the MQTT thread; it must not block) for every matching message, across reconnects.

        The handler owns `Incoming.settled` and must see that it is called, at once for what it rejects.
        """


class Model(Protocol):
    """A loaded network."""

    @property
    def inputs(self) -> Mapping[str, tuple[int | str | None, ...]]:
        """Name -> shape; a str or None is a free dimension."""

    @property
    def outputs(self) -> Mapping[str, tuple[int | str | None, ...]]:
        """Name -> shape."""

    @property
    def runs_on(self) -> str:
        """What really runs it, as its library says: `onnxruntime 1.32.0 CPUExecutionProvider`."""

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """Infer. The arrays may be reused by the next call: copy to keep.

        Raises ValueError on a wrong feed, ModelError when the device fails.
        """

    def example(self) -> dict[str, NDArray[Any]]:
        """A feed that it takes: shapes and values of the card, else zeros with every free dimension 1."""

    def close(self) -> None:
        """Free it. Calling twice is allowed."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether a backend can work here, and why."""

    usable: bool
    reason: str


class Backend(Protocol):
    """Runs models on one kind of hardware. Built as `Class(folder)`: a folder of its own for what it wants to keep."""

    name: ClassVar[str]
    precisions: ClassVar[tuple[Precision, ...]]
    """What it can run."""
    suffix: ClassVar[str]
    """Of the engine files that it builds, `.plan`; empty where it runs ONNX files as they are."""
    int8: ClassVar[Literal["asymmetric", "symmetric"]]
    """Kind of quantised ONNX files that it takes: u8s8, or symmetric with weights and activations of int8."""

    def probe(self) -> Probe:
        """Say whether this machine has what it needs; never raises, and survives a library that crashes."""

    def fingerprint(self) -> Mapping[str, str]:
        """What an engine of its depends on besides the model: versions, device. An engine of another one is rebuilt.

        Raises ModelError where the probe says no.
        """

    def build(self, path: Path, card: Mapping[str, Any], target: Path, report: BuildReport) -> None:
        """Make the engine `target` from an ONNX file; without suffix nothing.

        Raises ModelError, NoRoomError where memory is short, BuildCancelled, OSError when `target` cannot be written.
        """

    def load(self, path: Path, card: Mapping[str, Any]) -> Model:
        """Load what `build` made, or an ONNX file where nothing is built. `card` is its entry in the catalogue.

        Raises ModelError, NoRoomError where memory is short.
        """


class Trial(Protocol):
    """How the part that feeds a model samples it and judges a copy of another precision.

    A detector class gives one by a static method `trial(model: str) -> Trial | None`.
    """

    metric: str
    """What agreement is: `detections kept`."""
    floor: float
    """Least agreement that passes, 0..1."""
    carried: Mapping[str, str]
    """Of a model with a state: input -> output of the run before that it takes. A feed that has it starts anew."""

    def feeds(self, folder: Path | None) -> Sequence[Tensors]:
        """Real inputs: the package's own, or made of the user's samples in `folder`. Raises ModelError."""

    def agreement(self, reference: Sequence[Tensors], candidate: Sequence[Tensors]) -> float:
        """How far the outputs of `candidate` lead to what those of `reference` lead to, 0..1; one mapping per feed."""


class Models(Protocol):
    """The model store as parts see it."""

    def path(self, name: str) -> Path:
        """Verified local file or folder of a catalogue entry. Raises ModelError saying how to pull it."""

    def card(self, name: str) -> Mapping[str, Any]:
        """`card.json` of a trained model, an `edgefuse.fusion.card.FusionCard`. Raises ModelError where it has none."""

    def engine(self, name: str) -> tuple[str, str]:
        """Engine that the model is to have here, `cpu`, `tensorrt` ..., built or not, and why. Raises ModelError."""

    def load(self, name: str, health: PartHealth, threads: int | None = None) -> Model:
        """Load and warm up; the CPU time of its calls is counted on `health`. Raises ModelError.

        `threads` overrides what the model's card says.
        """


@dataclass(frozen=True, slots=True)
class Context:
    """What a part is given besides its configuration."""

    name: str
    """Its name in the configuration."""
    clock: Clock
    health: PartHealth
    bus: Bus
    models: Models
    site: Any
    """The whole `edgefuse.config.models.Site`; read-only."""
    modalities: Mapping[str, Modality] = field(default_factory=dict)
    """Of every source and detector, by name; fusers need it."""
    attention: Attention = field(default_factory=Attention)
    """One for the whole device: who is where, and what it says itself."""


@runtime_checkable
class Source(Protocol):
    """Makes samples."""

    Config: ClassVar[type]
    modality: Modality

    async def run(self, emit: Emit) -> None:
        """Emit until cancelled or the recording ends. Raises SourceError to be restarted with back-off."""


@runtime_checkable
class Detector(Protocol):
    """Turns samples into observations; lives in one thread, may keep state."""

    Config: ClassVar[type]
    modality: Modality
    accepts: ClassVar[tuple[type, ...]]
    """Sample types."""

    def warm_up(self) -> None:
        """Load models and run each once; again, to take over better engines. Raises ModelError, keeping what it had."""

    def detect(self, sample: Sample) -> Iterable[Observation]:
        """Look at one sample. A bad sample gives nothing and counts `rejected`; it does not raise."""

    def reset(self) -> None:
        """Forget everything learnt from the stream (after a gap or a restart of the source)."""

    def close(self) -> None:
        """Free models."""


@runtime_checkable
class Fuser(Protocol):
    """Turns observations about one belief into decisions. Pure but for its own state."""

    Config: ClassVar[type]

    @property
    def parts(self) -> frozenset[str]:
        """Names of the detectors and sources that are evidence here; nobody else is waited for."""

    def wants(self, observation: Observation) -> bool:
        """Whether this observation is evidence here."""

    def update(self, facts: Sequence[Observation | HealthChange], now: Nanoseconds) -> Sequence[Decision]:
        """Take facts in order of event time and say what is believed at `now`, if that changed."""


@runtime_checkable
class Publisher(Protocol):
    """Takes messages out of the device."""

    Config: ClassVar[type]

    async def publish(self, message: Message) -> None:
        """Return once it is acknowledged. Raises PublishError."""

    async def close(self) -> None:
        """Flush and let go."""


@runtime_checkable
class LocalPublisher(Publisher, Protocol):
    """One on this device, such as a loudspeaker: told at once what was decided, broker or not, and told once."""

    def take(self, message: Message) -> None:
        """Never waits, never raises: what it cannot do it drops and counts."""


Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
