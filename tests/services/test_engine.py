"""The engine's server over an in-memory transport with a scripted model: every route happy, refused, invalid, of another tenant."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx2 as httpx
import pytest
from starlette.requests import HTTPConnection
from tests.support.engine_parts import EngineKit, engine_kit
from tests.support.tool_parts import NotedTools

from voiceagent.adapters.cache.memory import open_cache
from voiceagent.adapters.embed.hashed import open_embed
from voiceagent.adapters.llm.scripted import ScriptedAnswer
from voiceagent.adapters.tts.openai import open_tts as openai_tts
from voiceagent.adapters.tts.scripted import open_tts as scripted_tts
from voiceagent.domain.conversation import ToolCall
from voiceagent.domain.document import Collection
from voiceagent.domain.identity import ROLES, Principal
from voiceagent.domain.provider import Asker
from voiceagent.engine.reply import EngineService
from voiceagent.engine.server import create_engine
from voiceagent.engine.tools.rounds import ToolParts
from voiceagent.kit.errors import Unauthenticated
from voiceagent.ports.services_wire import REPLY_REQUEST

CALLERS = {
    "owner": Principal("ten_a", "usr_owner", ROLES["owner"], "user"),
    "viewer": Principal("ten_a", "usr_viewer", ROLES["viewer"], "user"),
    "other": Principal("ten_b", "usr_other", ROLES["owner"], "user"),
}


async def authenticate(conn: HTTPConnection) -> Principal | None:
    offered = conn.headers.get("authorization", "").removeprefix("Bearer ")
    if not offered:
        return None
    if offered not in CALLERS:
        raise Unauthenticated("bad_token", "The access token is not valid.")
    return CALLERS[offered]


@pytest.fixture
async def kit() -> AsyncIterator[EngineKit]:
    async with engine_kit(tenants=("ten_a", "ten_b")) as made:
        yield made


@pytest.fixture
async def http(kit: EngineKit) -> AsyncIterator[httpx.AsyncClient]:
    app = create_engine(kit.service, auth=authenticate, embedder=open_embed("hashed:///"))
    transport = httpx.ASGITransport(app=app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        client.headers["authorization"] = "Bearer owner"
        yield client


def as_caller(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {name}"}


CHAT: dict[str, Any] = {"model": "chat", "messages": [{"role": "user", "content": "Hello there"}]}

ROUTES = [
    ("POST", "/v1/chat/completions", CHAT),
    ("GET", "/v1/models", None),
    ("GET", "/v1/models/chat", None),
    ("POST", "/v1/embeddings", {"input": "x", "model": "hashed"}),
    ("GET", "/api/v1/conversations", None),
    ("GET", "/api/v1/conversations/conv_x", None),
    ("GET", "/api/v1/conversations/conv_x/turns", None),
    ("DELETE", "/api/v1/conversations/conv_x", None),
    ("GET", "/api/v1/agents", None),
    ("POST", "/api/v1/agents", {"name": "Mia"}),
    ("GET", "/api/v1/agents/default", None),
    ("GET", "/api/v1/agents/tools", None),
    ("PUT", "/api/v1/agents/default", {"name": "Mia"}),
    ("DELETE", "/api/v1/agents/default", None),
    ("POST", "/internal/engine/open_conversation", {"agent_id": "", "conversation_id": None, "channel": "text"}),
    ("POST", "/internal/engine/prepare", {}),
    ("POST", "/internal/engine/reply", {}),
    ("POST", "/internal/engine/record", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_every_route_refuses_a_caller_without_credentials(
    http: httpx.AsyncClient, method: str, path: str, body: Any
) -> None:
    del http.headers["authorization"]
    answer = await http.request(method, path, json=body)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        route
        for route in ROUTES
        if route[1].startswith("/api/v1/conv") or (route[1].startswith("/api") and route[0] != "GET")
    ],
)
async def test_a_viewer_may_not_read_conversations_nor_change_agents(
    http: httpx.AsyncClient, method: str, path: str, body: Any
) -> None:
    answer = await http.request(method, path, json=body, headers=as_caller("viewer"))
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


async def test_chat_answers_in_the_shape_of_openai(http: httpx.AsyncClient, kit: EngineKit) -> None:
    body = (await http.post("/v1/chat/completions", json=CHAT)).json()
    assert body["object"] == "chat.completion"
    assert body["id"].startswith("chatcmpl")
    assert body["choices"][0]["message"] == {"role": "assistant", "content": "You said: Hello there", "refusal": None}
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"]["completion_tokens"] == 4
    assert kit.llm.requests[0].messages[0].text == "Hello there"


async def test_chat_streams_chunks_and_usage_only_when_asked(http: httpx.AsyncClient) -> None:
    for wanted in (True, False):
        asked = CHAT | {"stream": True, "stream_options": {"include_usage": wanted}}
        lines = (await http.post("/v1/chat/completions", json=asked)).text.split("\n\n")
        assert lines[-2:] == ["data: [DONE]", ""]
        chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
        assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
        text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])
        assert text == "You said: Hello there"
        assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]][-1] == "stop"
        assert ("usage" in chunks[-1]) is wanted


async def test_chat_hands_tools_through_and_gives_their_calls_back(http: httpx.AsyncClient, kit: EngineKit) -> None:
    kit.script[:] = [ScriptedAnswer(calls=(ToolCall("call_1", "weather", '{"city":"Ulm"}'),), finish="tool_calls")]
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    choice = {"type": "function", "function": {"name": "weather"}}
    body = (await http.post("/v1/chat/completions", json=CHAT | {"tools": [tool], "tool_choice": choice})).json()
    call = body["choices"][0]["message"]["tool_calls"][0]
    assert call == {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Ulm"}'}}
    assert body["choices"][0]["finish_reason"] == "tool_calls"
    assert (kit.llm.requests[0].tools[0].name, kit.llm.requests[0].tool_choice) == ("weather", "weather")


async def test_an_agents_chat_carries_its_instructions(http: httpx.AsyncClient, kit: EngineKit) -> None:
    made = (await http.post("/api/v1/agents", json={"name": "Mia", "instructions": "Say moo."})).json()
    answer = await http.post("/v1/chat/completions", json=CHAT | {"model": made["agent_id"]})
    assert answer.status_code == 200
    assert kit.llm.requests[0].messages[0].text.startswith("Say moo.")
    foreign = await http.post(
        "/v1/chat/completions", json=CHAT | {"model": made["agent_id"]}, headers=as_caller("other")
    )
    assert (foreign.status_code, foreign.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"model": "no-such-model"}, 404, "model_not_found"),
        ({"messages": []}, 400, "invalid_request"),
        ({"n": 2}, 415, "unsupported_parameter"),
        ({"stop": ["a", "b", "c", "d", "e"]}, 400, "too_many_stops"),
        ({"temperature": 3}, 400, "invalid_request"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            415,
            "unsupported_content",
        ),
        ({"messages": [{"role": "tool", "content": "x"}]}, 400, "missing_tool_call_id"),
    ],
)
async def test_a_chat_request_that_makes_no_sense_is_refused_in_openais_error_shape(
    http: httpx.AsyncClient, change: dict[str, Any], status: int, code: str
) -> None:
    answer = await http.post("/v1/chat/completions", json=CHAT | change)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (ScriptedAnswer(fault="refuse"), 503, "llm_unavailable"),
        (ScriptedAnswer(fault="rate_limit", retry_after_s=7), 429, "llm_rate_limited"),
        (ScriptedAnswer(fault="too_long"), 400, "context_too_long"),
        (ScriptedAnswer(fault="credentials"), 500, "llm_credentials"),
    ],
)
async def test_a_model_that_fails_before_its_first_token_gives_a_status(
    http: httpx.AsyncClient, kit: EngineKit, stream: bool, answer: ScriptedAnswer, status: int, code: str
) -> None:
    kit.script[:] = [answer]
    got = await http.post("/v1/chat/completions", json=CHAT | {"stream": stream})
    assert (got.status_code, got.json()["error"]["code"]) == (status, code)
    assert got.headers.get("retry-after") == ("7" if status == 429 else None)


async def test_a_stream_that_is_cut_ends_with_an_error_and_without_done(
    http: httpx.AsyncClient, kit: EngineKit
) -> None:
    kit.script[:] = [ScriptedAnswer(text="one two three", fault="cut", fault_after=2)]
    text = (await http.post("/v1/chat/completions", json=CHAT | {"stream": True})).text
    assert json.loads(text.strip().split("\n\n")[-1].removeprefix("data: "))["error"]["code"] == "llm_unavailable"
    assert "[DONE]" not in text


async def test_models_lists_roles_models_and_the_tenants_agents(http: httpx.AsyncClient) -> None:
    made = (await http.post("/api/v1/agents", json={"name": "Mia"})).json()["agent_id"]
    names = [model["id"] for model in (await http.get("/v1/models")).json()["data"]]
    assert {"chat", "scripted", "default", made} <= set(names)
    assert (await http.get(f"/v1/models/{made}")).json()["object"] == "model"
    others = [m["id"] for m in (await http.get("/v1/models", headers=as_caller("other"))).json()["data"]]
    assert made not in others
    assert (await http.get("/v1/models/none")).json()["error"]["code"] == "model_not_found"


async def test_embeddings_come_as_numbers_or_as_the_same_numbers_in_base64(http: httpx.AsyncClient) -> None:
    model = next(m["id"] for m in (await http.get("/v1/models")).json()["data"] if "hash" in m["id"])
    plain = (await http.post("/v1/embeddings", json={"input": ["a b", "c"], "model": model})).json()
    coded = (
        await http.post("/v1/embeddings", json={"input": ["a b", "c"], "model": model, "encoding_format": "base64"})
    ).json()
    for number, text in zip(plain["data"], coded["data"], strict=True):
        raw = base64.b64decode(text["embedding"])
        assert struct.unpack(f"<{len(raw) // 4}f", raw) == pytest.approx(number["embedding"], rel=1e-6)
    assert [item["index"] for item in plain["data"]] == [0, 1]
    for bad in ("", [], [[1, 2]], ["a", " "]):
        refused = await http.post("/v1/embeddings", json={"input": bad, "model": model})
        assert refused.status_code in (400, 415)


async def test_a_conversation_is_listed_read_and_removed_by_its_tenant_only(
    http: httpx.AsyncClient, kit: EngineKit
) -> None:
    opened = await kit.opened(CALLERS["owner"])
    await kit.service.record(CALLERS["owner"], kit.turn(opened, "q", "a"))
    name = opened.conversation.conversation_id
    listed = (await http.get("/api/v1/conversations?limit=10")).json()
    assert [c["conversation_id"] for c in listed["conversations"]] == [name]
    assert listed["next_before"] is None
    assert (await http.get(f"/api/v1/conversations/{name}")).json()["turn_count"] == 1
    turns = (await http.get(f"/api/v1/conversations/{name}/turns")).json()["turns"]
    assert [(turn["asked"], turn["heard"]) for turn in turns] == [("q", "a")]
    for method, path in (("GET", ""), ("GET", "/turns"), ("DELETE", "")):
        foreign = await http.request(method, f"/api/v1/conversations/{name}{path}", headers=as_caller("other"))
        assert (foreign.status_code, foreign.json()["code"]) == (404, "conversation_not_found")
    assert (await http.get("/api/v1/conversations", headers=as_caller("other"))).json()["conversations"] == []
    assert (await http.delete(f"/api/v1/conversations/{name}")).status_code == 204
    assert (await http.get(f"/api/v1/conversations/{name}")).status_code == 404
    assert (await http.get("/api/v1/conversations?limit=0")).status_code == 422


async def test_conversations_and_their_turns_are_read_page_by_page(http: httpx.AsyncClient, kit: EngineKit) -> None:
    path = "/api/v1/conversations"
    names = set()
    for _ in range(3):
        opened = await kit.opened(CALLERS["owner"])
        names.add(opened.conversation.conversation_id)
        for number in range(3):
            await kit.service.record(CALLERS["owner"], kit.turn(opened, f"q{number}", "a"))
    last = opened.conversation.conversation_id
    listed = await _all_pages(http, path, "conversations")
    assert len(listed) == 3 and {one["conversation_id"] for one in listed} == names
    asked = [turn["asked"] for turn in await _all_pages(http, f"{path}/{last}/turns", "turns")]
    assert asked == ["q2", "q1", "q0"]
    moment = listed[0]["updated_at"]
    by_zone = (await http.get(path, params={"before": moment})).json()
    assert (await http.get(path, params={"before": moment.removesuffix("Z")})).json() == by_zone, "without a zone: UTC"
    assert moment.endswith("Z") and len(by_zone["conversations"]) == 2
    assert (await http.get(path, params={"before": "yesterday"})).status_code == 422


async def _all_pages(http: httpx.AsyncClient, path: str, name: str) -> list[dict[str, Any]]:
    """A list, newest first, one at a time."""
    found: list[dict[str, Any]] = []
    wanted: dict[str, object] = {"limit": 1}
    while (page := (await http.get(path, params=wanted)).json())[name]:
        found += page[name]
        wanted |= {"before": page["next_before"], "before_id": page["next_before_id"]}
    assert (page["next_before"], page["next_before_id"]) == (None, None)
    return found


async def test_agents_are_made_read_replaced_and_removed_by_their_tenant_only(
    http: httpx.AsyncClient, kit: EngineKit
) -> None:
    assert [a["agent_id"] for a in (await http.get("/api/v1/agents")).json()["agents"]] == ["default"]
    async with kit.store.begin("ten_a") as work:
        await work.collections.put(Collection("col_1", "Rules", datetime.now(UTC)))
    made = await http.post("/api/v1/agents", json={"name": "Mia", "collection_ids": ["col_1"]})
    assert made.status_code == 201
    path = f"/api/v1/agents/{made.json()['agent_id']}"
    assert (await http.get(path)).json()["collection_ids"] == ["col_1"]
    assert (await http.put(path, json={"name": "Mo", "temperature": 0})).json()["name"] == "Mo"
    for method, body in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
        foreign = await http.request(method, path, json=body, headers=as_caller("other"))
        assert (foreign.status_code, foreign.json()["code"]) == (404, "agent_not_found")
    assert (await http.delete(path)).status_code == 204
    assert (await http.get(path)).status_code == 404
    assert (await http.post("/api/v1/agents", json={"model": "none"})).json()["code"] == "unknown_model"
    assert (await http.post("/api/v1/agents", json={"nane": "x"})).status_code == 422
    async with kit.store.begin("ten_a", read_only=True) as work:
        deeds = [(entry.action, entry.subject) for entry in await work.audit.page(before_id=None, limit=9)]
    assert deeds == [(f"agent_{done}", "usr_owner") for done in ("deleted", "changed", "created")]


async def test_an_agent_is_given_no_voice_that_there_is_not_where_that_is_known(kit: EngineKit) -> None:
    asked: list[Asker] = []

    class Speech:
        """Voices of which a test says what is known."""

        tts: Any = scripted_tts("scripted:///")

        def voice(self, asker: Asker) -> Any:
            asked.append(asker)
            return self.tts

    speech = Speech()
    app = create_engine(EngineService(replace(kit.service.parts, speech=speech)), auth=authenticate)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://t", headers=as_caller("owner")) as http:
        own = speech.tts.capabilities.voices[-1]
        for voice in (own, ""):
            made = await http.post("/api/v1/agents", json={"voice": voice, "language": "en-GB"})
            assert (made.status_code, made.json()["voice"]) == (201, voice)
        assert (asked[0].tenant_id, asked[0].language) == ("ten_a", "en-GB"), "of those who serve this agent"
        for method, at in (("POST", "/api/v1/agents"), ("PUT", f"/api/v1/agents/{made.json()['agent_id']}")):
            refused = await http.request(method, at, json={"voice": "nobody"})
            told = refused.json()
            assert (refused.status_code, told["code"], told["param"]) == (400, "unknown_voice", "voice")
            assert own in told["detail"]
        speech.tts = openai_tts("openai+http://127.0.0.1:1/v1?model=m&voice=listed", api_key="")
        assert (await http.post("/api/v1/agents", json={"voice": "nobody"})).status_code == 201, (
            "the server may know it"
        )


async def test_an_agent_is_given_no_collection_that_there_is_not_and_no_language_that_is_none(
    http: httpx.AsyncClient, kit: EngineKit
) -> None:
    async with kit.store.begin("ten_a") as work:
        await work.collections.put(Collection("col_rules", "Rules", datetime.now(UTC)))
    for known in (["col_rules"], ["col_default"], []):  # the default one is not stored before the first document
        made = await http.post("/api/v1/agents", json={"collection_ids": known, "language": "de-AT"})
        assert (made.status_code, made.json()["collection_ids"]) == (201, known)
    path = f"/api/v1/agents/{made.json()['agent_id']}"
    for method, at in (("POST", "/api/v1/agents"), ("PUT", path)):
        unknown = await http.request(method, at, json={"collection_ids": ["col_rules", "col_rulez"]})
        told = unknown.json()
        assert (unknown.status_code, told["code"], told["param"]) == (400, "unknown_collection", "collection_ids")
        for language in ("german", "e", "de_AT", "de AT", "de-"):
            refused = await http.request(method, at, json={"language": language})
            assert (refused.status_code, refused.json()["param"]) == (422, "language"), language
    assert (await http.get(path)).json()["language"] == "de-AT"


async def test_an_internal_call_speaks_for_the_caller_of_its_token_whatever_its_body_says(
    http: httpx.AsyncClient, kit: EngineKit
) -> None:
    body = REPLY_REQUEST.dump_json(replace(kit.request("When?"), tenant_id="ten_b", subject="usr_other"))
    answer = await http.post("/internal/engine/reply", content=body)
    assert answer.status_code == 200
    principal = kit.documents.asked[0][0]
    assert (principal.tenant_id, principal.subject) == ("ten_a", "usr_owner")
    assert (await http.post("/internal/engine/reply", content=b'{"tenant_id": 3}')).json()["code"] == "bad_request"


async def test_ready_says_whether_store_and_model_answer(http: httpx.AsyncClient, kit: EngineKit) -> None:
    assert (await http.get("/health/ready")).json()["parts"] == {"store": True, "llm": True}
    await kit.llm.close()
    assert (await http.get("/health/ready")).status_code == 503


async def test_an_agent_is_given_tools_that_exist_and_no_others(kit: EngineKit) -> None:
    parts = kit.service.parts
    noted = NotedTools()
    tools = ToolParts(noted, open_cache("memory:///"), parts.store, parts.clock)
    kit.script[:] = [
        ScriptedAnswer(calls=(ToolCall("c", "opening_hours", '{"day": "monday"}'),), finish="tool_calls"),
        ScriptedAnswer(text="From nine to five."),
    ]
    app = create_engine(EngineService(replace(parts, tools=tools)), auth=authenticate)
    transport = httpx.ASGITransport(app=app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        client.headers["authorization"] = "Bearer owner"
        listed = (await client.get("/api/v1/agents/tools")).json()["tools"]
        assert [tool["name"] for tool in listed] == ["note", "opening_hours", "pay", "secret"]
        assert set(listed[0]) == {"name", "description", "effect", "confirm"}
        refused = await client.post("/api/v1/agents", json={"tools": ["opening_hours", "shell"]})
        assert (refused.status_code, refused.json()["code"]) == (400, "unknown_tool")
        made = (await client.post("/api/v1/agents", json={"name": "Mia", "tools": ["opening_hours"]})).json()
        assert made["tools"] == ["opening_hours"]
        assert (await client.get(f"/api/v1/agents/{made['agent_id']}")).json()["tools"] == ["opening_hours"]
        body = {"model": made["agent_id"], "messages": [{"role": "user", "content": "When do you open?"}]}
        answer = (await client.post("/v1/chat/completions", json=body)).json()
    assert answer["choices"][0]["message"]["content"] == "From nine to five."
    assert answer["choices"][0]["finish_reason"] == "stop"
    [(caller, _, _)] = noted.ran
    assert (caller.tenant_id, caller.subject) == ("ten_a", "usr_owner")
