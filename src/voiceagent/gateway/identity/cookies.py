"""The cookies of browsers that signed in: the session, which scripts cannot read, and the mark of a device that signed in before."""

from __future__ import annotations

import hashlib

from starlette.requests import HTTPConnection
from starlette.responses import Response

from voiceagent.kit.crypto import same_secret
from voiceagent.kit.errors import Forbidden

SESSION_COOKIE = "va_session"
DEVICE_COOKIE = "va_device"
OIDC_COOKIE = "va_oidc"
CSRF_HEADER = "x-csrf-token"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def csrf_token(session_secret: str) -> str:
    """What a page must send in X-CSRF-Token with every change: derived from the session's secret, so that nothing more is stored."""
    return hashlib.sha256(b"csrf\0" + session_secret.encode()).hexdigest()[:40]


def check_csrf(conn: HTTPConnection, session_secret: str) -> None:
    """Refuse a change, or a socket, that another site's page may have caused. Raises Forbidden `csrf_failed`."""
    if conn.scope["type"] == "websocket":
        # A socket cannot carry the header; only browsers hold cookies, and they always say where the page is from.
        if "origin" not in conn.headers:
            raise Forbidden("csrf_failed", "A socket with a session cookie needs the Origin header.")
        return
    if conn.scope["method"] in _SAFE_METHODS:
        return
    if not same_secret(conn.headers.get(CSRF_HEADER, ""), csrf_token(session_secret)):
        raise Forbidden("csrf_failed", "The X-CSRF-Token header is missing or wrong.")


def set_cookie(conn: HTTPConnection, response: Response, name: str, value: str, *, life_s: int) -> None:
    """Give the browser a cookie that scripts cannot read and that goes to no other site."""
    response.set_cookie(
        name,
        value,
        max_age=life_s,
        path="/" if name == SESSION_COOKIE else "/api/v1/auth",
        secure=_needs_tls(conn),
        httponly=True,
        # The way back from an identity provider is a navigation from another site, which Strict would strip.
        samesite="lax" if name == OIDC_COOKIE else "strict",
    )


def clear_cookie(conn: HTTPConnection, response: Response, name: str) -> None:
    """Take a cookie back."""
    set_cookie(conn, response, name, "", life_s=0)


def _needs_tls(conn: HTTPConnection) -> bool:
    """Everywhere but on this machine itself, where browsers are reached without TLS."""
    return (conn.url.hostname or "") not in _LOOPBACK
