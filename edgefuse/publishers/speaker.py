"""Says aloud what is on the topic `say`, and alerts where they are to be spoken."""

import json
import threading
from collections import deque
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import structlog
from pydantic import Field

from edgefuse.config.models import PublisherConfig, ServiceUrl, Site
from edgefuse.core.attention import Speaking
from edgefuse.core.errors import PublishError
from edgefuse.core.ports import Context
from edgefuse.core.types import SECOND, Json, Message, Nanoseconds
from edgefuse.publishers.loudspeaker import Loudspeaker, Player
from edgefuse.publishers.speech import Espeak, Sound, Synthesiser, shortened
from edgefuse.publishers.speech_service import WyomingVoice

MOST = 16
"""Texts that wait; the oldest goes first."""
ALERT_S = 60
"""An alert that could not be spoken for so long stays unspoken."""
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 4.0
_REMEMBERED = 64
_CLOSE_S = 2
_HANGS_S = 60
"""Nothing that is said takes so long."""
_ATTENTION = threading.Lock()
"""Several speakers share one mapping, which is replaced as a whole."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Speech:
    """One text to be spoken."""

    text: str
    language: str
    area: str
    until: Nanoseconds
    """It is not begun after this; monotonic."""
    alert: bool = False


class Speaker:
    """Speaks on an output device of this machine, in a thread of its own.

    Nobody waits for it: what it cannot say is tried again until it expires, then dropped and counted.
    """

    class Config(PublisherConfig):
        """`{type: speaker, area: hall, device: ReSpeaker}`."""

        local: ClassVar[bool] = True
        type: Literal["speaker"] = "speaker"
        area: str | None = None
        """Says only what is for this area; default everything."""
        device: int | str | None = None
        """Index, part of the name (capitals do not matter), or the system's default."""
        wyoming: ServiceUrl | None = None
        """A Wyoming service that speaks instead of espeak-ng: tcp://host:10200."""
        voices: dict[str, str] = Field(default_factory=dict)
        """Language -> voice; default the one of espeak-ng that is called like the language, or the service's choice."""
        rate: Annotated[int, Field(ge=80, le=450)] = 160
        """Words per minute of espeak-ng."""
        volume: Annotated[float, Field(ge=0, le=1)] = 1
        alerts: bool = False
        """Speak the headline of alerts too."""

    def __init__(
        self, config: Config, context: Context, *, voice: Synthesiser | None = None, player: Player | None = None
    ) -> None:
        """Speak by espeak-ng on PortAudio unless told otherwise. Raises ConfigError where these are missing."""
        self._config, self._context = config, context
        self._voice = voice or _voice(config)
        self._player = player or Loudspeaker(config.device)
        site: Site = context.site
        self._say = f"{site.mqtt.base}/{site.device.id}/say"
        self._area, self._language = site.device.area or "", site.device.language
        self._waiting: deque[Speech] = deque()
        self._changed = threading.Condition()
        self._stop = threading.Event()
        """Of what is being said."""
        self._saying: Speech | None = None
        self._since: Nanoseconds = 0
        """When it was its turn."""
        self._known: deque[str] = deque(maxlen=_REMEMBERED)
        self._thread: threading.Thread | None = None
        self._closed = False
        context.attention.interrupted.append(self.interrupt)

    async def publish(self, message: Message) -> None:
        """Return at once. Raises PublishError once it is closed."""
        if self._closed:
            raise PublishError("the speaker is closed")
        self.take(message)

    def take(self, message: Message) -> None:
        """Put what is to be said into the queue; never waits, never raises, and takes each message once."""
        if self._closed or message.id in self._known:
            return
        speech = self._speech(message)
        if speech is None:
            return
        self._known.append(message.id)
        with self._changed:
            self._waiting.append(speech)
            if len(self._waiting) > MOST:
                del self._waiting[next((n for n, one in enumerate(self._waiting) if not one.alert), 0)]
                self._drop("too many")
            if speech.alert and self._saying is not None and not self._saying.alert:
                self._stop.set()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name=f"speaker.{self._context.name}", daemon=True)
                self._thread.start()
            self._changed.notify()
        self._watch()

    def interrupt(self, area: str) -> None:
        """Somebody speaks in this area: be silent there, and drop what waits to be said, but for alerts."""
        if self._config.area not in {None, area}:
            return
        with self._changed:
            for speech in [one for one in self._waiting if not one.alert]:
                self._waiting.remove(speech)
                self._drop("interrupted")
            self._stop.set()

    async def close(self) -> None:
        """Fall silent and end the thread. Calling twice is allowed."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._stop.set()
            self._changed.notify()
        if self.interrupt in self._context.attention.interrupted:
            self._context.attention.interrupted.remove(self.interrupt)
        if self._thread is not None:
            self._thread.join(_CLOSE_S)

    def _speech(self, message: Message) -> Speech | None:
        """What a message asks to be said here, or None."""
        alert = message.cls == "alert" and self._config.alerts
        if not alert and message.topic != self._say:
            return None
        try:
            body: Json = json.loads(message.payload)
            info = body["info"] if alert else body
            text = shortened(str(info["headline"] if alert else info["text"]))
            area = (info["area"] or {}).get("areaDesc") if alert else body["area"]
        except (ValueError, LookupError, TypeError, AttributeError):
            self._context.health.reject("no text to be said")
            return None
        if not text or (alert and body.get("msgType", "Alert") != "Alert"):
            return None
        if not alert and area and self._config.area not in {None, area}:
            return None
        place = self._config.area or str(area or self._area)
        return Speech(text, str(body.get("language") or self._language), place, self._until(message), alert)

    def _until(self, message: Message) -> Nanoseconds:
        """The monotonic time at which a message expires."""
        now = self._context.clock.now()
        if message.expires is None:
            return now + ALERT_S * SECOND
        return now + message.expires - int(self._context.clock.wall(now).timestamp() * 1e6) * 1000

    def _watch(self) -> None:
        if self._saying is not None and self._context.clock.now() - self._since > _HANGS_S * SECOND:
            self._context.health.set("failed", "the output device hangs: nothing is spoken")

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                speech = next((one for one in self._waiting if one.alert), self._waiting[0])
                self._waiting.remove(speech)
                self._stop.clear()
                self._saying, self._since = speech, self._context.clock.now()
            try:
                self._speak(speech)
            finally:
                self._saying = None

    def _speak(self, speech: Speech) -> None:
        """Say it, again and again until it worked, expired or was interrupted."""
        health, clock, delay = self._context.health, self._context.clock, _FIRST_DELAY_S
        while clock.now() < speech.until:
            try:
                whole = self._aloud(speech)
            except PublishError as error:
                if delay == _FIRST_DELAY_S:
                    _log.warning("cannot speak", speaker=self._context.name, error=str(error))
                health.set("degraded", str(error))
                if self._stop.wait(delay):
                    return self._drop("interrupted")
                delay = min(2 * delay, _LONGEST_DELAY_S)
                continue
            health.set("ok")
            health.arrived(clock.now())
            return None if whole else self._drop("interrupted")
        return self._drop("expired")

    def _aloud(self, speech: Speech) -> bool:
        """Say it once; whether to its end. Raises PublishError."""
        sound = self._voice.speak(speech.text, speech.language)
        pcm = (sound.pcm * self._config.volume).astype(sound.pcm.dtype)
        begin: list[Nanoseconds] = []

        def began() -> None:
            begin.append(self._context.clock.now())
            self._context.health.took(begin[0] - self._since)
            self._tell(speech, Speaking(speech.text, begin[0]))

        try:
            return self._player.play(Sound(pcm, sound.rate), self._stop, began)
        finally:
            if begin:
                self._tell(speech, Speaking(speech.text, begin[0], self._context.clock.now()))

    def _tell(self, speech: Speech, speaking: Speaking) -> None:
        attention = self._context.attention
        with _ATTENTION:
            attention.speaking = {**attention.speaking, speech.area: speaking}

    def _drop(self, why: str) -> None:
        self._context.health.dropped += 1
        dropped = dict(self._context.health.info.get("unspoken", {}))
        self._context.health.info["unspoken"] = {**dropped, why: dropped.get(why, 0) + 1}


def _voice(config: Speaker.Config) -> Synthesiser:
    return WyomingVoice(config.wyoming, config.voices) if config.wyoming else Espeak(config.rate, config.voices)
