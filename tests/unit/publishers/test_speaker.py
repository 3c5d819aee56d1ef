"""The speaker publisher with a voice and a player of the test's own, and with the real espeak-ng."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

from edgefuse.config.models import Device, Site
from edgefuse.core.attention import Speaking
from edgefuse.core.errors import ConfigError, PublishError
from edgefuse.core.ports import Context, LocalPublisher, Publisher
from edgefuse.core.types import Message
from edgefuse.pipeline.clock import SystemClock, wall_ns
from edgefuse.publishers.loudspeaker import blocks_of
from edgefuse.publishers.speaker import MOST, Speaker
from edgefuse.publishers.speech import LONGEST, Espeak, Sound, in_pinyin, shortened, voice_of
from edgefuse.testing.fakes import make_context

SITE = Site(device=Device(id="hub", area="hall"))
CLOCK = SystemClock()


class Typing:
    """A voice: a sample a letter."""

    def __init__(self) -> None:
        self.languages: list[str] = []

    def speak(self, text: str, language: str) -> Sound:
        self.languages.append(language)
        return Sound(np.array([ord(letter) for letter in text], np.int16), 16_000)


@dataclass
class Room:
    """A player that writes down what was heard; it fails while `broken`, and holds every sound while it is held."""

    context: Context
    broken: bool = False
    heard: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)
    during: list[Speaking] = field(default_factory=list)

    def play(self, sound: Sound, stop: threading.Event, began: Callable[[], None]) -> bool:
        if self.broken:
            raise PublishError("unplugged")
        text = "".join(map(chr, sound.pcm.tolist()))
        began()
        self.during.extend(self.context.attention.speaking.values())
        while not self.free.is_set():
            if stop.wait(0.001):
                self.cut.append(text)
                return False
        self.heard.append(text)
        return True


@pytest.fixture
def context() -> Context:
    return make_context("voice", kind="publisher", clock=CLOCK, site=SITE)


@pytest.fixture
def room(context: Context) -> Room:
    made = Room(context)
    made.free.set()
    return made


@pytest.fixture
def speaker(context: Context, room: Room) -> Iterator[Callable[..., Speaker]]:
    made: list[Speaker] = []

    def make(**settings: Any) -> Speaker:
        made.append(Speaker(Speaker.Config(**settings), context, voice=Typing(), player=room))
        return made[-1]

    yield make
    room.free.set()
    for one in made:
        anyio.run(one.close)


def say(text: str, *, area: str | None = "hall", lasts_s: float = 10, language: str = "en", name: str = "") -> Message:
    wall = wall_ns(CLOCK.wall(CLOCK.now()))
    body = {"text": text, "area": area, "language": language}
    payload = json.dumps(body).encode()
    return Message(name or text, "intent", "edgefuse/hub/say", payload, wall, wall + int(lasts_s * 1e9))


def alert(headline: str, kind: str = "Alert") -> Message:
    body = {"msgType": kind, "info": {"headline": headline, "area": {"areaDesc": "kitchen"}}}
    wall = wall_ns(CLOCK.wall(CLOCK.now()))
    return Message(headline, "alert", "edgefuse/hub/alert/fire", json.dumps(body).encode(), wall)


Wait = Callable[[Callable[[], object]], None]


@pytest.fixture
def until() -> Wait:
    """Return once a condition holds."""

    def wait(condition: Callable[[], object]) -> None:
        for _ in range(10_000):
            if condition():
                return
            threading.Event().wait(0.001)
        pytest.fail("it never came to that")

    return wait


def test_what_is_said_is_heard(speaker: Callable[..., Speaker], room: Room, until: Wait) -> None:
    """A message on `say` is spoken once, however often it is given; it is both kinds of publisher."""
    one = speaker()
    for _ in range(3):
        one.take(say("the light is on"))
    one.take(say("good night"))
    until(lambda: len(room.heard) == 2)

    assert room.heard == ["the light is on", "good night"]
    assert isinstance(one, Publisher)
    assert isinstance(one, LocalPublisher)


def test_only_its_area_is_spoken(speaker: Callable[..., Speaker], room: Room, until: Wait) -> None:
    """With `area` nothing is said for another; what is for no area is said everywhere."""
    one = speaker(area="kitchen")
    for text, area in (("hall", "hall"), ("kitchen", "kitchen"), ("all", None)):
        one.take(say(text, area=area))
    until(lambda: len(room.heard) == 2)

    assert room.heard == ["kitchen", "all"]


def test_others_messages_are_no_speech(speaker: Callable[..., Speaker], context: Context) -> None:
    """Other topics are left alone; a payload without text is counted."""
    one = speaker()
    one.take(Message("a", "state", "edgefuse/hub/health", b"{}", 0))
    one.take(alert("fire"))
    for name, payload in (("b", b"\xff"), ("c", b"[]"), ("d", b"{}")):
        one.take(Message(name, "intent", "edgefuse/hub/say", payload, 0))

    assert context.health.rejected == 3


def test_alerts_are_spoken_on_request_and_first(speaker: Callable[..., Speaker], room: Room, until: Wait) -> None:
    """`alerts: true`: the headline, cutting off what is being said; the end of an alert is not spoken."""
    one = speaker(alerts=True)
    room.free.clear()
    one.take(say("a long story"))
    until(lambda: room.during)
    one.take(say("and so on"))
    one.take(alert("fire in the kitchen"))
    one.take(alert("fire is over", "Cancel"))
    until(lambda: room.cut)
    room.free.set()
    until(lambda: len(room.heard) == 2)

    assert (room.cut, room.heard) == (["a long story"], ["fire in the kitchen", "and so on"])


def test_attention_knows_what_is_said(
    speaker: Callable[..., Speaker], room: Room, context: Context, until: Wait
) -> None:
    """While it speaks `speaking` has the text without an end; then with one. Other areas are kept."""
    before = {"attic": Speaking("hm", 1, 2)}
    context.attention.speaking = before
    speaker().take(say("hello"))
    until(lambda: room.heard and context.attention.speaking["hall"].end)
    done = context.attention.speaking["hall"]

    assert room.during[1] == Speaking("hello", done.begin)
    assert done.end is not None
    assert done.end >= done.begin
    assert context.attention.speaking["attic"] == before["attic"]
    assert "hall" not in before


def test_the_wake_word_silences(speaker: Callable[..., Speaker], room: Room, context: Context, until: Wait) -> None:
    """Barge-in: what is being said ends at once, what waits is dropped, both counted; another area's wake word is
    nothing; what comes afterwards is said.
    """
    one = speaker(area="hall")
    room.free.clear()
    one.take(say("first"))
    until(lambda: room.during)
    one.take(say("second"))
    context.attention.interrupt("kitchen")
    assert room.cut == []
    context.attention.interrupt("hall")
    until(lambda: room.cut)
    room.free.set()
    one.take(say("third"))
    until(lambda: room.heard)

    assert (room.cut, room.heard) == (["first"], ["third"])
    assert (context.health.dropped, context.health.info["unspoken"]) == (2, {"interrupted": 2})


def test_what_has_expired_is_not_said(
    speaker: Callable[..., Speaker], room: Room, context: Context, until: Wait
) -> None:
    """Old news is dropped and counted."""
    one = speaker()
    one.take(say("old", lasts_s=-1))
    one.take(say("new"))
    until(lambda: room.heard)

    assert room.heard == ["new"]
    assert context.health.info["unspoken"] == {"expired": 1}


def test_a_broken_device_is_tried_again(
    speaker: Callable[..., Speaker], room: Room, context: Context, until: Wait
) -> None:
    """Degraded while it cannot speak; what comes back in time is said, and it is well."""
    one = speaker()
    room.broken = True
    one.take(say("the door is open"))
    until(lambda: context.health.state == "degraded")
    reason, room.broken = context.health.reason, False
    until(lambda: room.heard)
    until(lambda: context.health.state == "ok")

    assert (reason, room.heard, context.health.dropped) == ("unplugged", ["the door is open"], 0)


def test_what_a_broken_device_cannot_say_is_dropped_when_it_expires(
    speaker: Callable[..., Speaker], room: Room, context: Context, until: Wait
) -> None:
    """Nothing is kept for ever, and `publish` returns meanwhile."""
    one = speaker()
    room.broken = True
    anyio.run(one.publish, say("the door is open", lasts_s=0.3))
    until(lambda: context.health.info.get("unspoken") == {"expired": 1})

    assert room.heard == []


def test_only_so_many_wait(speaker: Callable[..., Speaker], room: Room, context: Context, until: Wait) -> None:
    """The oldest that waits is dropped, but no alert."""
    one = speaker(alerts=True)
    room.free.clear()
    one.take(alert("fire"))
    until(lambda: room.during)
    one.take(alert("water"))
    for n in range(MOST + 1):
        one.take(say(f"n{n}"))
    room.free.set()
    until(lambda: len(room.heard) == MOST + 1)

    assert room.heard == ["fire", "water", *(f"n{n}" for n in range(2, MOST + 1))]
    assert context.health.info["unspoken"] == {"too many": 2}


def test_closed_it_says_nothing(speaker: Callable[..., Speaker], room: Room, context: Context) -> None:
    """After `close` publishing is an error, and nobody is told of wake words."""
    one = speaker()
    anyio.run(one.close)

    with pytest.raises(PublishError):
        anyio.run(one.publish, say("late"))

    assert context.attention.interrupted == []
    assert room.heard == []


def test_volume_scales(context: Context, room: Room, until: Wait) -> None:
    """`volume: 0.5` halves every sample."""
    one = Speaker(Speaker.Config(volume=0.5), context, voice=Typing(), player=room)
    one.take(say("dd"))
    until(lambda: room.heard)
    anyio.run(one.close)

    assert room.heard == ["22"]


@pytest.mark.parametrize(
    ("language", "voice"),
    [
        ("en", "en"),
        ("zh", "cmn-latn-pinyin"),
        ("zh-CN", "cmn-latn-pinyin"),
        ("zh-Hant-TW", "cmn-latn-pinyin"),
        ("zh-HK", "yue"),
        ("de-AT", "de-at"),
    ],
)
def test_languages_have_voices(language: str, voice: str) -> None:
    """Chinese is Mandarin unless it is Hong Kong's."""
    assert voice_of(language) == voice


def test_long_texts_are_cut_between_words() -> None:
    """At most LONGEST characters, on one line."""
    assert shortened(" a\n b ") == "a b"
    assert shortened("word " * LONGEST) == ("word " * (LONGEST // 5)).strip()
    assert shortened("x" * 2 * LONGEST) == "x" * LONGEST


def test_blocks_fit_the_device() -> None:
    """Another rate, two channels, whole blocks."""
    sound = Sound(np.full(1000, 1000, np.int16), 16_000)
    blocks = blocks_of(sound, 48_000, 2, 960)
    frames = np.frombuffer(b"".join(blocks), np.int16).reshape(-1, 2)

    assert {len(block) for block in blocks} == {960 * 4}
    assert len(frames) == 4 * 960
    assert (frames[:, 0] == frames[:, 1]).all()
    assert abs(int(frames[1500, 0]) - 1000) < 20


needs_espeak = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")


@needs_espeak
@pytest.mark.parametrize(("text", "language"), [("turn on the light", "en"), ("灯已经打开了", "zh")])
def test_espeak_speaks(text: str, language: str) -> None:
    """Real sound of a second or so, not silence."""
    sound = Espeak(160, {}).speak(text, language)

    assert 0.5 < len(sound.pcm) / sound.rate < 4
    assert sound.pcm.std() > 500


@needs_espeak
def test_espeak_takes_the_configured_voice_and_rate() -> None:
    """`voices` wins over the language; slower is longer."""
    slow, fast = (Espeak(rate, {"xx": "en"}).speak("one two three", "xx") for rate in (100, 300))

    assert len(slow.pcm) > 1.5 * len(fast.pcm)


@needs_espeak
def test_espeak_names_a_language_that_it_does_not_speak() -> None:
    """An error, not silence."""
    with pytest.raises(PublishError, match="language 'xx', voice 'xx'"):
        Espeak(160, {}).speak("one", "xx")


def test_a_missing_program_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator reads what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ConfigError, match="apt-get install espeak-ng"):
        Espeak(160, {})


def test_mandarin_is_written_as_it_is_pronounced() -> None:
    """espeak-ng is given pinyin with tones; numbers and names in Latin letters stay."""
    assert in_pinyin("打开LED灯22度") == "da3 kai1 LED deng1 22 du4"
