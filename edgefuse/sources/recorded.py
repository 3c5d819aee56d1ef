"""A recording instead of a device: sound, video, a folder of pictures, or a table of readings."""

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from edgefuse.config.models import Name, Seconds
from edgefuse.core.errors import SourceError
from edgefuse.core.ports import Context, Emit
from edgefuse.core.types import SAMPLE_RATE, SECOND, AudioChunk, Frame, Modality, Nanoseconds, Reading, Sample
from edgefuse.sources.audio import read_audio, sound_library
from edgefuse.sources.pictures import Limit, PictureConfig, Prepare, moments, open_file, opencv, read_picture
from edgefuse.sources.tables import read_table
from edgefuse.sources.threads import in_thread

CHUNK = 1024
"""Samples, 64 ms: two windows of the voice detector for one waking of its thread."""
_AUDIO = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff"}
_VIDEO = {".mp4", ".avi", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".m4v", ".ts", ".mjpg", ".mjpeg"}
_TABLE = {".csv", ".tsv", ".txt", ".jsonl", ".ndjson"}
_PICTURE = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}


class Recorded:
    """Plays a recording: in real time by `run`, or sample by sample on the scene's time line by `timeline`."""

    class Config(PictureConfig):
        """`{type: recorded, file: hall.wav, area: hall}`."""

        type: Literal["recorded"] = "recorded"
        file: Path
        """Sound, video, a folder of pictures, CSV (or TSV), or JSON lines."""
        at_s: Seconds = 0
        """When it begins, in seconds from the start of the scene."""
        on_end: Literal["stop", "loop", "fail"] = "stop"
        """`fail` is a device that is unplugged at this moment and stays so."""
        pace: Literal["real", "fast"] = "real"
        """`fast` does not wait: what the detectors cannot keep up with is dropped."""
        picture_fps: Annotated[float, Field(gt=0, le=240)] = 1
        """Pictures a second of a folder."""
        start: datetime | None = None
        """What ISO 8601 times in a table count from; default the table's first row."""
        quantity: Name | None = None
        """Name of a table's values that have none."""
        unit: str | None = None
        """Unit of a table's values that have none."""

        @field_validator("file")
        @classmethod
        def _is_known(cls, file: Path) -> Path:
            modality_of(file)
            return file

    def __init__(self, config: Config, context: Context) -> None:
        self._config = config
        self._context = context
        self._over = False
        self.modality: Modality = modality_of(config.file)
        if self.modality == "audio":
            sound_library()
        elif self.modality == "vision":
            opencv()

    def timeline(self) -> Iterator[Sample]:
        """Every sample in order, read as it is asked for; t counts from the start of the scene.

        Endless with `on_end: loop`. Raises SourceError when the file cannot be read, and at its end with `on_end:
        fail`.
        """
        start = round(self._config.at_s * SECOND)
        while True:
            end, empty = start, True
            for sample, after in self._once(start):
                end, empty = max(end, after), False
                yield sample
            if empty:
                raise SourceError(f"{self._config.file}: holds nothing that can be played")
            if self._config.on_end == "fail":
                raise SourceError(f"{self._config.file}: the recording ends here, as if its device were unplugged")
            if self._config.on_end == "stop":
                return
            start = end

    async def run(self, emit: Emit) -> None:
        """Play the time line, beginning now. Raises SourceError as `timeline`; once over, `on_end: fail` stays so."""
        if self._over:
            raise SourceError(f"{self._config.file}: the recording has ended, as if its device were unplugged")
        await in_thread(f"recorded.{self._context.name}", lambda stop: self._play(emit, stop))

    def _play(self, emit: Emit, stop: threading.Event) -> None:
        clock = self._context.clock
        begin = clock.now()
        began = False
        try:
            for sample in self.timeline():
                wait = (begin + sample.end - clock.now()) / SECOND if self._config.pace == "real" else 0.0
                if stop.wait(max(0.0, wait)):
                    return
                began = True
                self._context.health.set("ok")
                emit(replace(sample, t=begin + sample.t))
        except SourceError:
            self._over = began and self._config.on_end == "fail"
            raise

    def _once(self, start: Nanoseconds) -> Iterator[tuple[Sample, Nanoseconds]]:
        """One pass: samples, and the time at which the recording would go on after each."""
        file = self._config.file
        if self.modality == "audio":
            return self._sound(start)
        if self.modality == "sensor":
            return self._readings(start)
        return self._stills(start) if file.is_dir() else self._video(start)

    def _sound(self, start: Nanoseconds) -> Iterator[tuple[Sample, Nanoseconds]]:
        pieces = read_audio(self._config.file, CHUNK, self._context.health)
        for n, pcm in enumerate(pieces):
            t = start + n * CHUNK * SECOND // SAMPLE_RATE
            chunk = AudioChunk(self._context.name, self._config.area, t, pcm)
            yield chunk, chunk.end

    def _video(self, start: Nanoseconds) -> Iterator[tuple[Sample, Nanoseconds]]:
        prepare, limit = Prepare(self._config), Limit(self._config.fps)
        capture = open_file(self._config.file)
        before = 0.0
        try:
            for seconds in moments(capture):
                t = start + round(seconds * SECOND)
                period, before = seconds - before, seconds
                if not limit.due(t):
                    continue
                whole, image = capture.retrieve()
                if whole:
                    yield self._frame(prepare, t, image), t + round(period * SECOND)
                else:
                    self._context.health.reject("picture cannot be decoded")
        finally:
            capture.release()

    def _stills(self, start: Nanoseconds) -> Iterator[tuple[Sample, Nanoseconds]]:
        prepare, limit = Prepare(self._config), Limit(self._config.fps)
        period = SECOND / self._config.picture_fps
        for n, path in enumerate(_pictures(self._config.file)):
            t = start + round(n * period)
            if not limit.due(t):
                continue
            image = read_picture(path)
            if image is None:
                self._context.health.reject("picture cannot be decoded")
            else:
                yield self._frame(prepare, t, image), start + round((n + 1) * period)

    def _frame(self, prepare: Prepare, t: Nanoseconds, image: object) -> Frame:
        prepared = prepare(image)
        self._context.health.info["frame"] = [prepared.shape[1], prepared.shape[0]]
        return Frame(self._context.name, self._config.area, t, prepared)

    def _readings(self, start: Nanoseconds) -> Iterator[tuple[Sample, Nanoseconds]]:
        config, period, before = self._config, SECOND, 0
        rows = read_table(config.file, config.start, config.quantity, config.unit, self._context.health.reject)
        for row in rows:
            if row.t > before:
                period, before = row.t - before, row.t
            area = row.area or config.area
            reading = Reading(self._context.name, area, start + row.t, row.quantity, row.value, row.unit)
            yield reading, start + row.t + period


def modality_of(file: Path) -> Modality:
    """What kind of recording it is, by its suffix. Raises ValueError listing the suffixes that are known."""
    suffix = file.suffix.lower()
    if suffix in _AUDIO:
        return "audio"
    if suffix in _TABLE:
        return "sensor"
    if suffix in _VIDEO or not suffix or file.is_dir():
        return "vision"
    known = " ".join(sorted(_AUDIO | _VIDEO | _TABLE))
    raise ValueError(f"expected a folder of pictures or a file with one of the suffixes {known}, got '{file.name}'")


def _pictures(folder: Path) -> list[Path]:
    """`frame10` comes after `frame9`."""
    try:
        return sorted((path for path in folder.iterdir() if path.suffix.lower() in _PICTURE), key=_natural)
    except OSError as error:
        raise SourceError(f"{folder}: expected a readable folder of pictures: {error.strerror}") from error


def _natural(path: Path) -> list[tuple[str, int]]:
    return [(text, int(digits or 0)) for text, digits in re.findall(r"([^0-9]*)([0-9]*)", path.name)]
