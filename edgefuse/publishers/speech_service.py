"""Text to sound, by a service that speaks Wyoming."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgefuse import wyoming
from edgefuse.core.errors import PublishError
from edgefuse.publishers.speech import Sound

_LIMIT_S = 10
_LONGEST_S = 120
_RATES = range(8000, 48_001)
_WIDTH = 2


class WyomingVoice:
    """A service such as wyoming-piper; asked anew for each text, it may come and go."""

    def __init__(self, url: str, voices: Mapping[str, str]) -> None:
        """`voices` by language; default: the service is told the language. Raises ConfigError without the library."""
        wyoming.library()
        self._url, self._voices = url, voices

    def speak(self, text: str, language: str) -> Sound:
        """The sound of a text. Raises PublishError."""
        from wyoming.tts import Synthesize, SynthesizeVoice

        name = self._voices.get(language)
        voice = SynthesizeVoice(name=name) if name else SynthesizeVoice(language=language)
        try:
            with wyoming.talk(self._url, _LIMIT_S) as link:
                link.send(Synthesize(text=text, voice=voice))
                return _sound(link)
        except wyoming.ServiceError as error:
            raise PublishError(str(error)) from error


def _sound(link: wyoming.Link) -> Sound:
    """What the service plays: `audio-start`, chunks, `audio-stop`."""
    rate, channels = _format(link.url, wyoming.answer(link, "audio-start").data)
    pieces, size = [], 0
    while True:
        event = link.receive()
        if event.type == "audio-stop":
            break
        if event.type == "error":
            raise wyoming.ServiceError(f"{link.url}: {event.data.get('text', 'error')}")
        if event.type == "audio-chunk" and event.payload:
            if _format(link.url, event.data) != (rate, channels):
                raise wyoming.ServiceError(f"{link.url}: the sound changes its format")
            pieces.append(event.payload)
            size += len(event.payload)
        if size > _LONGEST_S * rate * channels * _WIDTH:
            raise wyoming.ServiceError(f"{link.url}: more than {_LONGEST_S} s of sound")
    pcm = b"".join(pieces)
    frames = np.frombuffer(pcm[: len(pcm) - len(pcm) % (_WIDTH * channels)], "<i2").reshape(-1, channels)
    return Sound(frames[:, 0].astype(np.int16), rate)


def _format(url: str, data: Any) -> tuple[int, int]:
    """Rate and channels. Raises ServiceError for what cannot be played."""
    rate, width, channels = (data.get(key) for key in ("rate", "width", "channels"))
    if width != _WIDTH or rate not in _RATES or channels not in {1, 2}:
        raise wyoming.ServiceError(f"{url}: expected 16-bit sound, got {rate} Hz, {width} bytes, {channels} channels")
    return int(rate), int(channels)
