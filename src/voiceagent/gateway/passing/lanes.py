"""Sends calls that a service answers straight to their proxy; all others go through the framework's routes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from voiceagent.kit.errors import Problem
from voiceagent.web.context import scope_context
from voiceagent.web.problems import answer_exception

_REST = "{rest:path}"


@dataclass(frozen=True, slots=True)
class _Lane:
    """The route of a path, and of everything below it, for each method."""

    exact: dict[str, Route]
    below: dict[str, Route]


class Lanes:
    """Middleware. The framework compares a path with every route one by one, which costs more than all checks of the call; this looks once.

    routes: of the app below, where each path has a sibling with `/{rest:path}`. Who may call is checked by their endpoints, as ever.
    own: paths that the app below answers itself, and that come before those routes.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[Route], own: Iterable[str] = ()) -> None:
        self._app = app
        self._lanes: dict[str, _Lane] = {}
        for route in routes:
            whole_tree = route.path.endswith("/" + _REST)
            lane = self._lanes.setdefault(route.path.removesuffix("/" + _REST), _Lane({}, {}))
            for method in route.methods or ():
                (lane.below if whole_tree else lane.exact)[method] = route
        longest_first = sorted(self._lanes, key=len, reverse=True)
        below = tuple(f"{path}/" for path in self._lanes)
        kept = [path.partition("{")[0] for path in own]
        never = [path for path in kept if path in self._lanes or path.startswith(below)]
        taken = "|".join(map(re.escape, longest_first))
        self._paths = re.compile((f"(?!{'|'.join(map(re.escape, never))})" if never else "") + f"({taken})(/.*)?")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._route(scope) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["endpoint"] = route.endpoint
        scope["route"] = route
        try:
            await route.app(scope, receive, send)
        except Problem as problem:
            if scope_context(scope).response_started:
                raise
            conn = HTTPConnection(scope)
            response = await answer_exception(conn, problem)
            if response is not None:
                await response(scope, receive, send)

    def _route(self, scope: Scope) -> Route | None:
        found = self._paths.fullmatch(scope["path"])
        if found is None:
            return None
        path, rest = found.groups()
        lane = self._lanes[path]
        return (lane.exact if rest is None else lane.below).get(scope["method"])
