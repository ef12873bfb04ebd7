"""/api/v1/providers and /api/v1/usage over an in-memory transport, with a model server on a real socket behind the provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx2 as httpx
import pytest
from starlette.requests import HTTPConnection
from tests.support.chat_server import WHOLE, ChatServer, chat_server

from voiceagent.adapters.embed.openai import open_embed
from voiceagent.adapters.llm.openai import open_llm
from voiceagent.adapters.llm.scripted import ECHO, ScriptedLlm
from voiceagent.adapters.store.sql import SqlStore, open_store
from voiceagent.adapters.stt.openai import open_stt
from voiceagent.adapters.tts.openai import open_tts
from voiceagent.apps.routing.follow import rules
from voiceagent.apps.settings import Settings
from voiceagent.domain.audit import AuditQuery
from voiceagent.domain.identity import ROLES, Principal, Tenant
from voiceagent.domain.provider import Provider
from voiceagent.engine.reply import EngineParts, EngineService
from voiceagent.engine.routing.ledger import Ledger
from voiceagent.engine.routing.registry import Registry, Rules
from voiceagent.engine.routing.router import Router
from voiceagent.engine.server import create_engine
from voiceagent.kit.calls.outbound import Outbound
from voiceagent.kit.clock import SystemClock

CALLERS = {
    "owner": Principal("ten_default", "usr_owner", ROLES["owner"], "user"),
    "admin": Principal("ten_default", "usr_admin", ROLES["admin"], "user"),
    "viewer": Principal("ten_default", "usr_viewer", ROLES["viewer"], "user"),
    "other": Principal("ten_b", "usr_other", ROLES["owner"], "user"),
}
ALLOWED = Outbound(("127.0.0.1",))
CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello there"}]}


async def authenticate(conn: HTTPConnection) -> Principal | None:
    return CALLERS.get(conn.headers.get("authorization", "").removeprefix("Bearer "))


async def open_model(provider: Provider) -> Any:
    open_part: Any = {"llm": open_llm, "stt": open_stt, "tts": open_tts, "embed": open_embed}[provider.kind]
    return open_part(provider.url, api_key=provider.api_key, outbound=ALLOWED)


@pytest.fixture
async def store() -> AsyncIterator[SqlStore]:
    made = open_store("sqlite://")
    await made.migrate()
    for tenant in ("ten_default", "ten_b"):
        await made.directory.add_tenant(Tenant(tenant, tenant, datetime.now(UTC)))
    yield made
    await made.close()


@pytest.fixture
async def server() -> AsyncIterator[ChatServer]:
    async with chat_server() as made:
        made.says(*WHOLE)
        yield made


@pytest.fixture
async def http(store: SqlStore) -> AsyncIterator[httpx.AsyncClient]:
    router = Router({"built-in": ScriptedLlm([ECHO])}, ledger=Ledger(store, SystemClock()))
    registry = Registry({"llm": router}, store, open_model, Rules(ALLOWED, schemes=rules(Settings()).schemes))
    engine = EngineService(EngineParts(store, router, providers=registry))
    app = create_engine(engine, auth=authenticate)
    transport = httpx.ASGITransport(app=app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        client.headers["authorization"] = "Bearer owner"
        yield client
    await router.close()


def new(server: ChatServer, **others: Any) -> dict[str, Any]:
    return {"name": "mine", "url": f"openai+{server.url}?model=m", "api_key": "sk-secret", **others}


def by(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {name}"}


ROUTES = [
    ("GET", "/api/v1/providers", None),
    ("POST", "/api/v1/providers", {"name": "x", "url": "openai+https://h.example/v1?model=m"}),
    ("PUT", "/api/v1/providers/x", {"url": "openai+https://h.example/v1?model=m"}),
    ("DELETE", "/api/v1/providers/x", None),
    ("POST", "/api/v1/providers/x/test", None),
    ("POST", "/api/v1/providers/x/load", None),
    ("POST", "/api/v1/providers/x/unload", None),
    ("PUT", "/api/v1/usage/budgets/ten_b", {"tokens": 1}),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_only_owners_of_the_organisation_that_runs_the_platform_may(
    http: httpx.AsyncClient, method: str, path: str, body: Any
) -> None:
    codes = {}
    for caller in ("nobody", "viewer", "other", "admin"):
        answer = await http.request(method, path, json=body, headers=by(caller))
        codes[caller] = (answer.status_code, answer.json().get("code"))
    assert codes["nobody"][0] == 401
    assert codes["viewer"] == (403, "missing_scope")
    assert codes["other"] == (403, "operators_only")
    assert codes["admin"] == ((200, None) if method == "GET" else (403, "missing_scope"))


async def test_a_provider_answers_from_the_moment_it_is_added_until_it_is_removed(
    http: httpx.AsyncClient, server: ChatServer, store: SqlStore
) -> None:
    made = await http.post("/api/v1/providers", json=new(server, roles=["summary"], price_in=0.15, price_out=0.6))
    assert made.status_code == 201
    view = made.json()
    assert (view["source"], view["has_key"], view["state"], view["loaded"]) == ("store", True, "closed", True)
    assert view["capabilities"]["streaming"] and not view["capabilities"]["vision"]
    assert "sk-secret" not in made.text
    answer = await http.post("/v1/chat/completions", json=CHAT | {"model": "summary"})
    assert answer.json()["choices"][0]["message"]["content"] == "Hello!"
    assert server.headers["Authorization"] == "Bearer sk-secret"
    tried = (await http.post("/api/v1/providers/mine/test")).json()
    assert tried["well"] and tried["first_token_ms"] > 0
    again = await http.post("/api/v1/providers", json=new(server))
    assert (again.status_code, again.json()["code"]) == (409, "provider_exists")
    assert (await http.delete("/api/v1/providers/mine")).status_code == 204
    gone = await http.post("/v1/chat/completions", json=CHAT | {"model": "summary"})
    assert gone.json()["error"]["code"] == "model_not_found"
    async with store.begin("ten_default", read_only=True) as work:
        records = await work.audit.find(AuditQuery(object_id="mine"), before=None, limit=10)
    assert [one.entry.action for one in records] == ["provider_removed", "provider_added"]
    assert all(one.entry.subject == "usr_owner" and "sk-secret" not in str(one.entry.data) for one in records)


async def test_a_key_stays_with_its_host_and_goes_nowhere_else(http: httpx.AsyncClient, server: ChatServer) -> None:
    await http.post("/api/v1/providers", json=new(server))
    url = f"openai+{server.url}?model=another"
    changed = (await http.put("/api/v1/providers/mine", json={"url": url, "priority": 1})).json()
    assert (changed["has_key"], changed["priority"], changed["capabilities"]["model"]) == (True, 1, "another")
    moved = await http.put("/api/v1/providers/mine", json={"url": "openai+https://elsewhere.example/v1?model=m"})
    assert moved.status_code == 200 and moved.json()["has_key"] is False
    listed = await http.get("/api/v1/providers")
    assert "sk-secret" not in listed.text
    assert [one["name"] for one in listed.json()["providers"]] == ["built-in", "mine"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"url": "https://models.example/v1?model=m"}, 400, "unknown_scheme"),
        ({"url": "openapi+https://models.example/v1?model=m"}, 400, "unknown_scheme"),
        ({"kind": "tts", "roles": [], "url": "azure+https://h.example/v1?model=m"}, 400, "unknown_scheme"),
        ({"url": "openai+https://10.0.0.1/v1?model=m"}, 400, "address_refused"),
        ({"url": "openai+https://169.254.169.254/v1?model=m"}, 400, "address_refused"),
        ({"url": "openai+http://models.example/v1?model=m"}, 400, "address_refused"),
        ({"url": "openai+https://h.example/v1"}, 400, "bad_provider"),
        ({"url": "openai+https://h.example/v1?model=m&key_env=HOME"}, 400, "bad_provider"),
        ({"url": "llamacpp:///etc/x.gguf"}, 400, "bad_provider"),
        ({"name": "a b"}, 400, "bad_provider"),
        ({"name": "built-in"}, 409, "provider_fixed"),
        ({"roles": []}, 400, "bad_provider"),
        ({"kind": "stt", "roles": ["chat"]}, 400, "bad_provider"),
        ({"kind": "tts"}, 400, "bad_provider"),
        ({"kind": "stt", "url": "whisper:///"}, 400, "bad_provider"),
        ({"kind": "stt", "url": "openai+http://169.254.169.254/v1?model=m"}, 400, "address_refused"),
        (
            {"kind": "embed", "url": "openai+https://h.example/v1?model=m&dimensions=4", "tenants": ["t"]},
            400,
            "bad_provider",
        ),
        ({"kind": "video"}, 422, "invalid_request"),
        ({"price_in": -1}, 422, "invalid_request"),
        ({"nmae": "x"}, 422, "invalid_request"),
    ],
)
async def test_a_provider_that_may_not_be_is_refused(
    http: httpx.AsyncClient, server: ChatServer, change: dict[str, Any], status: int, code: str
) -> None:
    answer = await http.post("/api/v1/providers", json=new(server) | change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert [one["name"] for one in (await http.get("/api/v1/providers")).json()["providers"]] == ["built-in"]


async def test_the_schemes_that_there_are_are_told(http: httpx.AsyncClient, server: ChatServer) -> None:
    answer = await http.post("/api/v1/providers", json=new(server) | {"url": "https://models.example/v1?model=m"})
    told = answer.json()["detail"]
    assert "openai+https://" in told and "azure+https://" in told
    assert "llamacpp" not in told and "scripted" not in told, "those of this machine are the operator's"


@pytest.mark.parametrize("kind", ["stt", "tts", "embed"])
async def test_providers_of_other_kinds_are_kept_beside_the_models(
    http: httpx.AsyncClient, server: ChatServer, kind: str
) -> None:
    query = "model=m&voice=v&dimensions=64"
    body = {"name": "other", "kind": kind, "url": f"openai+{server.url}?{query}", "priority": 3}
    body |= {"languages": ["de"]} if kind != "embed" else {}
    made = await http.post("/api/v1/providers", json=body)
    assert made.status_code == 201, made.text
    view = made.json()
    assert (view["kind"], view["roles"], view["state"], view["capabilities"]) == (kind, [], "elsewhere", None)
    listed = (await http.get("/api/v1/providers")).json()["providers"]
    assert [(one["name"], one["kind"]) for one in listed] == [("built-in", "llm"), ("other", kind)]
    assert (await http.post("/v1/chat/completions", json=CHAT | {"model": "other"})).status_code == 404
    assert (await http.post("/api/v1/providers/other/test")).json()["well"] is False, "a chat server hears nothing"
    changed = await http.put("/api/v1/providers/other", json={"url": body["url"], "enabled": False})
    assert (changed.json()["kind"], changed.json()["enabled"]) == (kind, False)
    assert (await http.delete("/api/v1/providers/other")).status_code == 204


async def test_a_provider_that_fails_its_test_says_why(http: httpx.AsyncClient, server: ChatServer) -> None:
    server.refuses(401)
    await http.post("/api/v1/providers", json=new(server))
    assert (await http.post("/api/v1/providers/mine/test")).json() == {
        "well": False,
        "first_token_ms": None,
        "code": "llm_credentials",
    }


async def test_a_model_is_unloaded_and_loaded_again(http: httpx.AsyncClient, server: ChatServer) -> None:
    await http.post("/api/v1/providers", json=new(server))
    assert (await http.post("/api/v1/providers/mine/unload")).json()["loaded"] is False
    assert (await http.post("/v1/chat/completions", json=CHAT | {"model": "mine"})).status_code == 200
    assert (await http.post("/api/v1/providers/mine/load")).json()["loaded"] is True
    refused = await http.post("/api/v1/providers/built-in/unload")
    assert (refused.status_code, refused.json()["code"]) == (409, "provider_busy")


async def test_usage_is_told_and_a_budget_holds(http: httpx.AsyncClient, server: ChatServer) -> None:
    await http.post("/api/v1/providers", json=new(server, price_in=1000.0))
    assert (await http.post("/v1/chat/completions", json=CHAT | {"model": "mine"})).status_code == 200
    usage = (await http.get("/api/v1/usage")).json()
    assert (usage["tokens"], usage["cost"], usage["spent"]) == (10, 0.007, False)
    assert [(row["provider"], row["calls"]) for row in usage["rows"]] == [("mine", 1)]
    assert (await http.get("/api/v1/usage", headers=by("other"))).json()["rows"] == []
    assert (await http.get("/api/v1/usage?since=soon")).json()["code"] == "bad_day"
    assert (await http.put("/api/v1/usage/budgets/ten_x", json={})).json()["code"] == "tenant_not_found"
    assert (await http.put("/api/v1/usage/budgets/ten_default", json={"tokens": 10})).status_code == 200
    spent = await http.post("/v1/chat/completions", json=CHAT | {"model": "mine"})
    assert (spent.status_code, spent.json()["error"]["code"]) == (429, "budget_spent")
    assert (await http.get("/api/v1/usage")).json()["spent"] is True
    other = await http.post("/v1/chat/completions", json=CHAT | {"model": "mine"}, headers=by("other"))
    assert other.status_code == 200
