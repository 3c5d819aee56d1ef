"""`edgefuse doctor` with a real broker, in processes as it runs them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from edgefuse.app.build import read_site
from edgefuse.app.doctor import broker
from edgefuse.app.doctor.findings import Case, Finding
from edgefuse.pipeline.clock import SystemClock

pytestmark = pytest.mark.e2e
KEYS = ["check", "area", "state", "found", "next"]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a configuration whose broker has the given options, and the parts given as YAML."""

    def make(mqtt: str, parts: str = "", **files: str) -> Path:
        for name, text in files.items():
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o600)
        path = tmp_path / "hall.yaml"
        path.write_text(f"device: {{id: hall, state_dir: {tmp_path}/state}}\nmqtt: {{{mqtt}}}\n{parts}")
        return path

    return make


def doctor(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgefuse", "doctor", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=110, check=False, env={**os.environ, **(env or {})}
    )


def examined(path: Path | None) -> dict[str, Finding]:
    """What is found about the broker."""
    case = Case(read_site(path) if path else None, SystemClock())
    return {finding.check: finding for finding in broker.check(case)}


def test_a_broker_that_answers_is_well(broker: Any, write: Callable[..., Path]) -> None:
    """It is connected to by MQTT 5; a message of our own comes back, and is removed again."""
    url = broker.url

    found = examined(write(f'url: "{url}"'))

    assert {name: one.state for name, one in found.items()} == {"connect": "ok", "rights": "ok"}
    listener = broker.listener("#", "late")
    listener.publish("end", b"x")
    assert [message.topic for message in listener.messages if message.retain] == []


def test_an_old_version_of_mqtt_is_a_warning(broker: Any, write: Callable[..., Path]) -> None:
    """3.1.1 cannot say that nobody listens."""
    found = examined(write(f'url: "{broker.url}", version: 3.1.1'))

    assert {name: one.state for name, one in found.items()} == {"connect": "ok", "version": "warn", "rights": "ok"}


@pytest.mark.parametrize(("password", "states"), [
    ("wrong", {"connect": "fail"}), ("right", {"connect": "ok", "rights": "ok"}),
])  # fmt: skip
def test_a_wrong_password_is_told_apart(
    make_broker: Callable[..., Any],
    write: Callable[..., Path],
    tmp_path: Path,
    password: str,
    states: dict[str, str],
) -> None:
    """The broker is there and says no: the files with the login are named, not the password."""
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(users), "me", "right"], check=True)
    users.chmod(0o644)
    url = make_broker(f"password_file {users}", anonymous=False).url

    found = examined(write(f'url: "{url}", username_file: user, password_file: pass', user="me", **{"pass": password}))

    assert {name: one.state for name, one in found.items()} == states
    if password == "wrong":
        assert "refuses the login" in found["connect"].found
        assert "password_file" in found["connect"].next
        assert "wrong" not in found["connect"].found


def test_missing_rights_are_told(make_broker: Callable[..., Any], write: Callable[..., Path], tmp_path: Path) -> None:
    """A broker that lets us in and drops what we write is a failure that names the topic."""
    rights = tmp_path / "rights"
    rights.write_text("topic read #\n")
    rights.chmod(0o644)
    url = make_broker(f"acl_file {rights}").url

    found = examined(write(f'url: "{url}"'))

    assert found["connect"].state in {"ok", "fail"}
    worst = found.get("rights", found["connect"])
    assert worst.state == "fail"
    assert worst.next


def test_a_broker_that_is_away_is_told(write: Callable[..., Path]) -> None:
    """Configured it is a failure, and the address is named."""
    found = examined(write('url: "mqtt://127.0.0.1:9"'))

    assert (found["connect"].state, found["connect"].found) == ("fail", "connection refused 127.0.0.1:9")


def test_the_port_of_an_embedded_broker_must_be_free(broker: Any) -> None:
    """Who holds it is named."""
    from edgefuse.app.doctor.broker import embedded

    taken = embedded(f"embedded:{broker.port}")

    assert taken.state == "fail"
    assert "mosquitto" in taken.found


def test_a_whole_configuration_is_examined(broker: Any, write: Callable[..., Path]) -> None:
    """Every area speaks, keys are stable, what is configured and missing is a failure, and the exit code is 1."""
    parts = "sources: {cam: {type: camera, url: /dev/video63}}\n"
    done = doctor("--config", str(write(f'url: "{broker.url}"', parts)), "--json")

    findings = json.loads(done.stdout)
    assert done.returncode == 1, done.stderr
    assert all(list(one) == KEYS for one in findings)
    areas = ["configuration", "system", "disk", "packages", "broker", "audio", "speech", "cameras", "models", "engines"]
    assert list(dict.fromkeys(one["area"] for one in findings)) == areas
    failed = [one["check"] for one in findings if one["state"] == "fail"]
    assert failed == ["source.cam"]
    assert all(bool(one["next"]) == (one["state"] != "ok") for one in findings)
    names = [(one["area"], one["check"]) for one in findings]
    assert len(set(names)) == len(names)


def test_without_a_configuration_nothing_fails(tmp_path: Path) -> None:
    """What is generally needed is checked; missing devices are warnings; the exit code is 0."""
    done = doctor(env={"HOME": str(tmp_path), "EDGEFUSE_MODELS": str(tmp_path / "models"), "COLUMNS": "80"})

    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].endswith("no failures")
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_a_broken_configuration_is_told_by_the_exit_code(tmp_path: Path) -> None:
    """78, and what is generally needed is still checked."""
    path = tmp_path / "hall.yaml"
    path.write_text("device: {id: hall}\nsorces: {}\n")

    done = doctor("--config", str(path), "--json")

    findings = json.loads(done.stdout)
    assert done.returncode == 78
    assert (findings[0]["area"], findings[0]["state"]) == ("configuration", "fail")
    assert {"packages", "engines"} <= {one["area"] for one in findings}
