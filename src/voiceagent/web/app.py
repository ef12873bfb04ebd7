"""Makes the ASGI app of every server: request edge, strict bodies, problems, health, metrics, permissions checked at start."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from voiceagent.kit.errors import Forbidden, Problem
from voiceagent.web.auth import Authenticator, check_permissions
from voiceagent.web.context import context_of
from voiceagent.web.edge import Edge
from voiceagent.web.health import add_health
from voiceagent.web.problems import answer_exception, problem_response
from voiceagent.web.repeats.once import HEADER as IDEMPOTENCY_KEY
from voiceagent.web.repeats.once import Once, Way
from voiceagent.web.strict_json import strict_loads

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class AppOptions:
    """What an operator may change: version shown, origins of browsers (none = CORS off), token of the metrics scraper."""

    version: str = "0.1.0"
    cors_origins: tuple[str, ...] = ()
    scrape_token: str | None = None


_PROBLEM_HANDLERS: dict[Any, Any] = dict.fromkeys(
    (Problem, HTTPException, RequestValidationError, WebSocketRequestValidationError), answer_exception
)


class _StrictRequest(Request):
    async def json(self) -> Any:
        if not hasattr(self, "_strict"):
            self._strict = strict_loads(await self.body())
        return self._strict


class StrictRoute(APIRoute):
    """A route that checks the caller before it reads a byte of the body, and reads JSON strictly."""

    reads_strictly = True

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            for permission in request.app.state.guards.get(request.scope.get("endpoint"), ()):
                await permission(request)
            strict = _StrictRequest(request.scope, request.receive)
            way: Way | None = getattr(request.scope.get("endpoint"), "repeats_way", None)
            once: Once | None = getattr(request.app.state, "once", None)
            if way is None or once is None or IDEMPOTENCY_KEY not in request.headers:
                return await handle(strict)
            return await once.answer(strict, way, handle)

        return guarded


class Router(APIRouter):
    """The APIRouter of this platform: strict routes, no redirects."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("route_class", StrictRoute)
        super().__init__(redirect_slashes=False, **options)


def body_limit(limit_bytes: int) -> Callable[[Endpoint], Endpoint]:
    """Decorate an endpoint (below `@router.post`) whose body may be larger or must be smaller than the default of 1 MiB."""

    def mark(endpoint: Endpoint) -> Endpoint:
        endpoint.body_limit_bytes = limit_bytes  # type: ignore[attr-defined]
        return endpoint

    return mark


def create_app(
    name: str,
    *,
    title: str,
    auth: Authenticator,
    lifespan: Lifespan | None = None,
    options: AppOptions | None = None,
) -> FastAPI:
    """The app of service `name`. Add routes with `Router`s; each declares `require(...)`, or the app refuses to start.

    `app.state.once`: set where endpoints are marked `once(...)`; without it they answer each call anew.
    `app.state.ready`: set to `async () -> dict[str, bool]`, one entry a part that the service needs.
    """
    options = options or AppOptions()
    app = FastAPI(
        title=title,
        version=options.version,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=partial(_checked_lifespan, lifespan),
        middleware=_middleware(name, options),
        generate_unique_id_function=_operation_id,
        exception_handlers=_PROBLEM_HANDLERS,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.router.route_class = StrictRoute
    app.state.name = name
    app.state.authenticate = auth
    app.state.ready = _nothing_needed
    add_health(app, Router(), scrape_token=options.scrape_token)
    return app


@asynccontextmanager
async def _checked_lifespan(inner: Lifespan | None, app: FastAPI) -> AsyncIterator[None]:
    check_permissions(app)
    if inner is None:
        yield
    else:
        async with inner(app):
            yield


class _Cors(CORSMiddleware):
    """Starlette's, which would refuse pages of other origins in plain text."""

    def preflight_response(self, request_headers: Headers) -> Response:
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        conn = HTTPConnection({"type": "http", "path": "", "headers": []})
        refusal = problem_response(
            conn, Forbidden("origin_not_allowed", "Pages of this origin may not call; the operator can allow it.")
        )
        refusal.headers["vary"] = answer.headers["vary"]
        return refusal


def _middleware(name: str, options: AppOptions) -> list[Middleware]:
    layers = [Middleware(Edge, service=name)]
    if options.cors_origins:
        cors = Middleware(
            _Cors,
            allow_origins=list(options.cors_origins),
            allow_credentials=True,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                "authorization",
                "content-type",
                "if-match",
                "last-event-id",
                "x-csrf-token",
                IDEMPOTENCY_KEY,
            ],
            expose_headers=[
                "x-request-id",
                "retry-after",
                "etag",
                "ratelimit",
                "ratelimit-policy",
                "idempotency-replayed",
            ],
            max_age=600,
        )
        layers.append(cors)
    return layers


def _operation_id(route: APIRoute) -> str:
    return route.name


async def _nothing_needed() -> dict[str, bool]:
    return {}


def request_id(request: Request) -> str:
    """The id under which this request is logged and answered."""
    return context_of(request).request_id
