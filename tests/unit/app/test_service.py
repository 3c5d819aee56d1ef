"""edgefuse's own recogniser served by Wyoming: wyoming's client and raw bytes against the server, over real TCP."""

import json
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray

from edgefuse.app.build import Ports
from edgefuse.app.service import LONGEST_LINE, MOST, Ears, WyomingServer
from edgefuse.app.service_session import BadRequest, Recognise, Session, Transcribe
from edgefuse.config.models import Device, Site, Thing
from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.core.health import Health, PartHealth
from edgefuse.detectors.voice import VoiceConfig
from edgefuse.pipeline.clock import SystemClock
from edgefuse.testing.fakes import NoModels
from edgefuse.wyoming import ServiceError

pytest.importorskip("wyoming", reason="the package wyoming is not installed (edgefuse[wyoming])")

from wyoming.asr import Transcribe as Ask
from wyoming.asr import Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.intent import Intent, Recognize
from wyoming.ping import Ping

CLOCK = SystemClock()


@dataclass
class Parrot:
    """Ears that write down how much they heard, and understand one order."""

    config: VoiceConfig = field(default_factory=lambda: VoiceConfig(on=["mic"]))
    model: str = "parrot"
    broken: bool = False
    at_once: int = 0
    most: int = 0

    def transcribe(self, pcm: NDArray[np.int16]) -> str:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        threading.Event().wait(0.01)
        self.at_once -= 1
        if self.broken:
            raise ModelError("no device")
        return f"{len(pcm)} samples"

    def understand(self, text: str) -> tuple[str, Mapping[str, str]] | None:
        return ("turn_on", {"name": "hall_light"}) if text == "light" else None


Client = Callable[[int], Awaitable[None]]


def served(client: Client, ears: Parrot | None = None) -> PartHealth:
    """Let a client talk to a server with these ears; gives the server's health."""
    health = PartHealth("wyoming", "service")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]

    async def main() -> None:
        server = WyomingServer(f"tcp://127.0.0.1:{port}", ears or Parrot(), health, CLOCK)  # type: ignore[arg-type]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.run)
            while health.state != "ok":
                await anyio.sleep(0.001)
            with anyio.fail_after(20):
                await client(port)
            tasks.cancel_scope.cancel()

    anyio.run(main)
    return health


async def spoken(port: int, pcm: bytes, rate: int = 16_000, width: int = 2, channels: int = 1) -> Event | None:
    """The answer to a sound."""
    async with AsyncTcpClient("127.0.0.1", port) as client:
        await client.write_event(Ask(language="en").event())
        await client.write_event(AudioStart(rate, width, channels).event())
        step = 1000 * width * channels
        for at in range(0, len(pcm), step):
            await client.write_event(AudioChunk(rate, width, channels, pcm[at : at + step]).event())
        await client.write_event(AudioStop().event())
        return await client.read_event()


def test_it_describes_itself() -> None:
    """`describe` gives the recogniser and the understanding, with their language."""
    found: list[Info] = []

    async def client(port: int) -> None:
        async with AsyncTcpClient("127.0.0.1", port) as one:
            await one.write_event(Describe().event())
            event = await one.read_event()
            assert event
            found.append(Info.from_event(event))
            await one.write_event(Ping().event())
            assert (await one.read_event() or Event("")).type == "pong"

    served(client)

    assert [(p.name, p.installed, [(m.name, m.languages) for m in p.models]) for p in found[0].asr] == [
        ("edgefuse", True, [("parrot", ["en"])])
    ]
    assert [program.name for program in found[0].intent] == ["edgefuse"]


@pytest.mark.parametrize(
    ("rate", "width", "channels"), [(16_000, 2, 1), (16_000, 2, 2), (48_000, 2, 1), (8000, 4, 1), (44_100, 1, 2)]
)
def test_sound_of_any_kind_arrives_at_16_khz(rate: int, width: int, channels: int) -> None:
    """A second is a second whatever its rate, width and channels; the language is told."""
    if rate != 16_000:
        pytest.importorskip("soxr")
    answers: list[Event | None] = []

    async def client(port: int) -> None:
        answers.append(await spoken(port, bytes(rate * width * channels), rate, width, channels))

    health = served(client)
    (event,) = answers
    assert event

    assert Transcript.from_event(event) == Transcript(text="16000 samples", language="en")
    assert (health.rejected, health.samples) == (0, 1)


def test_one_connection_serves_many_orders() -> None:
    """After a transcript the next sound begins anew; a text in between is understood or not."""
    said: list[Any] = []

    async def client(port: int) -> None:
        async with AsyncTcpClient("127.0.0.1", port) as one:
            for count in (100, 50):
                await one.write_event(AudioChunk(16_000, 2, 1, bytes(2 * count)).event())
                await one.write_event(AudioStop().event())
                said.append((await one.read_event() or Event("")).data["text"])
            for text in ("light", "weather"):
                await one.write_event(Recognize(text=text).event())
                said.append(await one.read_event())

    served(client)

    assert said[:2] == ["100 samples", "50 samples"]
    intent = Intent.from_event(said[2])
    assert (intent.name, [(one.name, one.value) for one in intent.entities]) == ("turn_on", [("name", "hall_light")])
    assert said[3].type == "not-recognized"


def test_one_at_a_time() -> None:
    """Many clients at once: all are served, one after another."""
    ears, answers = Parrot(), list[Event | None]()

    async def client(port: int) -> None:
        async def one() -> None:
            answers.append(await spoken(port, bytes(2000)))

        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(one)

    served(client, ears)

    assert [event.data["text"] for event in answers if event] == ["1000 samples"] * 8
    assert ears.most == 1


CHUNK = b'{"type": "audio-chunk", "data": {"rate": 16000, "width": 2, "channels": 1}, "payload_length": 3}\nabc'


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "not Wyoming"),
        (b"\xff\xfe\n", "not Wyoming"),
        (b"[1]\n", "not Wyoming"),
        (b"[" * 50_000 + b"\n", "not Wyoming"),
        (b"x" * (LONGEST_LINE + 10), "not Wyoming"),
        (b'{"type": "describe", "data": 5}\n', "not Wyoming"),
        (b'{"type": "audio-chunk", "payload_length": 99999999999}\n', "not Wyoming"),
        (b'{"type": "audio-chunk", "data_length": -1}\n', "not Wyoming"),
        (b'{"type": "audio-chunk", "data_length": 2}\n[]', "not Wyoming"),
        (b'{"type": "audio-chunk"}\n', "sound"),
        (CHUNK, "sound"),
        (CHUNK.replace(b"16000", b"1"), "sound"),
        (CHUNK.replace(b"16000", b"1e300"), "sound"),
        (b'{"type": "recognize"}\n', "text"),
        (b'{"type": "recognize", "data": {"text": "' + b"x" * 3000 + b'"}}\n', "text"),
    ],
)
def test_nonsense_is_refused_and_counted(raw: bytes, kind: str) -> None:
    """An error event, the end of that connection, one count; the next client is served."""
    told: list[bytes] = []

    async def client(port: int) -> None:
        stream = await anyio.connect_tcp("127.0.0.1", port)
        async with stream:
            await stream.send(raw)
            whole = b""
            try:
                while True:
                    whole += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                told.append(whole)
        assert (await spoken(port, bytes(20)) or Event("")).data["text"] == "10 samples"

    health = served(client)

    assert health.snapshot(0)["rejected_why"] == {kind: 1}
    assert not told[0] or json.loads(told[0].splitlines()[0])["type"] == "error"


def test_a_client_that_breaks_off_is_nothing() -> None:
    """Half an event and gone: nobody minds."""

    async def client(port: int) -> None:
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(CHUNK[:-2])
        assert await spoken(port, bytes(20))

    assert served(client).rejected == 0


def test_too_much_sound_is_refused() -> None:
    """More than 30 s end with an error, not with memory."""
    answers: list[Event | None] = []

    async def client(port: int) -> None:
        answers.append(await spoken(port, bytes(2 * 16_000 * 31)))

    health = served(client)

    assert health.snapshot(0)["rejected_why"] == {"too long": 1}
    assert (answers[0] or Event("")).type == "error"


def test_too_many_clients_are_turned_away() -> None:
    """Only so many connections; the others keep theirs."""

    async def client(port: int) -> None:
        streams = [await anyio.connect_tcp("127.0.0.1", port) for _ in range(MOST + 1)]
        with pytest.raises(anyio.EndOfStream):
            await streams[-1].receive()
        for stream in streams:
            await stream.aclose()

    assert served(client).snapshot(0)["rejected_why"] == {"too many connections": 1}


def test_a_recogniser_that_fails_is_told() -> None:
    """The client gets an error, health is degraded, the daemon lives."""
    answers: list[Event | None] = []

    async def client(port: int) -> None:
        answers.append(await spoken(port, bytes(20)))

    health = served(client, Parrot(broken=True))

    assert (answers[0] or Event("")).data["text"] == "the recogniser fails"
    assert (health.state, health.reason) == ("degraded", "no device")


def test_a_port_that_is_taken_may_become_free() -> None:
    """ServiceError: the supervisor tries again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        server = WyomingServer(url, Parrot(), PartHealth("w", "service"), CLOCK)  # type: ignore[arg-type]
        with pytest.raises(ServiceError, match="cannot listen on"):
            anyio.run(server.run)


def chunk(rate: int, width: int, channels: int, raw: bytes) -> Event:
    return AudioChunk(rate, width, channels, raw).event()


@pytest.mark.parametrize(
    ("width", "raw", "expected"),
    [
        (1, np.array([-128, 1, 127], "i1"), [-32768, 256, 32512]),
        (2, np.array([-32768, 1, 32767], "<i2"), [-32768, 1, 32767]),
        (4, np.array([-(2**31), 65536, 2**31 - 1], "<i4"), [-32768, 1, 32767]),
    ],
)
def test_widths_become_16_bits(width: int, raw: NDArray[Any], expected: list[int]) -> None:
    """Full scale stays full scale."""
    session = Session()
    assert session.take(chunk(16_000, width, 1, raw.tobytes())) is None
    asked = session.take(AudioStop().event())

    assert isinstance(asked, Transcribe)
    assert asked.pcm.tolist() == expected


def test_a_session_has_one_format_and_can_begin_anew() -> None:
    """A change of rate within a sound is refused; `audio-start` forgets what came."""
    session = Session()
    session.take(chunk(16_000, 2, 1, b"abcd"))
    with pytest.raises(BadRequest, match="changes its format"):
        session.take(chunk(16_000, 2, 2, b"abcd"))
    session.take(AudioStart(16_000, 2, 2).event())
    session.take(chunk(16_000, 2, 2, b"abcdefgh"))
    asked = session.take(AudioStop().event())

    assert isinstance(asked, Transcribe)
    assert len(asked.pcm) == 2
    assert session.take(Recognize("hello").event()) == Recognise("hello")
    assert session.take(Event("anything-else")) is None


def ears(**detectors: Any) -> Ears:
    light = Thing(area="hall", kind="light", set="x")
    site = Site(device=Device(id="hub"), detectors=detectors, things={"hall_light": light})
    health = Health()
    return Ears(site, Ports(CLOCK, health, None, NoModels()), health.part("wyoming", "service"))  # type: ignore[arg-type]


def test_ears_are_those_of_the_first_voice_detector() -> None:
    """Model and language of its configuration; its grammar understands texts, strictly."""
    pytest.importorskip("hassil")
    found = ears(voice=VoiceConfig(on=["mic"], recogniser="whisper-base"), other=VoiceConfig(on=["mic"]))

    assert found.model == "whisper-base"
    assert found.understand("Turn on the hall light!") == ("turn_on", {"name": "hall light"})
    assert found.understand("turn the world upside down") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("turn that off", ("turn_off", {"deixis": "that"})),
        ("set the hall light to 40 percent", ("set_level", {"name": "hall light", "level": "40"})),
        ("turn off all the lights", ("turn_off", {"kind": "light", "count": "all"})),
        ("turn off all the lights but the hall light", None),
        ("turn on the hall light and set a timer for five minutes", None),
    ],
)
def test_an_intent_says_all_that_was_said_or_nothing(text: str, expected: tuple[str, dict[str, str]] | None) -> None:
    """`that` and `all` are among the entities; what one intent cannot say is not recognised."""
    pytest.importorskip("hassil")

    assert ears(voice=VoiceConfig(on=["mic"])).understand(text) == expected


@pytest.mark.parametrize("recogniser", [None, {"wyoming": "tcp://127.0.0.1:10300"}])
def test_ears_need_a_recogniser_of_this_device(recogniser: Any) -> None:
    """Without one there is nothing to serve."""
    detectors = (
        {} if recogniser is None else {"voice": VoiceConfig.model_validate({"on": ["m"], "recogniser": recogniser})}
    )

    with pytest.raises(ConfigError, match="expected a detector of type voice with a recogniser of its own"):
        ears(**detectors)
