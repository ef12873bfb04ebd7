"""Who is really calling, and under which name: Host and the headers of proxies in front. Believes nobody whom the operator does not name."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from voiceagent.kit.errors import InvalidInput, Misconfigured
from voiceagent.web.problems import problem_response

_ANY_HOST = ("/health/", "/metrics")
"""Asked by machines that know an address alone."""


@dataclass(frozen=True, slots=True)
class Doors:
    """hosts: names under which the gateway is called, `*.name` for all below one; none for any name.

    proxies: addresses and networks of those in front, whose X-Forwarded-For and X-Forwarded-Proto hold. Raises Misconfigured `bad_proxy`.
    """

    hosts: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for one in self.proxies:
            try:
                ipaddress.ip_network(one, strict=True)
            except ValueError as error:
                raise Misconfigured("bad_proxy", "a proxy is an address or a network, like 10.0.0.0/8") from error


class Entrance:
    """Middleware. Two Host headers, or one that is not on the list, are refused before anything else looks at them."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str] = ()) -> None:
        self._app = app
        listed = [host.lower() for host in hosts]
        self._names = frozenset(host for host in listed if not host.startswith("*."))
        self._below = tuple(host[1:] for host in listed if host.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not self._takes(scope):
            problem = InvalidInput("host_not_allowed", "This server is not called by that name.")
            await problem_response(HTTPConnection(scope), problem)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _takes(self, scope: Scope) -> bool:
        said = [value for name, value in scope["headers"] if name == b"host"]
        if len(said) > 1:
            return False
        if not (self._names or self._below) or scope["path"].startswith(_ANY_HOST):
            return True
        name = _name_in(said[0].decode("latin-1")) if said else ""
        return name in self._names or name.endswith(self._below)


def behind(app: ASGIApp, proxies: Sequence[str]) -> ASGIApp:
    """The app as those proxies' callers reach it: with the address and scheme of the caller, the nearest address that is no proxy."""
    return ProxyHeadersMiddleware(app, list(proxies))  # type: ignore[arg-type, return-value] # uvicorn's names for the same types


def _name_in(host: str) -> str:
    """A Host header without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].rstrip(".").lower()
