"""Which headers and paths may pass the gateway. Everything that only the gateway may say is dropped when it comes from outside."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

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

_NOTHING: frozenset[str] = frozenset()

RawHeaders = Iterable[tuple[bytes, bytes]]


def request_headers(raw: RawHeaders) -> CIMultiDict[str]:
    """What a service gets to see of the caller's headers."""
    raw = list(raw)
    inner = _named_by_connection(raw)
    passed: CIMultiDict[str] = CIMultiDict()
    for name, value in raw:
        kept = _kept_in(name)
        if kept is not None and kept not in inner:
            passed.add(kept, value.decode("latin-1"))
    return passed


def response_headers(raw: RawHeaders) -> list[tuple[bytes, bytes]]:
    """What the caller gets to see of the service's headers."""
    raw = list(raw)
    inner = _named_by_connection(raw)
    passed = [(kept, value) for name, value in raw if (kept := _kept_out(name)) is not None]
    return [one for one in passed if one[0].decode("latin-1") not in inner] if inner else passed


@lru_cache(maxsize=1024)
def _kept_in(raw_name: bytes) -> str | None:
    """The name under which a caller's header goes on, None when it does not."""
    name = raw_name.decode("latin-1").lower()
    ours = name.startswith(_OURS) or name.startswith("sec-websocket-") or "_" in name
    return None if ours or name in _NOT_IN else name


@lru_cache(maxsize=1024)
def _kept_out(raw_name: bytes) -> bytes | None:
    """The name under which a service's header goes out, None when it does not."""
    name = raw_name.decode("latin-1").lower()
    return None if name.startswith(_OURS) or name in _NOT_OUT else raw_name.lower()


_SEALED = frozenset(
    ("content-type", "content-encoding", "content-security-policy", "x-content-type-options", "x-frame-options")
) | {
    "referrer-policy",
    "cross-origin-resource-policy",
    "strict-transport-security",
    "cache-control",
    "www-authenticate",
}


def passes(name: str) -> bool:
    """Whether a header is one that others than the gateway may set: it passes both ways, and nobody's safety hangs on it."""
    raw_name = name.encode()
    foreign = _kept_in(raw_name) is not None and _kept_out(raw_name) is not None
    return foreign and name not in _SEALED and not name.startswith(("access-control-", "ratelimit", "idempotency-"))


def _named_by_connection(raw: RawHeaders) -> frozenset[str]:
    """What belongs to this connection alone, because its Connection header says so."""
    values = [value for name, value in raw if len(name) == 10 and name.lower() == b"connection"]
    tokens = (token.strip().lower() for value in values for token in value.decode("latin-1").split(","))
    return frozenset(token for token in tokens if token) if values else _NOTHING


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
