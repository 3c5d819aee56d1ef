"""Where the broker is, and what proves to it who we are."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from edgefuse.config.models import Mqtt
from edgefuse.core.errors import ConfigError

DEFAULT_PORT = 1883
DEFAULT_TLS_PORT = 8883
_OTHERS_READ = 0o004


@dataclass(frozen=True, slots=True)
class Address:
    """A broker, ready to be connected to."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def resolve(config: Mqtt, url: str | None = None) -> Address:
    """Read the URL and the files it needs. Raises ConfigError with everything that is wrong."""
    url = url or config.url
    problems: list[str] = []
    parts = urlsplit(url)
    secure = parts.scheme == "mqtts"
    host, port = _endpoint(url, problems)
    username = _read(config.username_file, "mqtt.username_file", problems, secret=False)
    password = _read(config.password_file, "mqtt.password_file", problems, secret=True)
    if password is not None and username is None and config.username_file is None:
        problems.append("mqtt.password_file: expected a mqtt.username_file beside it; brokers ask for both")
    tls = _tls(config, problems) if secure else None
    if not secure and (config.ca_file or config.cert_file or config.key_file):
        problems.append(f"mqtt.url: expected mqtts:// because ca_file, cert_file or key_file is set, got {url}")
    if problems:
        raise ConfigError(*problems)
    return Address(host, port or (DEFAULT_TLS_PORT if secure else DEFAULT_PORT), username, password, tls)


def _endpoint(url: str, problems: list[str]) -> tuple[str, int | None]:
    parts = urlsplit(url)
    if "@" in parts.netloc:
        problems.append("mqtt.url: no secret belongs into this file; use mqtt.username_file and mqtt.password_file")
        return "", None
    try:
        port = parts.port
    except ValueError:
        problems.append(f"mqtt.url: expected a port from 1 to 65535, got {url}")
        return "", None
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
        problems.append(f"mqtt.url: expected mqtt://host:port or mqtts://host:port, got {url}")
    return parts.hostname or "", port


def _read(path: Path | None, key: str, problems: list[str], *, secret: bool) -> str | None:
    """The first line of a file; a secret one must not be readable by everyone."""
    if path is None or not _readable(path, key, problems, secret=secret):
        return None
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{key}: cannot read {path}: {error}")
        return None
    if not lines or not lines[0]:
        problems.append(f"{key}: expected one line of text in {path}, got an empty file")
        return None
    return lines[0]


def _readable(path: Path, key: str, problems: list[str], *, secret: bool) -> bool:
    try:
        mode = path.stat().st_mode
        path.open("rb").close()
    except OSError as error:
        problems.append(
            f"{key}: cannot read {path}: {error.strerror}; make it readable for the user that runs edgefuse"
        )
        return False
    if secret and mode & _OTHERS_READ:
        problems.append(f"{key}: every user of this machine can read {path}; run: chmod 600 {path}")
        return False
    return True


def _tls(config: Mqtt, problems: list[str]) -> ssl.SSLContext | None:
    files = [
        ("ca_file", config.ca_file, False),
        ("cert_file", config.cert_file, False),
        ("key_file", config.key_file, True),
    ]
    readable = [_readable(path, f"mqtt.{key}", problems, secret=secret) for key, path, secret in files if path]
    if config.key_file and not config.cert_file:
        problems.append("mqtt.key_file: expected a mqtt.cert_file beside it")
    if problems or not all(readable):
        return None
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
    except (OSError, ValueError) as error:
        problems.append(f"mqtt.ca_file: {config.ca_file} holds no usable certificate (PEM expected): {error}")
        return None
    context.sslsocket_class = _TidySocket
    if config.cert_file:
        try:
            context.load_cert_chain(config.cert_file, config.key_file, password="")
        except (OSError, ValueError) as error:
            problems.append(f"mqtt.cert_file: cannot use {config.cert_file} with key {config.key_file}: {error}")
    return context


class _TidySocket(ssl.SSLSocket):
    """Closes itself when the handshake fails; the MQTT client would leave it open."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as in ssl.SSLSocket
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise
