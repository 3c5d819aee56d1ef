"""A camera, a stream or a video file, by OpenCV."""

import re
import threading
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from edgefuse.core.errors import ConfigError, SourceError
from edgefuse.core.ports import Context, Emit
from edgefuse.core.types import SECOND, Frame, Modality, Nanoseconds
from edgefuse.sources.pictures import Limit, PictureConfig, PictureWatch, Prepare, moments, open_file, opencv
from edgefuse.sources.threads import in_thread

_STREAM = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_SECRET = re.compile(r"//[^/@\s]+@")


class Camera:
    """Emits Frames, always the newest: every picture is drained, only the wanted ones are decoded to an image.

    Black or frozen pictures: degraded. A device, stream or file that cannot be opened or breaks: SourceError. A file
    is played at its own speed and ends.
    """

    class Config(PictureConfig):
        """`{type: camera, url: "rtsp://cam/stream", fps: 10, area: hall}`."""

        type: Literal["camera"]
        url: Annotated[int, Field(ge=0)] | Annotated[str, Field(min_length=1)] | Path | None = None
        """V4L2 number, /dev/videoN, rtsp or http(s) URL, or a video file."""
        url_file: Path | None = None
        """A file that holds the URL, for one with a password."""
        pipeline: Annotated[str, Field(min_length=1)] | None = None
        """GStreamer pipeline that ends in an appsink; needs an OpenCV built with GStreamer."""
        loop: bool = False
        """Play a file again and again."""
        open_timeout_s: Annotated[float, Field(gt=0, le=120)] = 10
        read_timeout_s: Annotated[float, Field(gt=0, le=120)] = 5
        frozen_s: Annotated[float, Field(gt=0)] = 10
        """The same picture, or a black one, for this long: degraded."""
        stale_s: Annotated[float, Field(gt=0)] | None = 10

        @model_validator(mode="after")
        def _one_origin(self) -> "Camera.Config":
            given = [name for name in ("url", "url_file", "pipeline") if getattr(self, name) is not None]
            if len(given) != 1:
                raise ValueError(
                    f"expected exactly one of url, url_file, pipeline, got {' and '.join(given) or 'none'}"
                )
            return self

    modality: Modality = "vision"

    def __init__(self, config: Config, context: Context) -> None:
        self._config = config
        self._context = context
        self._heard: Nanoseconds | None = None
        self._patience = 0.0
        self._stage = "open"
        cv2 = opencv()
        if config.pipeline and not _has_gstreamer(cv2.getBuildInformation()):
            raise ConfigError(
                f"sources.{context.name}.pipeline: this OpenCV ({cv2.__version__}) is built without GStreamer; use "
                "`url`, or an OpenCV with GStreamer (JetPack and Debian have one: python3-opencv, in a virtual "
                "environment made with --system-site-packages)"
            )

    async def run(self, emit: Emit) -> None:
        """Emit until cancelled or the file ends. Raises SourceError when there is nothing to see any more."""
        self._wait_for("open", self._config.open_timeout_s)
        await in_thread(f"camera.{self._context.name}", lambda stop: self._watch(emit, stop), self._check)

    def _wait_for(self, stage: str, patience_s: float) -> None:
        self._heard, self._patience, self._stage = self._context.clock.now(), patience_s, stage

    def _check(self) -> None:
        """OpenCV's own time-outs come first; this one is for drivers that ignore them."""
        heard, patience_s = self._heard, self._patience
        if heard is not None and self._context.clock.now() - heard > (patience_s + 2) * SECOND:
            raise SourceError(f"camera {self._where}: did not {self._stage} within {patience_s:g} s")

    @property
    def _where(self) -> str:
        """The origin without its password."""
        origin = self._config.pipeline or self._config.url_file or self._config.url
        return _SECRET.sub("//***@", str(origin))

    def _watch(self, emit: Emit, stop: threading.Event) -> None:
        look = _Look(self._config, self._context, emit)
        origin = self._origin()
        while not stop.is_set():
            if isinstance(origin, Path):
                self._heard = None
                self._play(open_file(origin), look, stop)
                if not self._config.loop:
                    return
            else:
                self._follow(self._open(*origin), look, stop)

    def _origin(self) -> Path | tuple[int | str, str]:
        """A file, or what to open and OpenCV's name of the interface."""
        if self._config.pipeline:
            return self._config.pipeline, "CAP_GSTREAMER"
        url = self._config.url if self._config.url_file is None else _read(self._config.url_file)
        device = re.fullmatch(r"(?:/dev/video)?(\d+)", str(url))
        if device:
            return int(device[1]), "CAP_V4L2"
        return (str(url), "CAP_FFMPEG") if _STREAM.match(str(url)) else Path(str(url))

    def _open(self, target: int | str, interface: str) -> Any:
        cv2 = opencv()
        options = []
        if interface == "CAP_FFMPEG":
            options += [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(self._config.open_timeout_s * 1000)]
            options += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(self._config.read_timeout_s * 1000)]
        elif interface == "CAP_V4L2" and self._config.size:
            options += [cv2.CAP_PROP_FRAME_WIDTH, self._config.size[0], cv2.CAP_PROP_FRAME_HEIGHT, self._config.size[1]]
        capture = cv2.VideoCapture(target, getattr(cv2, interface), options)
        if not capture.isOpened():
            capture.release()
            raise SourceError(f"camera {self._where}: cannot be opened; is it there, and free?")
        return capture

    def _follow(self, capture: Any, look: "_Look", stop: threading.Event) -> None:
        try:
            self._wait_for("give a picture", self._config.read_timeout_s)
            while not stop.is_set():
                if not capture.grab():
                    raise SourceError(f"camera {self._where}: the stream broke off")
                self._wait_for("give a picture", self._config.read_timeout_s)
                look.at(capture, self._context.clock.now())
        finally:
            capture.release()

    def _play(self, capture: Any, look: "_Look", stop: threading.Event) -> None:
        clock = self._context.clock
        start, empty = clock.now(), True
        try:
            for seconds in moments(capture):
                if stop.wait(max(0.0, (start - clock.now()) / SECOND + seconds)):
                    return
                look.at(capture, clock.now())
                empty = False
        finally:
            capture.release()
        if empty:
            raise SourceError(f"camera {self._where}: the file holds no picture")


class _Look:
    """Decodes the pictures that are wanted and passes them on."""

    def __init__(self, config: Camera.Config, context: Context, emit: Emit) -> None:
        self._area, self._context, self._emit = config.area, context, emit
        self._limit = Limit(config.fps)
        self._prepare = Prepare(config)
        self._watch = PictureWatch(config.frozen_s)

    def at(self, capture: Any, t: Nanoseconds) -> None:
        if not self._limit.due(t):
            return
        whole, image = capture.retrieve()
        if not whole:
            self._context.health.reject("picture cannot be decoded")
            return
        image = self._prepare(image)
        health = self._context.health
        health.info["frame"] = [image.shape[1], image.shape[0]]
        why = self._watch.look(t, self._prepare.sample(image))
        health.set("degraded" if why else "ok", why)
        self._emit(Frame(self._context.name, self._area, t, image))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: expected a file with the camera's URL: {error}") from error


def _has_gstreamer(build: str) -> bool:
    return re.search(r"^\s*GStreamer:\s*YES", build, re.MULTILINE) is not None
