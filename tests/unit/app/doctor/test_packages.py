import sys
from collections.abc import Callable

import pytest

from edgefuse.app.doctor.findings import Case
from edgefuse.app.doctor.packages import Requirement, check, extras_of, fits, required, requirements, wrong

DECLARED = [
    "numpy>=1.26",
    "paho-mqtt<3,>=2.1",
    "exceptiongroup>=1.2; python_version < '3.0'",
    "faster-whisper<2,>=1.1; extra == 'voice'",
    "edgefuse[camera]; extra == 'demo'",
    "types-jsonschema; extra == 'dev'",
]


def test_requirements_are_read_as_the_package_declares_them() -> None:
    """Name, range and extra; what this Python does not need is left out."""
    assert list(requirements(DECLARED)) == [
        Requirement("numpy", ">=1.26", ""),
        Requirement("paho-mqtt", "<3,>=2.1", ""),
        Requirement("faster-whisper", "<2,>=1.1", "voice"),
        Requirement("edgefuse", "", "demo"),
        Requirement("types-jsonschema", "", "dev"),
    ]
    assert sys.version_info >= (3, 0)


@pytest.mark.parametrize(("version", "allowed", "good"), [
    ("1.26.4", ">=1.26", True), ("1.9", ">=1.26", False), ("3.0", "<3,>=2.1", False), ("2.2.0rc1", "<3,>=2.1", True),
    ("2.0", "==2", True), ("2.1", "!=2.1", False), ("12", ">=10.3,<12", False), ("11.4.0.106", ">=10.3,<12", True),
    ("1", "", True), ("1.26", ">1.26", False), ("1.25", "<=1.26", True),
])  # fmt: skip
def test_a_version_lies_in_a_range(version: str, allowed: str, *, good: bool) -> None:
    """Numbers are compared, not letters, and a missing part is 0."""
    assert fits(version, allowed) is good


def test_what_is_missing_or_out_of_range_is_named() -> None:
    """One phrase each; the failure says how to mend it."""
    wanted = list(requirements(DECLARED))[:2]

    assert wrong(wanted, {"numpy": "1.20"}) == ["paho-mqtt is missing", "numpy 1.20 (expected >=1.26)"]
    assert required(wanted, {"numpy": "1.20"}).state == "fail"
    assert required(wanted, {"numpy": "2.4", "paho-mqtt": "2.2"}).state == "ok"


def test_a_configuration_needs_the_extras_of_its_parts(case: Callable[..., Case]) -> None:
    """Sources and detectors decide, and recordings by what they hold."""
    site = case(
        """
sources:
  mic: {type: microphone}
  cam: {type: camera, url: 0}
  clip: {type: recorded, file: a.flac}
detectors:
  voice: {type: voice, on: [mic], wake_word: alexa}
"""
    ).site

    assert site is not None
    assert extras_of(site) == {"mic", "camera", "media", "voice"}


def test_what_is_installed_here_is_in_range(case: Callable[..., Case]) -> None:
    """This environment runs the tests, so what is always needed is whole, and OpenCV says which build it is."""
    found = {finding.check: finding for finding in check(case())}

    assert found["required"].state == "ok"
    assert found["onnxruntime"].state == "ok"
    assert {"extra.mic", "extra.camera", "extra.media", "extra.voice", "extra.convert"} <= set(found)
    assert "GStreamer" in found["opencv"].found


def test_a_pipeline_needs_gstreamer(case: Callable[..., Case]) -> None:
    """An OpenCV without it is a failure only where a pipeline is configured."""
    piped = 'sources: {cam: {type: camera, pipeline: "videotestsrc ! appsink"}}'
    found = {finding.check: finding for finding in check(case(piped))}["opencv"]

    assert (found.state == "fail") == ("without GStreamer" in found.found)
