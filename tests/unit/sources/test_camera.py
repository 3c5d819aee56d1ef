import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from edgefuse.core.errors import ConfigError, SourceError
from edgefuse.core.ports import Context
from edgefuse.core.types import Frame, Sample
from edgefuse.sources.camera import Camera

pytestmark = pytest.mark.anyio


def _camera(context: Context, **config: object) -> Camera:
    return Camera(Camera.Config.model_validate({"type": "camera", "area": "hall", **config}), context)


@contextmanager
def _mjpeg_server(frames: int, then: threading.Event | None = None) -> Iterator[str]:
    """An HTTP camera such as ESP32 boards: so many pictures at once, then the end, or silence until `then`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            for n in range(frames):
                jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), 60 + n * 5 % 190, np.uint8))[1].tobytes()
                self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg))
                self.wfile.write(jpeg + b"\r\n")
            if then:
                then.wait(30)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://user:secret@127.0.0.1:{server.server_port}/stream"
    finally:
        if then:
            then.set()
        server.shutdown()
        server.server_close()
        thread.join()


async def test_a_file_is_played_at_its_own_speed_and_ends(
    context: Context, samples: list[Sample], video: Callable[..., Path]
) -> None:
    """Ten pictures at 20 a second take half a second, in order, stamped as they are shown."""
    await _camera(context, url=str(video())).run(samples.append)

    frames = [sample for sample in samples if isinstance(sample, Frame)]
    assert len(frames) == 10
    assert frames[0].image.shape == (48, 64, 3)
    assert [round(float(frame.image.mean()), -1) for frame in frames] == [40 + 10 * n for n in range(10)]
    assert frames[-1].t - frames[0].t >= 0.44e9
    assert {(frame.source, frame.area) for frame in frames} == {("part", "hall")}
    assert context.health.info["frame"] == [64, 48]
    assert context.health.state == "ok"


async def test_the_rate_is_capped_evenly(context: Context, samples: list[Sample], video: Callable[..., Path]) -> None:
    """At 20 a second and a cap of 10, every second picture is passed on."""
    await _camera(context, url=str(video(frames=12)), fps=10).run(samples.append)

    levels = [round(float(sample.image.mean()), -1) for sample in samples if isinstance(sample, Frame)]
    assert len(levels) in {6, 7}
    assert set(np.diff(levels)) <= {10.0, 20.0, 30.0}


async def test_masks_are_black_and_pictures_have_the_size_asked_for(
    context: Context, samples: list[Sample], video: Callable[..., Path]
) -> None:
    """The left half is burnt in black in every picture; the rest is untouched."""
    masks = {"window": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}
    await _camera(context, url=str(video()), size=[128, 96], masks=masks).run(samples.append)

    for sample in samples:
        assert isinstance(sample, Frame)
        assert sample.image.shape == (96, 128, 3)
        assert not sample.image[:, :64].any()
        assert sample.image[:, 66:].min() > 20


async def test_a_loop_goes_on(context: Context, samples: list[Sample], video: Callable[..., Path]) -> None:
    """`loop` plays the file again until it is cancelled."""
    enough = anyio.Event()
    camera = _camera(context, url=str(video(frames=3)), loop=True)

    def emit(sample: Sample) -> None:
        samples.append(sample)
        if len(samples) == 8:
            anyio.from_thread.run_sync(enough.set, token=token)

    token = anyio.lowlevel.current_token()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(camera.run, emit)
        with anyio.fail_after(20):
            await enough.wait()
        tasks.cancel_scope.cancel()

    assert len(samples) >= 8


@pytest.mark.parametrize(("level", "reason"), [(90, "frozen"), (0, "black")])
async def test_a_frozen_or_black_picture_is_degraded(
    context: Context, samples: list[Sample], video: Callable[..., Path], level: int, reason: str
) -> None:
    """Pictures still come, and health says that they are of no use."""
    await _camera(context, url=str(video(level=lambda _: level)), frozen_s=0.2).run(samples.append)

    assert len(samples) == 10
    assert context.health.state == "degraded"
    assert context.health.reason.startswith(reason)


async def test_missing_and_damaged_files_are_source_errors(
    context: Context, samples: list[Sample], tmp_path: Path
) -> None:
    """What is not there, or is no video, can come back: the supervisor tries again."""
    (tmp_path / "text.mp4").write_text("this is no video")

    with pytest.raises(SourceError, match=r"gone\.mp4: no such file"):
        await _camera(context, url=str(tmp_path / "gone.mp4")).run(samples.append)
    with pytest.raises(SourceError, match=r"text\.mp4: expected a video"):
        await _camera(context, url=str(tmp_path / "text.mp4")).run(samples.append)
    with pytest.raises(SourceError, match="camera /dev/video97: cannot be opened"):
        await _camera(context, url="/dev/video97").run(samples.append)


async def test_a_truncated_video_plays_what_is_there(
    context: Context, samples: list[Sample], video: Callable[..., Path]
) -> None:
    """Half a file gives about half of its pictures."""
    path = video(frames=12, level=None)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    await _camera(context, url=str(path)).run(samples.append)

    assert 2 <= len(samples) <= 8


async def test_a_stream_that_breaks_off_is_a_source_error(context: Context, samples: list[Sample]) -> None:
    """Pictures of an HTTP camera come through; its end is an error without the password in it."""
    with _mjpeg_server(frames=40) as url, pytest.raises(SourceError, match="broke off") as error:
        await _camera(context, url=url).run(samples.append)

    assert len(samples) >= 30
    assert "secret" not in str(error.value)


async def test_a_stream_that_falls_silent_is_a_source_error(context: Context, samples: list[Sample]) -> None:
    """OpenCV's read time-out ends the wait for a camera that hangs."""
    silent = threading.Event()
    with _mjpeg_server(30, silent) as url, pytest.raises(SourceError, match=r"127\.0\.0\.1"):
        with anyio.fail_after(20):
            await _camera(context, url=url, read_timeout_s=0.5, open_timeout_s=5).run(samples.append)

    assert samples


async def test_a_camera_that_takes_connections_and_says_nothing_is_a_source_error(context: Context) -> None:
    """OpenCV's open time-out ends the wait."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"rtsp://127.0.0.1:{deaf.getsockname()[1]}/stream"
        with anyio.fail_after(20), pytest.raises(SourceError, match="cannot be opened"):
            await _camera(context, url=url, open_timeout_s=0.5).run(print)


async def test_a_driver_that_hangs_is_given_up(context: Context) -> None:
    """Where OpenCV's own time-outs do nothing, ours do, and tell what did not come."""
    camera = _camera(context, url=0, open_timeout_s=0.5)
    camera._wait_for("open", -10)

    with pytest.raises(SourceError, match="camera 0: did not open within"):
        camera._check()


async def test_the_url_may_be_in_a_file(context: Context, samples: list[Sample], tmp_path: Path, video: Any) -> None:
    """A password stays out of the configuration."""
    (tmp_path / "url").write_text(f"{video(frames=2)}\n")
    await _camera(context, url_file=tmp_path / "url").run(samples.append)

    assert len(samples) == 2
    with pytest.raises(SourceError, match="expected a file with the camera's URL"):
        await _camera(context, url_file=tmp_path / "nowhere").run(samples.append)


async def test_a_pipeline_needs_gstreamer(context: Context) -> None:
    """Without GStreamer in OpenCV the operator is told so, and what to do."""
    if "GStreamer:                   YES" in cv2.getBuildInformation():
        pytest.skip("this OpenCV has GStreamer")
    with pytest.raises(ConfigError, match="built without GStreamer"):
        _camera(context, pipeline="videotestsrc ! appsink")


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"url": 0, "pipeline": "x"},
        {"url": -1},
        {"url": 0, "fps": 0},
        {"url": 0, "zones": {"door": [[0, 0], [1, 1]]}},
        {"url": 0, "masks": {"door": [[0, 0], [1, 1], [1.2, 0]]}},
        {"url": 0, "size": [0, 10]},
    ],
)
async def test_bad_settings_are_refused(config: dict[str, object]) -> None:
    """One origin, polygons of at least three points inside the picture, sizes and rates that can be."""
    with pytest.raises(ValidationError):
        Camera.Config.model_validate({"type": "camera", **config})
