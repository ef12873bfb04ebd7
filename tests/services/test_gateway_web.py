"""The plumbing of every server: credentials first, problems in the right shape, strict bodies, limits, health."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx2 as httpx
import pytest
from fastapi import Depends, FastAPI, WebSocket
from pydantic import BaseModel
from starlette.requests import HTTPConnection
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from voiceagent.domain.identity import ROLES, Principal
from voiceagent.kit.errors import Conflict, Misconfigured, RateLimited, Unauthenticated
from voiceagent.web.app import AppOptions, Router, body_limit, create_app
from voiceagent.web.auth import require

OWNER = Principal("ten_a", "usr_owner", ROLES["owner"], "user")
VIEWER = Principal("ten_a", "usr_viewer", ROLES["viewer"], "user")
CALLERS = {"Bearer owner": OWNER, "Bearer viewer": VIEWER}


async def authenticate(conn: HTTPConnection) -> Principal | None:
    offered = conn.headers.get("authorization")
    if offered is None:
        return None
    if offered not in CALLERS:
        raise Unauthenticated("bad_token", "The access token is not valid.")
    return CALLERS[offered]


class Note(BaseModel):
    text: str
    size: int = 0


def made_app(options: AppOptions | None = None) -> FastAPI:
    app = create_app("engine", title="Test", auth=authenticate, options=options)
    router = Router(prefix="/api/v1")

    @router.post("/notes")
    async def add_note(note: Note, caller: Annotated[Principal, Depends(require("agents:write"))]) -> dict[str, Any]:
        return {"text": note.text, "by": caller.subject}

    @router.post("/large")
    @body_limit(3_000_000)
    async def large(body: dict[str, Any], _: Annotated[Principal, Depends(require())]) -> dict[str, int]:
        return {"keys": len(body)}

    @router.get("/conflict/{thing_id}")
    async def conflict(thing_id: str, _: Annotated[Principal, Depends(require("talk"))]) -> None:
        raise Conflict("thing_busy", "The thing is busy.", param="thing_id")

    @router.get("/limited")
    async def limited(_: Annotated[Principal, Depends(require("talk"))]) -> None:
        raise RateLimited("rate_limited", "Too fast.", retry_after_s=2.2)

    @router.get("/crash")
    async def crash(_: Annotated[Principal, Depends(require("talk"))]) -> None:
        raise ZeroDivisionError("a secret of the inside")

    data_plane = Router(prefix="/v1")

    @data_plane.get("/crash")
    async def crash_openai(_: Annotated[Principal, Depends(require("talk"))]) -> None:
        raise ZeroDivisionError("a secret of the inside")

    @data_plane.post("/notes")
    async def add_note_openai(note: Note, _: Annotated[Principal, Depends(require("talk"))]) -> None:
        raise Conflict("thing_busy", "The thing is busy.", param="text")

    @data_plane.websocket("/socket")
    async def socket(websocket: WebSocket, caller: Annotated[Principal, Depends(require("agents:write"))]) -> None:
        await websocket.accept(subprotocol="realtime")
        await websocket.send_text(caller.subject)
        await websocket.receive_text()
        raise Conflict("thing_busy", "The thing is busy.")

    app.include_router(router)
    app.include_router(data_plane)
    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=made_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


OWNER_HEADERS = {"authorization": "Bearer owner"}


async def test_a_call_without_credentials_is_refused_before_its_body_is_read(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/notes", content=b"{ not json", headers={"content-type": "application/json"})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"
    body = answer.json()
    assert body["code"] == "missing_credentials"
    assert body["type"] == "/problems/missing_credentials"
    assert body["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("credentials", "status", "code"), [("Bearer forged", 401, "bad_token"), ("Bearer viewer", 403, "missing_scope")]
)
async def test_wrong_credentials_and_missing_scopes_are_refused(
    client: httpx.AsyncClient, credentials: str, status: int, code: str
) -> None:
    answer = await client.post("/api/v1/notes", json={"text": "x"}, headers={"authorization": credentials})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_caller_with_the_scope_gets_through_with_security_headers(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/notes", json={"text": "x"}, headers=OWNER_HEADERS)
    assert (answer.status_code, answer.json()) == (200, {"text": "x", "by": "usr_owner"})
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"].startswith("req_")
    assert "access-control-allow-origin" not in answer.headers


async def test_a_request_id_of_a_stranger_is_not_adopted(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health/live", headers={"x-request-id": "req_chosen_by_caller"})
    assert answer.headers["x-request-id"] != "req_chosen_by_caller"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"text": "a", "text": "b"}', "json_duplicate_key"),
        (b'{"text": "a", "size": NaN}', "bad_json"),
        (b'{"text": "a", "size": 1e999}', "bad_json"),
        (b'{"text": "a"', "bad_json"),
        (b"\xff\xfe", "bad_json"),
        (b'{"text": "\\ud800"}', "bad_json"),
        (b'{"text": ' + b"[" * 40 + b"]" * 40 + b"}", "json_too_deep"),
        (b'{"text": ' + b"[" * 100_000, "json_too_deep"),
        (b"{" + b",".join(b'"k%d":1' % n for n in range(10_001)) + b"}", "json_too_many_keys"),
        (b'{"text": "a", "size": ' + b"9" * 5000 + b"}", "bad_json"),
    ],
)
async def test_sloppy_json_is_refused(client: httpx.AsyncClient, raw: bytes, code: str) -> None:
    headers = OWNER_HEADERS | {"content-type": "application/json"}
    answer = await client.post("/api/v1/notes", content=raw, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_validation_names_the_field_and_echoes_no_input(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/notes", json={"text": "x", "size": "four-secret"}, headers=OWNER_HEADERS)
    assert answer.status_code == 422
    assert answer.json()["param"] == "size"
    assert "four-secret" not in answer.text


async def test_bodies_are_limited_per_route_announced_or_streamed(client: httpx.AsyncClient) -> None:
    big = b'{"text": "' + b"x" * 1_100_000 + b'"}'

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(big), 65_536):
            yield big[start : start + 65_536]

    headers = OWNER_HEADERS | {"content-type": "application/json"}
    announced = await client.post("/api/v1/notes", content=big, headers=headers)
    streamed = await client.post("/api/v1/notes", content=chunks(), headers=headers)
    allowed = await client.post("/api/v1/large", content=big, headers=headers)
    assert (announced.status_code, announced.json()["code"]) == (413, "body_too_large")
    assert (streamed.status_code, streamed.json()["code"]) == (413, "body_too_large")
    assert allowed.status_code == 200


async def test_problems_have_the_shape_of_their_plane(client: httpx.AsyncClient) -> None:
    management = await client.get("/api/v1/conflict/7", headers=OWNER_HEADERS)
    assert management.status_code == 409
    assert management.json() | {"request_id": ""} == {
        "type": "/problems/thing_busy",
        "title": "Thing busy",
        "status": 409,
        "code": "thing_busy",
        "detail": "The thing is busy.",
        "param": "thing_id",
        "request_id": "",
    }
    data = await client.post("/v1/notes", json={"text": "x"}, headers=OWNER_HEADERS)
    error = {"message": "The thing is busy.", "type": "invalid_request_error", "param": "text", "code": "thing_busy"}
    assert (data.status_code, data.json()) == (409, {"error": error})
    invalid = await client.post("/v1/notes", json={}, headers=OWNER_HEADERS)
    assert (invalid.status_code, invalid.json()["error"]["param"]) == (400, "text")


async def test_a_limit_says_when_to_come_back(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/limited", headers=OWNER_HEADERS)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")


@pytest.mark.parametrize("path", ["/api/v1/crash", "/v1/crash"])
async def test_an_unexpected_error_tells_nothing_of_the_inside(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers=OWNER_HEADERS)
    assert answer.status_code == 500
    assert "secret of the inside" not in answer.text and "ZeroDivision" not in answer.text
    assert '"internal"' in answer.text


async def test_unknown_addresses_and_methods_are_problems(client: httpx.AsyncClient) -> None:
    nothing = await client.get("/api/v1/nothing")
    assert (nothing.status_code, nothing.json()["code"]) == (404, "route_not_found")
    method = await client.delete("/api/v1/notes")
    assert (method.status_code, method.json()["code"], method.headers["allow"]) == (405, "method_not_allowed", "POST")
    docs = await client.get("/docs")
    assert docs.status_code == 404


async def test_health_is_open_and_its_details_are_not() -> None:
    app = made_app(AppOptions(scrape_token="scrape-me-please"))

    async def ready() -> dict[str, bool]:
        return {"store": True, "llm": False}

    app.state.ready = ready
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        assert (await client.get("/health/live")).json() == {"status": "ok"}
        stranger = await client.get("/health/ready")
        assert (stranger.status_code, stranger.json()) == (503, {"status": "unavailable"})
        insider = await client.get("/health/ready", headers=OWNER_HEADERS)
        assert insider.json()["parts"] == {"store": True, "llm": False}
        assert (await client.get("/metrics")).status_code == 401
        assert (await client.get("/metrics", headers={"authorization": "Bearer viewer"})).status_code == 403
        assert (await client.get("/api/v1/openapi.json")).status_code == 401
        metrics = await client.get("/metrics", headers={"authorization": "Bearer scrape-me-please"})
        assert 'route="/health/live"' in metrics.text
        operations = (await client.get("/api/v1/openapi.json", headers=OWNER_HEADERS)).json()["paths"]
        assert operations["/api/v1/notes"]["post"]["operationId"] == "add_note"


def test_a_socket_is_refused_before_the_upgrade_and_closed_with_a_code_after_it() -> None:
    with TestClient(made_app()) as client:
        for headers, status in (
            ({}, 401),
            ({"authorization": "Bearer x"}, 401),
            ({"authorization": "Bearer viewer"}, 403),
        ):
            with (
                pytest.raises(WebSocketDenialResponse) as refused,
                client.websocket_connect("/v1/socket", headers=headers),
            ):
                pass
            assert refused.value.status_code == status
        with client.websocket_connect("/v1/socket", headers=OWNER_HEADERS) as socket:
            assert socket.receive_text() == "usr_owner"
            socket.send_text("go on")
            with pytest.raises(WebSocketDisconnect) as closed:
                socket.receive_text()
            assert (closed.value.code, closed.value.reason) == (1011, "thing_busy")


def test_an_app_with_an_undeclared_route_does_not_start() -> None:
    app = create_app("engine", title="Test", auth=authenticate)

    @app.get("/api/v1/hole")
    async def hole() -> None: ...

    with pytest.raises(Misconfigured) as refused, TestClient(app):
        pass
    assert refused.value.code == "route_without_permission"
