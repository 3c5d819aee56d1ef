"""When the detector listens."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefuse.core.types import SECOND
from edgefuse.detectors.voice.states import TABLE, Effect, Event, Listener, State, Timing, hear, step

WINDOW = 32_000_000
TIMING = Timing()


def run(timing: Timing, *spans: tuple[str, float]) -> list[tuple[Effect, float]]:
    """Effects other than NOTHING and their times; a span is what is heard and for how many seconds."""
    listener, now = Listener(), 0
    effects: list[tuple[Effect, float]] = []
    for what, seconds in spans:
        for _ in range(max(1, round(seconds * SECOND / WINDOW))):
            now += WINDOW
            listener, effect = hear(listener, timing, now, WINDOW, wake=what == "wake", speech=what == "speech")
            if effect is Effect.RECOGNISE:
                effects.append((effect, round(now / SECOND, 1)))
                listener, effect = step(listener, Event.RECOGNISED, now)
            if effect is not Effect.NOTHING:
                effects.append((effect, round(now / SECOND, 1)))
    return effects


def names(timing: Timing, *spans: tuple[str, float]) -> list[str]:
    return [effect.value for effect, _ in run(timing, *spans)]


def test_order_after_the_wake_word_is_recognised_after_the_pause() -> None:
    """Wake word, order, .7 s of silence: captured from the wake word, recognised at the end, forgotten."""
    effects = run(TIMING, ("silence", 1), ("wake", 0), ("speech", 2), ("silence", 2))

    assert [effect.value for effect, _ in effects] == ["begin", "recognise", "forget"]
    assert effects[1][1] == pytest.approx(1 + 2 + 0.7, abs=0.1)


def test_speech_without_wake_word_is_ignored() -> None:
    """Where a wake word is used, nothing else opens a capture."""
    assert names(TIMING, ("speech", 10), ("silence", 2)) == []


def test_without_wake_word_speech_opens_the_capture() -> None:
    """`wake_word: null` takes every utterance."""
    assert names(Timing(wakes=False), ("speech", 1), ("silence", 2)) == ["begin", "recognise", "forget"]


def test_wake_word_alone_times_out_without_the_recogniser() -> None:
    """Nobody speaks for 5 s after the wake word: the recogniser is not called."""
    effects = run(TIMING, ("wake", 0), ("silence", 8))

    assert [effect.value for effect, _ in effects] == ["begin", "forget"]
    assert effects[1][1] == pytest.approx(5, abs=0.1)


def test_tail_of_the_wake_word_is_no_order() -> None:
    """A blip after the wake word keeps it listening; the order that follows is recognised."""
    spans = [("wake", 0.0), ("speech", 0.1), ("silence", 1.5), ("speech", 1), ("silence", 1)]

    assert names(TIMING, *spans) == ["begin", "recognise", "forget"]


def test_short_blip_without_wake_word_is_dropped() -> None:
    """A click is no utterance."""
    assert names(Timing(wakes=False), ("speech", 0.1), ("silence", 2)) == ["begin", "forget"]


def test_wake_word_during_an_order_starts_again() -> None:
    """Barge-in: what was captured before the second wake word is dropped."""
    spans = [("wake", 0.0), ("speech", 1), ("wake", 0), ("speech", 1), ("silence", 1)]

    assert names(TIMING, *spans) == ["begin", "begin", "recognise", "forget"]


def test_endless_speech_is_cut() -> None:
    """A radio that never pauses is recognised once, at the greatest length."""
    effects = run(TIMING, ("wake", 0), ("speech", 30))

    assert [effect.value for effect, _ in effects] == ["begin", "recognise", "forget"]
    assert effects[1][1] == pytest.approx(12, abs=0.1)


def test_what_is_not_in_the_table_changes_nothing() -> None:
    """Every other pair of state and event leaves the state and asks for nothing."""
    for state, event in product(State, Event):
        if (state, event) not in TABLE:
            assert step(Listener(state), event, 7) == (Listener(state), Effect.NOTHING)


def test_every_state_can_be_reached_and_left() -> None:
    """The table has no dead end."""
    assert {state for state, _ in TABLE} == set(State)
    assert {state for state, _ in TABLE.values()} == set(State)


@given(st.lists(st.sampled_from(["wake", "speech", "silence"]), max_size=400), st.booleans())
def test_recogniser_is_only_called_with_speech(windows: list[str], wakes: bool) -> None:  # noqa: FBT001  drawn
    """Whatever happens, no capture is recognised that holds less than the shortest speech."""
    timing = Timing(wakes=wakes, endpoint=5 * WINDOW, listen=20 * WINDOW, longest=40 * WINDOW, shortest=3 * WINDOW)
    listener, now = Listener(), 0
    for what in windows:
        now += WINDOW
        listener, effect = hear(listener, timing, now, WINDOW, wake=what == "wake", speech=what == "speech")
        if effect is Effect.RECOGNISE:
            assert listener.spoken >= timing.shortest
            listener, _ = step(listener, Event.RECOGNISED, now)
