"""Serves edgefuse's own recogniser, and what it understands, to others: Wyoming over TCP."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import anyio
import numpy as np
import structlog
from numpy.typing import NDArray

from edgefuse import wyoming
from edgefuse.app.build import Ports
from edgefuse.app.service_session import BadRequest, Recognise, Session, Transcribe
from edgefuse.config.models import Service, Site
from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Clock
from edgefuse.core.types import SAMPLE_RATE, Json
from edgefuse.detectors.voice import runtime
from edgefuse.detectors.voice.config import VoiceConfig
from edgefuse.detectors.voice.grammar import Grammar, of_site
from edgefuse.detectors.voice.hearing import made_up
from edgefuse.detectors.voice.orders import interpreted
from edgefuse.detectors.voice.recogniser import Recogniser
from edgefuse.detectors.voice.understand import Understanding
from edgefuse.grounding.words import Words

if TYPE_CHECKING:
    from wyoming.event import Event, Eventable

NAME = "wyoming"
MOST = 16
"""Connections at once."""
LONGEST_LINE = 65_536
LONGEST_PAYLOAD = 4_000_000
"""Bytes of one event."""
PATIENCE_S = 60
"""A connection that says nothing for so long is ended."""
_log = structlog.get_logger()


class Ears:
    """A recogniser of its own, as the first detector of type voice has one, and that detector's grammar."""

    def __init__(self, site: Site, ports: Ports, health: PartHealth) -> None:
        """Models wait for `load`. Raises ConfigError without such a detector, or where it has no recogniser."""
        found = [each for each in site.detectors.values() if isinstance(each, VoiceConfig)]
        if not found or isinstance(found[0].recogniser, Service):
            raise ConfigError(
                "wyoming: expected a detector of type voice with a recogniser of its own, which is served"
            )
        self.config: VoiceConfig = found[0]
        self.model: str = found[0].recogniser
        self._grammar: Grammar = of_site(site, self.config.language)
        self._understanding = Understanding(self._grammar, words=Words.of_site(site, self._grammar.language))
        self._own = {name: frozenset(intent.slots) for name, intent in site.intents.items()}
        self._ports, self._health = ports, health
        self._recogniser: Recogniser | None = None

    def load(self) -> None:
        """Load the recogniser and run it once. Raises ModelError."""
        config = self.config
        self._recogniser = runtime.load(
            self._ports.models,
            self.model,
            config.runtime,
            config.language,
            self._grammar.prompt(),
            config.threads,
            self._health,
        )
        self.transcribe(np.zeros(SAMPLE_RATE, np.int16))

    def transcribe(self, pcm: NDArray[np.int16]) -> str:
        """The words in `pcm` (n,) at 16 kHz; none where they would be made up. Raises ModelError."""
        recogniser, clock = self._recogniser, self._ports.clock
        assert recogniser is not None, "asked before it was loaded"
        if not len(pcm):
            return ""
        with self._health.model_call(lambda: clock.cpu() + recogniser.cpu()):
            heard = recogniser.hear(pcm)
        return "" if made_up(heard) else heard.text

    def understand(self, text: str) -> tuple[str, Mapping[str, Json]] | None:
        """Intent and entities; or None, also for several orders or phrases, which one event cannot say.

        Which thing is meant is not told: that is known where it was said.
        """
        meaning = self._understanding.understand(text)
        known = meaning.interpretations or interpreted(meaning, self._own)
        if not known or len(known[0].orders) != 1:
            return None
        (order,) = known[0].to_json()["orders"]
        things = order.get("things", [{}])
        if len(things) > 1 or "but" in order:
            return None
        return order["intent"], {**things[0], **order["slots"]}


@dataclass(slots=True)
class WyomingServer:
    """Any number of clients; one order after another."""

    url: str
    ears: Ears
    health: PartHealth
    clock: Clock
    _turn: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1))
    _clients: int = 0

    async def run(self) -> None:
        """Serve until cancelled. Raises ServiceError when the address cannot be had."""
        host, port = wyoming.endpoint(self.url)
        try:
            server = await asyncio.start_server(self._client, host, port, limit=LONGEST_LINE)
        except OSError as error:
            raise wyoming.ServiceError(f"cannot listen on {self.url}: {error.strerror or error}") from error
        self.health.set("ok")
        _log.info("wyoming listens", address=self.url, model=self.ears.model)
        try:
            await asyncio.Event().wait()
        finally:
            server.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._clients >= MOST:
            self.health.reject("too many connections")
            writer.close()
            return
        self._clients += 1
        try:
            await self._converse(reader, writer)
        except BadRequest as error:
            self.health.reject(error.kind)
            await _refuse(writer, str(error))
        except (OSError, TimeoutError, EOFError):
            pass  # it has gone
        except ModelError as error:
            self.health.set("degraded", str(error))
            await _refuse(writer, "the recogniser fails")
        finally:
            self._clients -= 1
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from wyoming.event import async_write_event

        session = Session()
        while True:
            with anyio.fail_after(PATIENCE_S):
                event = await read_event(reader)
            if event is None:
                return
            answer = await self._answer(session, event)
            if answer is not None:
                with anyio.fail_after(PATIENCE_S):
                    await async_write_event(answer.event(), writer)

    async def _answer(self, session: Session, event: "Event") -> "Eventable | None":
        from wyoming.asr import Transcript
        from wyoming.intent import Entity, Intent, NotRecognized
        from wyoming.ping import Pong

        if event.type == "describe":
            return described(self.ears)
        if event.type == "ping":
            return Pong()
        asked = session.take(event)
        if isinstance(asked, Transcribe):
            text = await anyio.to_thread.run_sync(
                self.ears.transcribe, asked.pcm, limiter=self._turn, abandon_on_cancel=True
            )
            self._served()
            return Transcript(text=text, language=self.ears.config.language)
        if isinstance(asked, Recognise):
            found = await anyio.to_thread.run_sync(
                self.ears.understand, asked.text, limiter=self._turn, abandon_on_cancel=True
            )
            self._served()
            if found is None:
                return NotRecognized(text=asked.text)
            return Intent(found[0], [Entity(name, value) for name, value in found[1].items()], text=asked.text)
        return None

    def _served(self) -> None:
        self.health.arrived(self.clock.now())
        self.health.set("ok")


async def read_event(reader: asyncio.StreamReader) -> "Event | None":
    """The next event, None at the end. Raises BadRequest for bytes that are none, EOFError when it breaks off."""
    from wyoming.event import Event

    try:
        line = await reader.readline()
    except ValueError as error:
        raise BadRequest("not Wyoming", f"expected lines of at most {LONGEST_LINE} bytes") from error
    if not line:
        return None
    header = _object(line)
    data = header.get("data") or {}
    size = _size(header, "data_length")
    if size:
        data = {**_checked(data), **_object(await reader.readexactly(size))}
    payload = await reader.readexactly(_size(header, "payload_length"))
    return Event(type=str(header.get("type")), data=_checked(data), payload=payload or None)


def _size(header: Mapping[str, Any], key: str) -> int:
    size = header.get(key) or 0
    if type(size) is not int or not 0 <= size <= LONGEST_PAYLOAD:
        raise BadRequest("not Wyoming", f"expected {key} from 0 to {LONGEST_PAYLOAD}")
    return size


def _object(raw: bytes) -> dict[str, Any]:
    try:
        return _checked(json.loads(raw))
    except (ValueError, RecursionError) as error:
        raise BadRequest("not Wyoming", "expected a line with a JSON object") from error


def _checked(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRequest("not Wyoming", "expected a JSON object")
    return value


async def _refuse(writer: asyncio.StreamWriter, told: str) -> None:
    from wyoming.error import Error
    from wyoming.event import async_write_event

    with suppress(OSError), anyio.move_on_after(1):
        await async_write_event(Error(text=told).event(), writer)


def described(ears: Ears) -> "Eventable":
    """What is offered."""
    from wyoming.info import AsrModel, AsrProgram, Attribution, Info, IntentModel, IntentProgram

    own: dict[str, Any] = {
        "attribution": Attribution(name="edgefuse", url=""),
        "installed": True,
        "version": version("edgefuse"),
    }
    language = [ears.config.language]
    heard = AsrModel(name=ears.model, description="spoken orders", languages=language, **own)
    meant = IntentModel(name="home", description="the orders of this home", languages=language, **own)
    asr = AsrProgram(name="edgefuse", description="spoken orders", models=[heard], **own)
    intent = IntentProgram(name="edgefuse", description="orders to intents", models=[meant], **own)
    return Info(asr=[asr], intent=[intent])
