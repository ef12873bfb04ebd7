"""Which headers and paths may pass the gateway. Everything that only the gateway may say is dropped when it comes from outside."""

from __future__ import annotations

import re
from collections.abc import Iterable

from multidict import CIMultiDict

from voiceagent.kit.errors import InvalidInput

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"}
    | {"trailers", "transfer-encoding", "upgrade"}
)
_OURS = ("x-voiceagent-", "x-forwarded-", "x-user-")
_NOT_IN = HOP_BY_HOP | {
    "host",
    "authorization",
    "cookie",
    "forwarded",
    "x-real-ip",
    "x-request-id",
    "expect",
    "content-length",
}
_NOT_OUT = HOP_BY_HOP | {"server", "date", "set-cookie", "x-request-id"}
_SAFE_PATH = re.compile(rb"(?:/[A-Za-z0-9\-._~!$&'()*+,;=:@%]+)+/?")
_TRAPS = re.compile(rb"%(?:2[ef5]|5c|00|0[1-9a-f]|1[0-9a-f]|7f)|/\.{1,2}(?:/|$)", re.IGNORECASE)

RawHeaders = Iterable[tuple[bytes, bytes]]


def request_headers(raw: RawHeaders) -> CIMultiDict[str]:
    """What a service gets to see of the caller's headers."""
    named = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw]
    dropped = _NOT_IN | _named_by_connection(named)
    return CIMultiDict(
        (name, value)
        for name, value in named
        if name not in dropped
        and not name.startswith(_OURS)
        and not name.startswith("sec-websocket-")
        and "_" not in name
    )


def response_headers(raw: RawHeaders) -> list[tuple[bytes, bytes]]:
    """What the caller gets to see of the service's headers."""
    lowered = [(name.lower(), value) for name, value in raw]
    dropped = _NOT_OUT | _named_by_connection(
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in lowered]
    )
    return [
        (name, value)
        for name, value in lowered
        if (text := name.decode("latin-1")) not in dropped and not text.startswith(_OURS)
    ]


def _named_by_connection(named: Iterable[tuple[str, str]]) -> frozenset[str]:
    return frozenset(
        token.strip().lower()
        for name, value in named
        if name == "connection"
        for token in value.split(",")
        if token.strip()
    )


def check_path(raw_path: bytes) -> str:
    """The path as it goes on. Raises InvalidInput `bad_path` for spellings that two servers may read differently."""
    if not _SAFE_PATH.fullmatch(raw_path) or _TRAPS.search(raw_path):
        raise InvalidInput("bad_path", "The path is spelled in a way that this server does not take.")
    return raw_path.decode("ascii")


def content_length(raw: RawHeaders) -> int | None:
    """The announced length of the body in bytes, None when it is chunked or there is none. Raises InvalidInput `bad_length`."""
    lengths = [value for name, value in raw if name == b"content-length"]
    chunked = any(name == b"transfer-encoding" for name, _ in raw)
    if len(lengths) > 1 or (lengths and chunked) or any(not value.isdigit() or len(value) > 15 for value in lengths):
        raise InvalidInput("bad_length", "The length of the body is not clear.")
    return int(lengths[0]) if lengths else None
