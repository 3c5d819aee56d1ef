"""Tells systemd how we are (sd_notify(3)); does nothing elsewhere."""

import os
import socket


def notify(state: str) -> None:
    """Send `READY=1`, `STATUS=...`, `WATCHDOG=1`, `STOPPING=1` ... to the service manager, if there is one."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    target = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.connect(target)
        sock.sendall(state.encode())


def watchdog_s() -> float | None:
    """Seconds within which systemd wants a WATCHDOG=1, or None."""
    usec = os.environ.get("WATCHDOG_USEC")
    pid = os.environ.get("WATCHDOG_PID")
    if usec is None or not usec.isdigit() or (pid is not None and pid != str(os.getpid())):
        return None
    return int(usec) / 1e6
