import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgefuse.app.doctor import speech
from edgefuse.app.doctor.findings import Case, Finding
from edgefuse.app.doctor.packages import extras_of

Make = Callable[..., Case]
INFO = (
    b'{"type": "info", "data": {"asr": [{"models": [{"name": "tiny"}]}], "tts": [{"voices": [{"name": "amy"}]}],'
    b' "wake": [{"models": [{"name": "ok_nabu"}]}]}}\n'
)


def found(case: Case) -> dict[str, Finding]:
    return {one.check: one for one in speech.check(case)}


@pytest.fixture
def service() -> Iterator[str]:
    """The address of a service that says what it offers, to everybody who comes."""
    pytest.importorskip("wyoming", reason="the package wyoming is not installed (edgefuse[wyoming])")
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(INFO)

    thread = threading.Thread(target=answer)
    thread.start()
    yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


def test_nothing_configured_is_fine(case: Make) -> None:
    """One line; without a configuration it says whether espeak-ng is there."""
    assert [one.state for one in speech.check(case(""))] == ["ok"]
    assert found(case())["espeak-ng"].state == "ok"


def test_a_speaker_needs_its_program_and_its_device(
    case: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing espeak-ng and a device that is not there are failures with advice."""
    pytest.importorskip("pyaudio", reason="PyAudio is not installed (edgefuse[mic])")
    made = case("publishers: {voice: {type: speaker, device: zork}}")
    monkeypatch.setenv("PATH", str(tmp_path))
    lines = found(made)

    assert (lines["espeak-ng"].state, "apt-get install espeak-ng" in lines["espeak-ng"].next) == ("fail", True)
    assert lines["speaker.voice"].state == "fail"
    assert "no output device 'zork'" in lines["speaker.voice"].found


SERVICES = """
sources: {{mic: {{type: recorded, file: a.wav}}}}
detectors:
  voice: {{type: voice, on: [mic], recogniser: {{wyoming: "{url}"}}, wake_word: {{wyoming: "{url}", name: {name}}}}}
publishers: {{say: {{type: speaker, wyoming: "{url}"}}}}
"""


def test_services_say_what_they_offer(case: Make, service: str) -> None:
    """Recogniser, wake word and voice are asked; a speaker with a service needs no espeak-ng."""
    if not shutil.which("espeak-ng"):
        pytest.skip("espeak-ng is not installed")
    lines = found(case(SERVICES.format(url=service, name="ok_nabu")))

    assert [lines[name].state for name in ("voice.recogniser", "voice.wake_word", "say.wyoming")] == ["ok"] * 3
    assert lines["voice.recogniser"].found.endswith(": tiny")
    assert lines["say.wyoming"].found.endswith(": amy")
    assert "espeak-ng" not in lines


def test_a_service_without_the_wanted_word_is_a_warning(case: Make, service: str) -> None:
    """The names that it has are told."""
    line = found(case(SERVICES.format(url=service, name="zork")))["voice.wake_word"]

    assert line.state == "warn"
    assert "no 'zork'; it has ok_nabu" in line.found


def test_a_service_that_is_not_there_is_a_failure(case: Make) -> None:
    """With its address."""
    pytest.importorskip("wyoming", reason="the package wyoming is not installed (edgefuse[wyoming])")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
        line = found(case(SERVICES.format(url=url, name="zork")))["voice.recogniser"]

    assert line.state == "fail"
    assert url in line.found


def test_our_own_port_is_free_or_not(case: Make) -> None:
    """A port that another program holds is a failure."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        text = f'wyoming: {{listen: "tcp://127.0.0.1:{taken.getsockname()[1]}"}}'
        held = found(case(text))["wyoming.listen"]
    free = found(case(text))["wyoming.listen"]

    assert (held.state, free.state) == ("fail", "ok")


def test_extras_of_speakers_and_services(case: Make) -> None:
    """A speaker needs `mic`; a service, or being one, needs `wyoming`."""

    def extras(text: str) -> set[str]:
        site = case(text).site
        assert site
        return set(extras_of(site)) - {"broker"}

    assert extras("publishers: {a: {type: speaker}}") == {"mic"}
    assert extras('publishers: {a: {type: speaker, wyoming: "tcp://a:1"}}') == {"mic", "wyoming"}
    assert extras('wyoming: {listen: "tcp://127.0.0.1:10300"}') == {"wyoming"}
    assert "wyoming" in extras(SERVICES.format(url="tcp://a:1", name="b"))
