"""Where the broker is and what proves who we are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgefuse.config.models import Mqtt
from edgefuse.core.errors import ConfigError
from edgefuse.mqtt.address import resolve


@pytest.fixture
def secret(tmp_path: Path) -> Callable[..., Path]:
    """Make a file that only we can read."""

    def make(name: str, text: str, mode: int = 0o600) -> Path:
        path = tmp_path / name
        path.write_text(text)
        path.chmod(mode)
        return path

    return make


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mqtt://broker", "broker:1883"),
        ("mqtt://10.0.0.1:99", "10.0.0.1:99"),
        ("mqtts://broker", "broker:8883"),
        ("mqtt://[::1]:5", "[::1]:5"),
    ],
)
def test_a_url_becomes_host_and_port(url: str, shown: str) -> None:
    """The port defaults to that of the scheme; IPv6 is understood."""
    address = resolve(Mqtt(url=url))
    assert str(address) == shown
    assert (address.tls is not None) == url.startswith("mqtts")


def problems(**options: Any) -> str:
    """Everything that is wrong with a configuration."""
    with pytest.raises(ConfigError) as caught:
        resolve(Mqtt(**options))
    return str(caught.value)


def test_user_and_password_come_from_files(secret: Callable[..., Path]) -> None:
    """The first line counts; the password is not in the representation."""
    user, password = secret("user", "me\n", 0o644), secret("password", "hush\n")
    address = resolve(Mqtt(username_file=user, password_file=password))
    assert (address.username, address.password) == ("me", "hush")
    assert "hush" not in repr(address)


def test_a_password_that_everyone_can_read_is_refused(secret: Callable[..., Path]) -> None:
    """The message says which command mends it, and does not show the password."""
    user, password = secret("user", "me"), secret("password", "hush", 0o644)
    said = problems(username_file=user, password_file=password)
    assert said == f"mqtt.password_file: every user of this machine can read {password}; run: chmod 600 {password}"


def test_all_mistakes_are_told_at_once(tmp_path: Path, secret: Callable[..., Path]) -> None:
    """A missing file, an empty one, a secret in the URL: one line each."""
    said = problems(
        url="mqtt://me:hush@broker", username_file=tmp_path / "missing", password_file=secret("password", "\n")
    ).splitlines()
    assert [line.split(":")[0] for line in said] == ["mqtt.url", "mqtt.username_file", "mqtt.password_file"]
    assert "hush" not in "".join(said)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"url": "mqtt://broker:99999"}, "expected a port"),
        ({"url": "mqtt://broker", "ca_file": "/x"}, "expected mqtts://"),
        ({"url": "mqtts://broker", "ca_file": "/nowhere/ca.pem"}, "cannot read /nowhere/ca.pem"),
        ({"url": "mqtts://broker", "ca_file": "/etc/hostname"}, "no usable certificate"),
    ],
)
def test_tls_and_ports_are_checked(options: dict[str, Any], expected: str) -> None:
    """What cannot work is said before anything connects."""
    assert expected in problems(**options)


def test_a_password_needs_a_user(secret: Callable[..., Path]) -> None:
    """MQTT 3.1.1 has no password without a user name."""
    assert "username_file" in problems(password_file=secret("password", "hush"))
