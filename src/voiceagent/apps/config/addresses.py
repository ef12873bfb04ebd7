"""The addresses on which the servers of this machine will listen, and whether they are free."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from voiceagent.apps.settings import Settings
from voiceagent.kit.errors import Misconfigured


def listening(settings: Settings) -> Iterator[tuple[str, str, int]]:
    """Each server with the address and the port that it will take."""
    server = settings.server
    for name in ("gateway", "engine", "voice", "documents", "dashboard"):
        host = server.host if name in ("gateway", "dashboard") else server.internal_host
        yield name, host, getattr(server, f"{name}_port")


def refuse_taken_ports(settings: Settings) -> None:
    """Tell before any model is loaded what could only fail after it. Raises Misconfigured `port_taken`."""
    for name, host, port in listening(settings):
        if not is_free(host, port):
            raise Misconfigured(
                "port_taken",
                f"port {port} on {host} is taken by another program; stop it, or choose another with --set server.{name}_port=...",
                param=f"server.{name}_port",
            )


def is_free(host: str, port: int) -> bool:
    """Whether a server could take it now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError:
            return False
    return True
