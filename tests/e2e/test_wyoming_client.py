"""Services of others, made with the package `wyoming` and reached over real TCP."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import pytest

from edgefuse import wyoming as ours
from edgefuse.config.models import Device, ModelsConfig, Service, Site, Thing
from edgefuse.core.errors import ConfigError, ModelError, PublishError
from edgefuse.core.health import PartHealth
from edgefuse.core.types import SAMPLE_RATE, SECOND, AudioChunk, Observation
from edgefuse.detectors.voice import Voice, VoiceConfig
from edgefuse.detectors.voice.wyoming_asr import WyomingRecogniser
from edgefuse.detectors.voice.wyoming_wake import WyomingWake
from edgefuse.engines.store import Store
from edgefuse.pipeline.clock import SystemClock
from edgefuse.publishers.speech_service import WyomingVoice
from edgefuse.testing.fakes import make_context

pytest.importorskip("wyoming", reason="the package wyoming is not installed (edgefuse[wyoming])")

from wyoming.asr import Transcript
from wyoming.audio import AudioChunk as Chunk
from wyoming.audio import AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable
from wyoming.info import AsrModel, AsrProgram, Attribution, Info
from wyoming.server import AsyncEventHandler, AsyncTcpServer
from wyoming.wake import Detection

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
A = Attribution(name="test", url="")
Answer = Callable[[Event, list[Event]], list[Eventable]]
"""What a service says to an event, given all that came on this connection."""
LIGHT = Thing(area="hall", kind="light", set="hall_light/set")


class Handler(AsyncEventHandler):
    """One connection of a service."""

    def __init__(self, answer: Answer, *streams: Any) -> None:
        super().__init__(*streams)
        self._answer, self._seen = answer, list[Event]()

    async def handle_event(self, event: Event) -> bool:
        self._seen.append(event)
        for said in self._answer(event, self._seen):
            await self.write_event(said.event())
        return True


class Serving:
    """A service in a thread, which can be ended and begun again on the same port."""

    def __init__(self, answer: Answer) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"tcp://127.0.0.1:{self.port}"
        self._answer = answer
        self.start()

    def start(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._listens = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._listens.wait(10)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join()

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._task = asyncio.current_task()
        server = AsyncTcpServer("127.0.0.1", self.port)
        await server.start(partial(Handler, self._answer))
        self._listens.set()
        try:
            await asyncio.Event().wait()
        finally:
            await server.stop()
            await asyncio.gather(*server._handlers, return_exceptions=True)


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], Serving]]:
    """Begin services that end with the test."""
    made: list[Serving] = []

    def begin(answer: Answer) -> Serving:
        made.append(Serving(answer))
        return made[-1]

    yield begin
    for one in made:
        one.stop()


def writes(text: str) -> Answer:
    """A recogniser that always hears the same."""
    return lambda event, _: [Transcript(text=text)] if event.type == "audio-stop" else []


def asked(url: str, **how: Any) -> tuple[WyomingRecogniser, PartHealth]:
    health = PartHealth("voice", "detector")
    return WyomingRecogniser(Service(wyoming=url, **how), "en", health), health


PCM = (np.arange(5000) % 200).astype(np.int16)


def test_a_recogniser_gets_the_sound_and_gives_the_text(serve: Callable[[Answer], Serving]) -> None:
    """Language and model, the same samples at 16 kHz, and an end; the text comes back without a probability."""
    came: list[Event] = []

    def answer(event: Event, seen: list[Event]) -> list[Eventable]:
        came[:] = seen
        return writes(" turn on the light ")(event, seen)

    recogniser, health = asked(serve(answer).url, name="tiny")
    heard = recogniser.hear(PCM)

    assert (heard.text, heard.encoded) == ("turn on the light", None)
    assert [event.type for event in came] == ["transcribe", "audio-start", *["audio-chunk"] * 4, "audio-stop"]
    assert (came[0].data["name"], came[0].data["language"]) == ("tiny", "en")
    assert b"".join(event.payload or b"" for event in came) == PCM.tobytes()
    assert health.rejected == 0


def nonsense(kind: str) -> Answer:
    """What a broken recogniser answers."""

    def answer(event: Event, _: list[Event]) -> list[Eventable]:
        if event.type != "audio-stop":
            return []
        return {"silent": [], "error": [Error("overloaded")], "no text": [Broken({})], "list": [Broken([1])]}[kind]

    return answer


class Broken(Eventable):
    """A transcript with any data."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def event(self) -> Event:
        return Event("transcript", self._data)

    @staticmethod
    def is_type(event_type: str) -> bool:
        return event_type == "transcript"

    @staticmethod
    def from_event(event: Event) -> Eventable:
        return Broken(event.data)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("silent", "the connection ended|no answer in time"),
        ("error", "overloaded"),
        ("no text", "expected `text` in transcript"),
        ("list", "tcp://"),
    ],
)
def test_a_recogniser_that_fails_is_counted(serve: Callable[[Answer], Serving], kind: str, says: str) -> None:
    """No answer in time, an error, a strange answer: ServiceError, degraded, counted."""
    recogniser, health = asked(serve(nonsense(kind)).url, timeout_s=0.3)

    with pytest.raises(ours.ServiceError, match=says):
        recogniser.hear(PCM)

    assert (health.state, health.rejected) == ("degraded", 1)


def test_a_recogniser_that_comes_back_is_well_again(serve: Callable[[Answer], Serving]) -> None:
    """Not there: degraded with the address; there again: ok."""
    service = serve(writes("hello"))
    service.stop()
    recogniser, health = asked(service.url)
    with pytest.raises(ours.ServiceError):
        recogniser.hear(PCM)
    reason = health.reason
    service.start()

    assert recogniser.hear(PCM).text == "hello"
    assert service.url in reason
    assert health.state == "ok"


@pytest.mark.parametrize(
    "raw",
    [b"\xff\xfe\n", b"[]\n", b'{"type": 3, "data_length": "x"}\n', b'{"payload_length": 9999999999}\n', b"x" * 2**21],
)
def test_bytes_that_are_no_wyoming_are_refused(raw: bytes) -> None:
    """Whatever a service writes, the worst is a ServiceError."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        recogniser, health = asked(f"tcp://127.0.0.1:{server.getsockname()[1]}", timeout_s=2)

        def answer() -> None:
            connection, _ = server.accept()
            with suppress(OSError):
                connection.sendall(raw)
            connection.recv(1 << 20)
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ours.ServiceError):
            recogniser.hear(PCM)
        thread.join()

    assert health.rejected == 1


def test_a_description_is_read(serve: Callable[[Answer], Serving]) -> None:
    """`described` gives the names of the models, as `doctor` shows them."""
    model = AsrModel("tiny", A, installed=True, description="", version="1", languages=["en"])
    program = AsrProgram("asr", A, installed=True, description="", version="1", models=[model])
    service = serve(lambda event, _: [Info(asr=[program])] if event.type == "describe" else [])

    assert ours.described(service.url, "asr") == ["tiny"]
    assert ours.described(service.url, "tts") == []


def test_a_wake_word_service_opens_the_gate(serve: Callable[[Answer], Serving]) -> None:
    """Its detection is told once, with the next window; it is asked for the configured name."""
    names: list[Any] = []

    def answer(event: Event, seen: list[Event]) -> list[Eventable]:
        if event.type == "detect":
            names.append(event.data["names"])
        return [Detection(name="ok_nabu")] if sum(one.type == "audio-chunk" for one in seen) == 5 else []

    health = PartHealth("voice", "detector")
    spotter = WyomingWake(Service(wyoming=serve(answer).url, name="ok_nabu"), health)
    told = []
    for _ in range(3000):
        told.append(spotter.hear(np.zeros(512, np.int16)))
        if told[-1]:
            break
        threading.Event().wait(0.002)
    after = [spotter.hear(np.zeros(512, np.int16)) for _ in range(3)]
    spotter.close()

    assert (told[-1], after) == (1.0, [0.0] * 3)
    assert names == [["ok_nabu"]]


def test_a_wake_word_service_that_is_away_holds_nothing_up(serve: Callable[[Answer], Serving]) -> None:
    """Degraded without it, well when it comes; windows that nobody takes are counted, none waits."""
    service = serve(lambda *_: [])
    service.stop()
    health = PartHealth("voice", "detector")
    states: list[str] = []
    health.listeners.append(lambda part: states.append(part.state))
    spotter = WyomingWake(Service(wyoming=service.url), health)
    for _ in range(500):
        spotter.hear(np.zeros(512, np.int16))
    service.start()
    for _ in range(1000):
        if states[-1:] == ["ok"]:
            break
        threading.Event().wait(0.01)
    spotter.close()

    assert states[0] == "degraded"
    assert states[-1] == "ok"
    assert health.rejected > 200


def test_a_voice_service_speaks(serve: Callable[[Answer], Serving]) -> None:
    """The text and the language or voice go out; its samples and rate come back."""
    came: list[Event] = []

    def answer(event: Event, _: list[Event]) -> list[Eventable]:
        came.append(event)
        pieces = [Chunk(22_050, 2, 1, PCM[:2500].tobytes()), Chunk(22_050, 2, 1, PCM[2500:].tobytes())]
        return [AudioStart(22_050, 2, 1), *pieces, AudioStop()]

    service = serve(answer)
    sound = WyomingVoice(service.url, {}).speak("hello", "zh")
    WyomingVoice(service.url, {"en": "amy"}).speak("hello", "en")

    assert (sound.pcm.tolist(), sound.rate) == (PCM.tolist(), 22_050)
    assert [event.data["voice"] for event in came] == [{"language": "zh"}, {"name": "amy"}]


@pytest.mark.parametrize(
    "said",
    [
        [AudioStart(16_000, 4, 1)],
        [AudioStart(16_000, 2, 1), Chunk(8000, 2, 1, b"ab")],
        [AudioStart(16_000, 2, 1), Error("no such voice")],
        [Error("busy")],
        [AudioStart(0, 2, 1)],
    ],
)
def test_sound_that_cannot_be_played_is_an_error(serve: Callable[[Answer], Serving], said: list[Eventable]) -> None:
    """Formats that it does not play, that change, and errors of the service: PublishError."""
    with pytest.raises(PublishError, match="tcp://"):
        WyomingVoice(serve(lambda *_: said).url, {}).speak("hello", "en")


@pytest.fixture
def speech() -> np.ndarray[Any, Any]:
    """Something that voice activity takes for speech, between silences."""
    from edgefuse.publishers.speech import Espeak

    pytest.importorskip("soxr")
    import soxr

    try:
        sound = Espeak(150, {}).speak("turn on the hall light", "en")
    except (ConfigError, PublishError) as error:
        pytest.skip(str(error))
    quiet = np.zeros(SAMPLE_RATE, np.float64)
    whole = np.concatenate([quiet, soxr.resample(sound.pcm.astype(float), sound.rate, SAMPLE_RATE), quiet, quiet])
    return (whole + np.random.default_rng(0).normal(0, 3, len(whole))).clip(-32768, 32767).astype(np.int16)


def orders(url: str, pcm: np.ndarray[Any, Any], **how: Any) -> tuple[list[Observation], PartHealth]:
    """What the voice detector makes of a sound with a recogniser elsewhere."""
    clock = SystemClock()
    site = Site(device=Device(id="hub", area="hall"), things={"hall_light": LIGHT})
    context = make_context("voice", clock=clock, models=Store(ModelsConfig(pull="never"), clock), site=site)
    config = {"type": "voice", "on": ["mic"], "wake_word": None, "recogniser": {"wyoming": url, **how}}
    voice = Voice(VoiceConfig.model_validate(config), context)
    try:
        voice.warm_up()
    except ModelError as error:
        pytest.skip(str(error).splitlines()[0])
    found: list[Observation] = []
    for n in range(0, len(pcm), 512):
        found += voice.detect(AudioChunk("mic", "hall", n * SECOND // SAMPLE_RATE, pcm[n : n + 512]))
    voice.close()
    return [one for one in found if one.kind == "utterance"], context.health


@pytest.mark.models
@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Turn on the hall light.", "turn_on"),
        ("turn on the hall lite", "turn_on"),
        ("turn on the wall knight", "not_understood"),
        ("", "not_understood"),
    ],
)
def test_orders_by_another_recogniser(
    serve: Callable[[Answer], Serving], speech: np.ndarray[Any, Any], text: str, label: str
) -> None:
    """The text is understood by its letters alone, as strictly as that needs."""
    (found,), health = orders(serve(writes(text)).url, speech)

    assert found.label == label
    assert health.rejected == 0


@pytest.mark.models
def test_an_order_that_nobody_writes_down_is_not_understood(speech: np.ndarray[Any, Any]) -> None:
    """Without the service the utterance is told all the same, with the reason."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        (found,), health = orders(f"tcp://127.0.0.1:{probe.getsockname()[1]}", speech)

    assert found.label == "not_understood"
    assert "nobody wrote it down" in found.data["because"]
    assert (health.state, health.rejected) == ("degraded", 1)
