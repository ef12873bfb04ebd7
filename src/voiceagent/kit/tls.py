"""TLS contexts that follow their files: a changed certificate is taken up by the next connection. Versions, ciphers, who is trusted. No sockets."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from voiceagent.kit.errors import Misconfigured

LOOK_EVERY_S = 1.0
_AEAD_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""What TLS 1.2 may use: forward secrecy and authenticated encryption. TLS 1.3 has nothing else."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files; empty for none. certificate with its chain.  ca: who is trusted.  crl: certificates of `ca` that are no longer."""

    certificate: str = ""
    key: str = ""
    ca: str = ""
    crl: str = ""

    def stamp(self) -> tuple[object, ...]:
        """Changes when a file does. Raises OSError."""
        seen = [Path(name).stat() for name in (self.certificate, self.key, self.ca, self.crl) if name]
        return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in seen)


def server_context(files: TlsFiles, *, minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> ssl.SSLContext:
    """For servers. With `ca`, a client shows a certificate of it or gets no connection. Raises Misconfigured `certificate_unreadable`."""

    def made() -> ssl.SSLContext:
        context = _bounded(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), minimum)
        if files.ca:
            _trust(context, files)
            context.verify_mode = ssl.CERT_REQUIRED
        # a resumed session would skip the look at the client's certificate, and outlive a change of ours
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        return _presenting(context, files)

    return FreshContext(ssl.PROTOCOL_TLS_SERVER, made, files)


def client_context(files: TlsFiles, *, server_name: str = "") -> ssl.SSLContext:
    """For clients: servers are verified, by `ca` or else by the system's authorities; `certificate` is shown to those that ask.

    server_name: looked for in the server's certificate instead of the host that was called. Raises Misconfigured `certificate_unreadable`.
    """

    def made() -> ssl.SSLContext:
        context = _bounded(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.TLSVersion.TLSv1_2)
        if files.ca:
            _trust(context, files)
        else:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return _presenting(context, files)

    return FreshContext(ssl.PROTOCOL_TLS_CLIENT, made, files, server_name)


class FreshContext(ssl.SSLContext):
    """Stands for the context that its files make now. What is set on it itself has no effect: connections are made by the one it stands for."""

    def __new__(cls, protocol: int, *_: object) -> FreshContext:
        return super().__new__(cls, protocol)

    def __init__(
        self, _protocol: int, make: Callable[[], ssl.SSLContext], files: TlsFiles, server_name: str = ""
    ) -> None:
        self._make = make
        self._files = files
        self._server_name = server_name
        self._looked_s = time.monotonic()
        try:
            self._stamp = files.stamp()
            self._current = make()
        except (OSError, ValueError) as failure:  # ssl.SSLError is an OSError
            raise Misconfigured("certificate_unreadable", _told(files, failure), param="tls") from failure

    def current(self) -> ssl.SSLContext:
        """The context by the files as they were at most a second ago. Files that do not fit together, yet, are not taken."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= LOOK_EVERY_S:
            self._looked_s = now_s
            self._look()
        return self._current

    def _look(self) -> None:
        try:
            stamp = self._files.stamp()
            if stamp == self._stamp:
                return
            self._current = self._make()
        except (OSError, ValueError) as failure:
            _log.warning("certificate_not_taken", error=type(failure).__name__)
            return
        self._stamp = stamp
        _log.info("certificate_changed")

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **options: Any) -> ssl.SSLObject:
        return self.current().wrap_bio(incoming, outgoing, *args, **self._named(options))

    def wrap_socket(self, sock: Any, *args: Any, **options: Any) -> ssl.SSLSocket:
        return self.current().wrap_socket(sock, *args, **self._named(options))

    def _named(self, options: dict[str, Any]) -> dict[str, Any]:
        return options | {"server_hostname": self._server_name} if self._server_name else options


def _bounded(context: ssl.SSLContext, minimum: ssl.TLSVersion) -> ssl.SSLContext:
    context.minimum_version = minimum
    context.set_ciphers(_AEAD_1_2)
    return context


def _presenting(context: ssl.SSLContext, files: TlsFiles) -> ssl.SSLContext:
    if files.certificate:
        # a key with a pass phrase would ask for it at the terminal, and wait
        context.load_cert_chain(files.certificate, files.key or None, password=lambda: b"")
    return context


def _trust(context: ssl.SSLContext, files: TlsFiles) -> None:
    context.load_verify_locations(cafile=files.ca)
    if files.crl:
        context.load_verify_locations(cafile=files.crl)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF


def _told(files: TlsFiles, failure: Exception) -> str:
    names = ", ".join(name for name in (files.certificate, files.key, files.ca, files.crl) if name)
    reason = failure.reason if isinstance(failure, ssl.SSLError) else getattr(failure, "strerror", None)
    return f"the certificate or its key cannot be used ({names}): {reason or type(failure).__name__}"
