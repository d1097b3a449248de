"""Report readiness and liveness to systemd: the sd_notify protocol, one datagram a message."""

from __future__ import annotations

import logging
import os
import socket

READY = "READY=1"
STOPPING = "STOPPING=1"
ALIVE = "WATCHDOG=1"

logger = logging.getLogger("aggregator.systemd")


def notify(message: str) -> None:
    """Send a message to the socket in NOTIFY_SOCKET, if there is one. Never raises."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.connect("\0" + address[1:] if address.startswith("@") else address)
            sender.send(message.encode())
    except (OSError, ValueError) as error:
        logger.warning("systemd cannot be notified at %s: %s", address, error)


def watchdog_seconds() -> float | None:
    """Return the maximum time between two ALIVE messages (`WatchdogSec=`).

    None if systemd does not watch this process.
    """
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        seconds = int(os.environ.get("WATCHDOG_USEC", "")) / 1_000_000
    except ValueError:
        return None
    return seconds if seconds > 0 else None
