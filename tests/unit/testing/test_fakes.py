import anyio
import pytest

from edgefuse.core.ports import Incoming
from edgefuse.testing import FakeBus, FakeClock
from edgefuse.testing.fakes import matches


def test_the_clock_moves_only_when_told() -> None:
    """Monotonic and UTC time go together."""
    clock = FakeClock()
    noon = clock.wall(0)
    clock.forward(90.5)

    assert clock.now() == 90_500_000_000
    assert (clock.wall(clock.now()) - noon).total_seconds() == 90.5
    assert clock.cpu() == 0


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "a/b", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("a/b/c", "a/b", False),
        ("a", "a/b", False),
    ],
)
def test_filters_match_as_in_the_standard(topic_filter: str, topic: str, expected: bool) -> None:  # noqa: FBT001
    """Wildcards of MQTT 5, section 4.7."""
    assert matches(topic_filter, topic) is expected


def test_the_bus_delivers_and_remembers() -> None:
    """Handlers get what matches; what is retained comes at once; publications are kept."""
    got: list[Incoming] = []
    bus = FakeBus(retained={"a/1": b"kept", "b": b"no"})
    bus.subscribe("a/#", got.append)

    assert bus.deliver("a/2", b"new") == 1
    assert bus.deliver("c", b"x") == 0
    assert [(message.topic, message.payload, message.retained) for message in got] == [
        ("a/1", b"kept", True),
        ("a/2", b"new", False),
    ]

    got[1].settled()
    anyio.run(bus.publish, "out", b"1")

    assert bus.settled == ["a/2"]
    assert bus.published == [("out", b"1", False)]
