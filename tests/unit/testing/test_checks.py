"""The checks must catch what they promise to catch: parts with one fault each."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, Literal

import anyio
import numpy as np
import pytest
from pydantic import BaseModel

from edgefuse.config.models import BeliefConfig, DetectorConfig, PublisherConfig, SourceConfig
from edgefuse.core.errors import BuildCancelled, ModelError, PublishError, SourceError
from edgefuse.core.ports import Array, Emit, Probe, Tensors
from edgefuse.core.types import SECOND, Decision, HealthChange, Message, Modality, Observation, Reading, Sample
from edgefuse.testing import (
    Check,
    check_backend,
    check_config,
    check_detector,
    check_fuser,
    check_publisher,
    check_source,
    make_context,
    ordinary,
    run_all,
)


def failing(checks: Iterator[Check]) -> list[str]:
    """Names of the checks that fail."""
    failed = []
    for check in checks:
        try:
            check.run()
        except Exception:  # noqa: BLE001  a check of a part that raises fails with what the part raised
            failed.append(check.name)
    return failed


class Echo:
    """Says every number it is told."""

    class Config(DetectorConfig):
        """Settings."""

        type: Literal["echo"] = "echo"

    modality: Modality = "sensor"
    accepts: ClassVar[tuple[type, ...]] = (Reading,)
    calls = 0

    def __init__(self) -> None:
        self.seen = 0

    def warm_up(self) -> None:
        """Nothing to load."""

    def detect(self, sample: Sample) -> Iterable[Observation]:
        """One observation a reading."""
        if not isinstance(sample, Reading) or not isinstance(sample.value, float) or not math.isfinite(sample.value):
            return []
        self.seen += 1
        return [self.observe(sample, self.seen)]

    def observe(self, sample: Reading, n: int) -> Observation:
        """What it says."""
        data = {"value": sample.value}
        name = f"part/{sample.source}/{sample.t}/{n}"
        return Observation(
            name, "part", sample.source, "sensor", "echo", sample.quantity, 1, sample.t, sample.t, data=data
        )

    def reset(self) -> None:
        """Start to count anew."""
        self.seen = 0

    def close(self) -> None:
        """Nothing to free."""


class Forgetful(Echo):
    def reset(self) -> None:
        """Does not."""


class Random(Echo):
    made = 0

    def __init__(self) -> None:
        super().__init__()
        Random.made += 1
        self.seen = Random.made

    def reset(self) -> None:
        self.seen = Random.made


class Touchy(Echo):
    def detect(self, sample: Sample) -> Iterable[Observation]:
        assert isinstance(sample, Reading)
        self.seen += 1
        return [self.observe(sample, self.seen)] if float(sample.value) else []


class Unready(Echo):
    def observe(self, sample: Reading, n: int) -> Observation:
        made = super().observe(sample, n)
        return Observation(
            made.id, "part", sample.source, "sensor", "echo", "x", 2, sample.t, sample.t, data={"a": {1}}
        )


class Twins(Echo):
    def detect(self, sample: Sample) -> Iterable[Observation]:
        return [*super().detect(sample)] * 2


class Prophet(Echo):
    def observe(self, sample: Reading, n: int) -> Observation:
        name = f"part/{n}"
        return Observation(name, "part", sample.source, "sensor", "echo", "x", 1, sample.t, sample.t + SECOND)


class CloseOnce(Echo):
    closed = False

    def close(self) -> None:
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


class Deaf(Echo):
    accepts: ClassVar[tuple[type, ...]] = ()


class Confused(Echo):
    modality: Modality = "audio"


@pytest.mark.parametrize(
    ("detector", "names"),
    [
        (Echo, []),
        (Forgetful, ["same again after reset"]),
        (Random, ["same again in another instance and thread"]),
        (Touchy, ["takes broken samples"]),
        (Unready, ["observations are well-formed", "takes broken samples"]),
        (Twins, ["observations are well-formed"]),
        (Prophet, ["observations are well-formed", "takes broken samples"]),
        (CloseOnce, ["closes twice"]),
        (Deaf, ["declares modality and sample types", "takes broken samples"]),
        (Confused, ["declares modality and sample types", "observations are well-formed", "takes broken samples"]),
    ],
)
def test_detectors_with_one_fault_are_caught(detector: Any, names: list[str]) -> None:
    """Exactly the checks about the fault fail."""
    assert failing(check_detector(detector, ordinary(Reading), least=10)) == names


def test_a_detector_that_changes_its_sample_is_caught() -> None:
    """A sample that can be written to is compared with its copy."""

    class Loud(Echo):
        """Turns up the volume in place."""

        def detect(self, sample: Sample) -> Iterable[Observation]:
            value: Any = getattr(sample, "value", None)
            if isinstance(value, list):
                value.append(1)
            return []

    odd: Any = [1.0]
    samples = [Reading("source", None, 0, "x", odd)]

    loud: Any = Loud
    assert failing(check_detector(loud, samples)) == ["never changes a sample"]


def test_run_all_names_the_check() -> None:
    """The message begins with the fact that does not hold."""
    forgetful: Any = Forgetful
    with pytest.raises(AssertionError, match=r"^same again after reset: first Observation"):
        run_all(check_detector(forgetful, ordinary(Reading)))


class Loose(BaseModel):
    """Neither strict nor frozen."""

    kind: str = "x"


class Bare(PublisherConfig):
    """A number that says nothing."""

    type: Literal["bare"] = "bare"
    size: int = 3


class Fine(PublisherConfig):
    """Numbers that say enough."""

    type: Literal["fine"] = "fine"
    wait_s: float = 3
    size: int = 3
    """Bytes."""


@pytest.mark.parametrize(
    ("config", "names"),
    [
        (Loose, ["config refuses unknown keys", "config is chosen by a literal"]),
        (Bare, ["config describes its numbers"]),
        (PublisherConfig, ["config is chosen by a literal"]),
        (Fine, []),
    ],
)
def test_configs_with_one_fault_are_caught(config: type[BaseModel], names: list[str]) -> None:
    """Exactly the checks about the fault fail."""
    assert failing(check_config(config)) == names


class Ticker:
    """Gives three readings and ends."""

    class Config(SourceConfig):
        """Settings."""

        type: Literal["ticker"] = "ticker"

    modality: Modality = "sensor"
    offset = 0

    async def run(self, emit: Emit) -> None:
        """Emit."""
        for reading in self.readings():
            emit(reading)

    def readings(self) -> Sequence[Reading]:
        """What is given."""
        return [Reading("part", None, i + 1, "x", float(i + self.offset)) for i in range(3)]


class Stepper(Ticker):
    def readings(self) -> Sequence[Reading]:
        return super().readings()[::-1]


class Nameless(Ticker):
    def readings(self) -> Sequence[Reading]:
        return [Reading("other", None, 1, "x", 1.0)]


class NotANumber(Ticker):
    def readings(self) -> Sequence[Reading]:
        return [Reading("part", None, 1, "x", math.nan)]


class Wandering(Ticker):
    def readings(self) -> Sequence[Reading]:
        Ticker.offset += 1
        return super().readings()


class Broken(Ticker):
    async def run(self, emit: Emit) -> None:
        emit(self.readings()[0])
        raise SourceError("unplugged")


class Buggy(Ticker):
    async def run(self, emit: Emit) -> None:
        raise KeyError(emit)


WELL = "emits well-formed samples"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (Ticker, []),
        (Broken, []),
        (Stepper, [WELL]),
        (Nameless, [WELL]),
        (NotANumber, [WELL]),
        (Wandering, ["gives the same samples again"]),
        (
            Buggy,
            [WELL, "stops when it is cancelled", "runs again after it was stopped", "gives the same samples again"],
        ),
    ],
)
def test_sources_with_one_fault_are_caught(source: Any, names: list[str]) -> None:
    """Exactly the checks about the fault fail."""
    assert failing(check_source(source, for_s=0.05, least=1, repeatable=True)) == names


class Late(Ticker):
    async def run(self, emit: Emit) -> None:
        await anyio.sleep(0.2)
        emit(self.readings()[0])
        await anyio.sleep_forever()


def test_source_on_a_slow_machine_is_given_time() -> None:
    """Samples that must come are waited for beyond the time of watching, and no longer than until they are there."""
    assert failing(check_source(Late, for_s=0.05, least=1)) == []


class Counter:
    """Believes more with every hint."""

    class Config(BeliefConfig):
        """Settings."""

        fuser: Literal["counter"] = "counter"

    def __init__(self) -> None:
        self.hints = 0

    @property
    def parts(self) -> frozenset[str]:
        """One part."""
        return frozenset({"p"})

    def wants(self, observation: Observation) -> bool:
        """Hints only."""
        return observation.kind == "hint"

    def update(self, facts: Sequence[Observation | HealthChange], now: int) -> Sequence[Decision]:
        """One decision for each hint, and one when its part dies."""
        hints = [fact for fact in facts if isinstance(fact, Observation) and self.wants(fact)]
        self.hints += len(hints)
        dead = any(isinstance(fact, HealthChange) and fact.part in self.parts for fact in facts)
        return [*(self.decide(hint, now) for hint in hints), *([self.silent(now)] if dead else [])]

    def silent(self, now: int) -> Decision:
        """What is believed when nobody is there to know."""
        return Decision("b", None, now, 0.5, False, 0, {"sensor": 0.0}, 0.0, {"sensor": 0.5}, ("sensor",), ())  # noqa: FBT003

    def decide(self, hint: Observation, now: int) -> Decision:
        """What is believed."""
        p = 1 / (1 + math.exp(-self.hints))
        added, without = {"sensor": float(self.hints)}, {"sensor": 0.5}
        return Decision("b", None, now, p, p > 0.5, 0, added, 0.0, without, (), (hint.id,))


class Greedy(Counter):
    def wants(self, observation: Observation) -> bool:
        """Everything."""
        return bool(observation.id)


class Lonely(Counter):
    @property
    def parts(self) -> frozenset[str]:
        """Not the part that its hints come from."""
        return frozenset({"q"})


class Restless(Counter):
    def update(self, facts: Sequence[Observation | HealthChange], now: int) -> Sequence[Decision]:
        hint = Observation("p/s/1/0", "p", "s", "sensor", "hint", "x", 1, 1, 1)
        return super().update(facts, now) or [self.decide(hint, now)]


class Deaf(Counter):
    def silent(self, now: int) -> Decision:
        """What was believed before its part died."""
        hint = Observation("p/s/1/0", "p", "s", "sensor", "hint", "x", 1, 1, 1)
        return self.decide(hint, now)


class Liar(Counter):
    def decide(self, hint: Observation, now: int) -> Decision:
        state = True
        return Decision("b", None, now, 0.9, state, 0, {"sensor": 0.0}, 0.0, {"sensor": 0.5}, (), (hint.id,))


HINTS = [Observation(f"p/s/{t}/0", "p", "s", "sensor", "hint", "x", 1, t, t) for t in range(1, 4)]


@pytest.mark.parametrize(
    ("fuser", "names"),
    [
        (Counter, []),
        (Greedy, ["wants some evidence and nothing foreign", "ignores what it does not want"]),
        (Lonely, ["wants some evidence and nothing foreign"]),
        (Restless, ["says nothing new when nothing is new", "what is missing adds nothing"]),
        (Deaf, ["what is missing adds nothing"]),
        (Liar, ["decisions are well-formed and add up"]),
    ],
)
def test_fusers_with_one_fault_are_caught(fuser: Any, names: list[str]) -> None:
    """The checks about the fault fail."""
    assert failing(check_fuser(fuser, HINTS)) == names


class Mailbox:
    """Keeps messages until it is closed."""

    class Config(PublisherConfig):
        """Settings."""

        type: Literal["mailbox"] = "mailbox"

    open = True

    async def publish(self, message: Message) -> None:
        """Keep it."""
        if not self.open:
            raise PublishError(f"closed: {message.id}")

    async def close(self) -> None:
        """Close it."""
        self.open = False


class Fragile(Mailbox):
    async def publish(self, message: Message) -> None:
        message.payload.decode()


class Slammed(Mailbox):
    async def close(self) -> None:
        if not self.open:
            raise ValueError("closed already")
        self.open = False


@pytest.mark.parametrize(
    ("publisher", "names"),
    [
        (Mailbox, []),
        (Fragile, ["publishes every kind of message"]),
        (Slammed, ["closes twice"]),
    ],
)
def test_publishers_with_one_fault_are_caught(publisher: Any, names: list[str]) -> None:
    """Exactly the checks about the fault fail."""
    assert failing(check_publisher(publisher)) == names


class Doubler:
    """A model that doubles x."""

    inputs: ClassVar[dict[str, tuple[int | str | None, ...]]] = {"x": (2,)}
    outputs: ClassVar[dict[str, tuple[int | str | None, ...]]] = {"y": (2,)}

    def run(self, inputs: Tensors) -> dict[str, Array]:
        """Twice x."""
        if set(inputs) != {"x"} or inputs["x"].shape != (2,) or inputs["x"].dtype != np.float32:
            raise ValueError("expected x, float32 (2,)")
        return {"y": inputs["x"] * 2}

    def close(self) -> None:
        """Nothing to free."""


class Trusting(Doubler):
    def run(self, inputs: Tensors) -> dict[str, Array]:
        return {"y": next(iter(inputs.values()), np.zeros(2)) * 2}


class InPlace(Doubler):
    def run(self, inputs: Tensors) -> dict[str, Array]:
        super().run(inputs)
        x: Array = inputs["x"]
        x *= 2
        return {"y": x}


def backend(model: type[Doubler], *, careful: bool = True) -> Callable[[], Any]:
    """A backend that makes such models of files that begin with `good`."""

    class Fake:
        name: ClassVar[str] = "fake"
        suffix: ClassVar[str] = ""

        def probe(self) -> Probe:
            return Probe(usable=True, reason="always")

        def fingerprint(self) -> dict[str, str]:
            return {"fake": "1"}

        def build(self, *_: Any) -> None:
            """Files run as they are."""

        def load(self, path: Any, _card: Any) -> Doubler:
            if careful and (not path.exists() or not path.read_bytes().startswith(b"good")):
                raise ModelError(f"{path} is no model")
            return model()

    return Fake


class Builder(backend(Doubler)):  # type: ignore[misc]  # a class made by a function
    """A backend whose engines are copies."""

    suffix: ClassVar[str] = ".plan"
    shares: ClassVar[tuple[float, ...]] = (0, 0.5, 1)

    def build(self, path: Any, _card: Any, target: Any, report: Callable[[float, str], bool]) -> None:
        if not path.read_bytes().startswith(b"good"):
            raise ModelError(f"{path} is no model")
        for share in self.shares:
            self.go_on(report(share, "copy"))
        target.write_bytes(path.read_bytes())

    def go_on(self, wanted: object) -> None:
        if not wanted:
            raise BuildCancelled("nobody wants it")


class Backwards(Builder):
    shares = (0, 0.5, 0.4, 1)


class Percent(Builder):
    shares = (0, 50, 100)


class Deaf(Builder):
    def go_on(self, wanted: object) -> None:
        """Go on."""


class Untidy(Builder):
    def build(self, path: Any, _card: Any, target: Any, report: Callable[[float, str], bool]) -> None:
        target.with_name("left").write_bytes(b"")
        super().build(path, _card, target, report)


class Gullible(Builder):
    def build(self, path: Any, _card: Any, target: Any, report: Callable[[float, str], bool]) -> None:
        self.go_on(report(0, "copy"))
        target.write_bytes(path.read_bytes())


class Restless(Builder):
    times: ClassVar[list[int]] = []

    def fingerprint(self) -> dict[str, str]:
        self.times.append(1)
        return {"fake": str(len(self.times))}


class Careless(Builder):
    def fingerprint(self) -> dict[str, Any]:
        return {}


class Numeric(Builder):
    def fingerprint(self) -> dict[str, Any]:
        return {"fake": 1}


_BUILDS = "builds, tells how far it is, and stops when told"
_DEPENDS = "says what its engines depend on"


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (backend(Doubler), []),
        (backend(Trusting), ["refuses a wrong feed by ValueError"]),
        (backend(InPlace), ["infers the same again", "never changes its inputs"]),
        (backend(Doubler, careful=False), ["refuses what is no model by ModelError"]),
        (Builder, []),
        (Backwards, [_BUILDS]),
        (Percent, [_BUILDS]),
        (Deaf, [_BUILDS]),
        (Untidy, [_BUILDS]),
        (Gullible, [_BUILDS]),
        (Restless, [_DEPENDS]),
        (Careless, [_DEPENDS]),
        (Numeric, [_DEPENDS]),
    ],
)
def test_backends_with_one_fault_are_caught(make: Callable[[], Any], names: list[str], tmp_path: Any) -> None:
    """Exactly the checks about the fault fail."""
    (tmp_path / "model").write_bytes(b"good")

    assert failing(check_backend(make, tmp_path / "model", {"x": np.ones(2, np.float32)})) == names


def test_the_context_is_complete() -> None:
    """Fakes stand in for all that is not given."""
    context = make_context("x", kind="source")

    assert (context.name, context.health.kind, context.clock.now()) == ("x", "source", 0)
    assert context.site.device.id == "test"
    with pytest.raises(ModelError, match="no model 'm' in this test"):
        context.models.path("m")
    with pytest.raises(ModelError, match="no model 'm' in this test"):
        context.models.load("m", context.health)
