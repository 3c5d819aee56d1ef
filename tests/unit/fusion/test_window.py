from collections.abc import Callable

from edgefuse.core.types import SECOND, HealthChange, Observation
from edgefuse.fusion.window import Window

See = Callable[..., Observation]


def test_waits_for_the_part_that_lags(see: See) -> None:
    """The watermark stands where the slowest live part has reported to."""
    window = Window({"people": SECOND, "voice": 2 * SECOND})
    window.reported("people", 5 * SECOND)
    window.reported("voice", 4 * SECOND)
    window.add(see("people", "person", 4.5))

    assert window.advance(5 * SECOND) == 4 * SECOND
    assert window.take(window.advance(5 * SECOND)) == []
    window.reported("voice", 4 * SECOND + SECOND // 2)
    assert len(window.take(window.advance(5 * SECOND))) == 1


def test_gives_up_waiting_after_the_lateness() -> None:
    """A part that says nothing holds the watermark for its lateness and no longer."""
    window = Window({"people": SECOND, "voice": 2 * SECOND})
    window.reported("people", 10 * SECOND)
    window.reported("voice", 3 * SECOND)

    assert window.advance(4 * SECOND) == 3 * SECOND
    assert window.due(5 * SECOND) == 7 * SECOND
    assert window.advance(7 * SECOND) == 5 * SECOND


def test_dead_part_holds_nothing() -> None:
    """A part that died is not waited for from that moment on, and is again when it comes back."""
    window = Window({"people": SECOND, "voice": 2 * SECOND})
    window.reported("people", 10 * SECOND)
    window.reported("voice", 3 * SECOND)
    window.alive("voice", alive=False)

    assert window.advance(10 * SECOND) == 10 * SECOND
    window.alive("voice", alive=True)
    assert window.advance(11 * SECOND) == 10 * SECOND


def test_part_known_to_live_is_waited_for_before_its_first_report() -> None:
    """Alive but silent so far means late, not absent."""
    window = Window({"voice": 2 * SECOND})
    window.alive("voice", alive=True)

    assert window.advance(10 * SECOND) == 8 * SECOND


def test_without_live_parts_the_watermark_is_now() -> None:
    """Nobody to wait for."""
    assert Window({"people": SECOND}).advance(9 * SECOND) == 9 * SECOND


def test_watermark_never_goes_back() -> None:
    """A part that comes alive late does not undo what was decided."""
    window = Window({"people": SECOND})
    window.advance(9 * SECOND)
    window.reported("people", 2 * SECOND)

    assert window.advance(9 * SECOND) == 9 * SECOND


def test_late_is_counted_and_delivered(see: See) -> None:
    """What comes behind the watermark is late, yet never lost."""
    window = Window({"people": SECOND})
    window.advance(9 * SECOND)
    window.add(see("people", "person", 3))

    assert window.late == 1
    assert [fact.end for fact in window.take(9 * SECOND) if isinstance(fact, Observation)] == [3 * SECOND]


def test_order_is_end_then_part_then_id(see: See) -> None:
    """Facts of one moment come in a fixed order, health first."""
    window = Window({"people": SECOND, "voice": SECOND})
    died = HealthChange("people", "failed", "", 2 * SECOND)
    facts = [
        see("voice", "speech", 2),
        see("people", "person", 2, n=1),
        see("people", "person", 2),
        see("voice", "a", 1),
    ]
    window.add(facts[0])
    window.add(died)
    for fact in facts[1:]:
        window.add(fact)

    assert window.take(2 * SECOND) == [facts[3], died, facts[2], facts[1], facts[0]]
    assert window.peek() is None
