"""The one place where errors become answers: RFC 9457 problem+json, or OpenAI's error body under /v1. Never a stack, never an input echoed."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from voiceagent.kit.errors import InvalidInput, Problem, Unauthenticated
from voiceagent.web.context import context_of

_log = structlog.get_logger(__name__)

HTTP_CODES = {
    400: ("bad_request", "The request cannot be understood."),
    404: ("route_not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take this method."),
    406: ("not_acceptable", "No representation fits what the caller accepts."),
    413: ("body_too_large", "The body is larger than this route takes."),
    415: ("unsupported_media_type", "This route does not take this media type."),
}
_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
CODE_HEADER = "x-voiceagent-code"
"""The code of a refused upgrade: most clients of sockets do not give its body out."""

_CLOSE_CODES = {400: 1008, 401: 4401, 403: 4403, 404: 4404, 413: 1009, 429: 1013, 503: 1013, 504: 1013}


class HttpProblem(Problem):
    """A status that the router decided (no route, wrong method)."""

    def __init__(self, status: int, code: str, message: str, *, param: str | None = None) -> None:
        super().__init__(code, message, param=param)
        self.status = status


def problem_of(error: Exception) -> Problem:
    """The problem that `error` stands for; anything unknown is 500 `internal` without a word about the inside."""
    if isinstance(error, Problem):
        return error
    if isinstance(error.__cause__, Problem) and isinstance(error, HTTPException):
        return error.__cause__  # the framework wraps what is raised while it reads a body
    if isinstance(error, HTTPException):
        code, message = HTTP_CODES.get(error.status_code, ("http_error", "The request was refused."))
        return HttpProblem(error.status_code, code, message)
    if isinstance(error, (RequestValidationError, WebSocketRequestValidationError)):
        return _validation_problem(error.errors())
    return HttpProblem(500, "internal", "Something went wrong inside; quote the request id when you report it.")


def _validation_problem(errors: Any) -> Problem:
    first = errors[0] if errors else {"loc": (), "msg": "the request is not valid"}
    places = [str(part) for part in first["loc"]]
    param = ".".join(places[1:] if len(places) > 1 else places)
    if first.get("type") == "json_invalid":
        return InvalidInput("bad_json", "The body is not valid JSON.")
    if places == ["body"] and first.get("type") in (
        "missing",
        "model_attributes_type",
    ):  # also where the head names another type
        return HttpProblem(
            422, "invalid_request", "The body is one JSON object, sent as application/json.", param="body"
        )
    return HttpProblem(422, "invalid_request", str(first["msg"]), param=param or None)


def problem_response(conn: HTTPConnection, problem: Problem) -> Response:
    """The answer in the shape that belongs to the path of `conn`. Works for a WebSocket that is not yet upgraded, too."""
    request_id = context_of(conn).request_id
    path = conn.scope.get("path", "")
    if path == "/v1" or path.startswith("/v1/"):
        status, media_type, body = _openai_body(problem)
    else:
        status, media_type, body = problem.status, "application/problem+json", _rfc9457_body(problem, request_id)
    headers = {"cache-control": "no-store"}
    if problem.retry_after_s is not None or status == 429:
        headers["retry-after"] = str(max(1, math.ceil(problem.retry_after_s or 1.0)))
    if conn.scope["type"] == "websocket":
        headers[CODE_HEADER] = problem.code
    if isinstance(problem, Unauthenticated):
        headers["www-authenticate"] = "Bearer"
    return Response(json.dumps(body, ensure_ascii=False), status, headers, media_type)


def _rfc9457_body(problem: Problem, request_id: str) -> dict[str, object]:
    return {
        "type": f"/problems/{problem.code}",
        "title": problem.code.replace("_", " ").capitalize(),
        "status": problem.status,
        "code": problem.code,
        "detail": problem.message,
        "param": problem.param,
        "request_id": request_id,
    }


def _openai_body(problem: Problem) -> tuple[int, str, dict[str, object]]:
    status = 400 if problem.status == 422 else problem.status
    kind = "server_error" if status >= 500 else _OPENAI_TYPES.get(status, "invalid_request_error")
    error = {"message": problem.message, "type": kind, "param": problem.param, "code": problem.code}
    return status, "application/json", {"error": error}


def close_code(problem: Problem) -> int:
    """The WebSocket close code for a problem after the upgrade: 44xx for access, 1013 for try again, 1011 for the rest."""
    return _CLOSE_CODES.get(problem.status, 1011)


async def answer_exception(conn: HTTPConnection, error: Exception) -> Response | None:
    """Exception handler of every app: a response, or the close of a socket that is already open."""
    problem = problem_of(error)
    if problem.status >= 500:
        _log.warning("request_failed", code=problem.code, status=problem.status, error=type(error).__name__)
    if not context_of(conn).accepted:
        response = problem_response(conn, problem)
        if isinstance(error, HTTPException) and error.status_code == 405 and error.headers:
            response.headers.update(error.headers)
        return response
    if isinstance(conn, WebSocket):
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # it may be closing already
            await conn.close(close_code(problem), problem.code)
    return None
