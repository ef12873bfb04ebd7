"""The contract of ports.services.Engine: the class itself, and the HTTP client against the real server on loopback. Titles are sentences of the port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from tests.support.engine_parts import EngineKit, engine_kit, passage
from tests.support.patience import holds_within, until

from voiceagent.adapters.llm.scripted import ScriptedAnswer
from voiceagent.adapters.services.engine_http import open_engine
from voiceagent.domain.agent import Agent
from voiceagent.domain.conversation import ToolCall
from voiceagent.domain.identity import Principal
from voiceagent.domain.reply import ReplyCitation, ReplyDone, ReplyEvent, ReplyText, ReplyToolCall, ToolSpec
from voiceagent.engine.server import create_engine
from voiceagent.kit.errors import InvalidInput, NotFound, Problem, RateLimited, Unavailable
from voiceagent.ports.services import Engine
from voiceagent.web.jwt import TokenKeys
from voiceagent.web.serve import Listener, Servers
from voiceagent.web.tokens import ServiceAuthenticator, ServiceTokens

CALLER = Principal("ten_a", "usr_a", frozenset({"talk"}), "user")
STRANGER = Principal("ten_a", "usr_z", frozenset({"talk"}), "user")
FOREIGN = Principal("ten_b", "usr_a", frozenset({"talk"}), "user")


@dataclass
class Case:
    """engine: what is tested. kit: what stands behind it."""

    engine: Engine
    kit: EngineKit

    async def said(self, spoken: str = "Hello") -> list[ReplyEvent]:
        return [event async for event in self.engine.reply(self.kit.request(spoken))]


@pytest.fixture(params=["class", "http", "http, with a dead replica"])
async def case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    async with engine_kit(tenants=("ten_a", "ten_b")) as kit:
        if request.param == "class":
            yield Case(kit.service, kit)
            return
        tokens = ServiceTokens(TokenKeys.random())
        app = create_engine(kit.service, auth=ServiceAuthenticator(tokens, "engine"))
        servers = Servers([Listener(app, 0)], drain_s=1.0)
        await servers.start()
        url = f"http://127.0.0.1:{servers.ports[0]}"
        urls = (url,) if request.param == "http" else ("http://127.0.0.1:9", url)
        engine = open_engine(url, service_token=lambda principal: tokens.issue(principal, "engine"), urls=urls)
        yield Case(engine, kit)
        await engine.close()
        await servers.stop()


async def test_a_conversation_is_stored_before_it_returns_and_can_be_opened_again(case: Case) -> None:
    opened = await case.engine.open_conversation(CALLER, agent_id="", conversation_id=None, channel="voice")
    name = opened.conversation.conversation_id
    assert (opened.agent, opened.turns) == (Agent(), ())
    assert (opened.conversation.user_id, opened.conversation.channel) == ("usr_a", "voice")
    async with case.kit.store.begin("ten_a") as work:
        assert (await work.conversations.get(name)).conversation_id == name
    for number in range(3):
        await case.engine.record(CALLER, case.kit.turn(opened, f"q{number}", f"a{number}"))
    again = await case.engine.open_conversation(CALLER, agent_id="other", conversation_id=name, channel="voice")
    assert [(turn.asked, turn.heard) for turn in again.turns] == [(f"q{n}", f"a{n}") for n in range(3)]
    assert again.agent == Agent()


async def test_what_is_not_there_or_not_the_callers_is_not_found(case: Case) -> None:
    opened = await case.engine.open_conversation(CALLER, agent_id="", conversation_id=None, channel="text")
    name = opened.conversation.conversation_id
    for caller, conversation in ((CALLER, "conv_none"), (STRANGER, name), (FOREIGN, name)):
        with pytest.raises(NotFound) as caught:
            await case.engine.open_conversation(caller, agent_id="", conversation_id=conversation, channel="text")
        assert caught.value.code == "conversation_not_found"
        turn = replace(case.kit.turn(opened, "q", "a"), conversation_id=conversation)
        with pytest.raises(NotFound):
            await case.engine.record(caller, turn)
    with pytest.raises(NotFound) as caught:
        await case.engine.open_conversation(CALLER, agent_id="agent_none", conversation_id=None, channel="text")
    assert caught.value.code == "agent_not_found"
    with pytest.raises(InvalidInput):
        await case.engine.open_conversation(CALLER, agent_id="", conversation_id=None, channel="smoke")


async def test_an_engine_that_trusts_another_secret_is_out_of_service_and_no_fault_of_the_caller() -> None:
    async with engine_kit() as kit:
        app = create_engine(kit.service, auth=ServiceAuthenticator(ServiceTokens(TokenKeys.random()), "engine"))
        servers = Servers([Listener(app, 0)], drain_s=1.0)
        await servers.start()
        tokens = ServiceTokens(TokenKeys.random())
        url = f"http://127.0.0.1:{servers.ports[0]}"
        engine = open_engine(url, service_token=lambda principal: tokens.issue(principal, "engine"))
        with pytest.raises(Unavailable) as opened:
            await engine.open_conversation(CALLER, agent_id="", conversation_id=None, channel="text")
        with pytest.raises(Unavailable) as replied:
            await anext(engine.reply(kit.request("Hello")))
        for caught in (opened, replied):
            assert caught.value.code == "engine_unavailable" and "clocks" in caught.value.message
        await engine.close()
        await servers.stop()


async def test_record_replaces_the_turn_of_the_same_id_and_is_idempotent(case: Case) -> None:
    opened = await case.engine.open_conversation(CALLER, agent_id="", conversation_id=None, channel="text")
    turn = case.kit.turn(opened, "q", "a")
    await case.engine.record(CALLER, turn)
    longer = replace(turn, heard="a b", state="interrupted")
    await case.engine.record(CALLER, longer)
    await case.engine.record(CALLER, longer)
    async with case.kit.store.begin("ten_a") as work:
        assert await work.conversations.turns(opened.conversation.conversation_id, last=5) == (longer,)


async def test_the_answer_comes_as_events_with_done_last(case: Case) -> None:
    case.kit.documents.found = (passage(1, "We close at nine."),)
    case.kit.script[:] = [
        ScriptedAnswer(text="At nine [1]. Bye.", calls=(ToolCall("c", "f", "{}"),), finish="tool_calls")
    ]
    request = replace(case.kit.request("When?"), tools=(ToolSpec("f", "F.", {"type": "object"}),))
    events = [event async for event in case.engine.reply(request)]
    assert "".join(event.text for event in events if isinstance(event, ReplyText)) == "At nine. Bye."
    assert [e.citation.quote for e in events if isinstance(e, ReplyCitation)] == ["We close at nine."]
    assert [e.call for e in events if isinstance(e, ReplyToolCall)] == [ToolCall("c", "f", "{}")]
    done = events[-1]
    assert isinstance(done, ReplyDone)
    assert (done.finish_reason, done.model, done.retrieval_error) == ("tool_calls", "scripted", None)
    assert done.usage.completion_tokens > 0
    assert case.kit.llm.requests[0].tools == request.tools


@pytest.mark.parametrize("how", ["cancel", "close"])
@pytest.mark.parametrize("when", ["before the first token", "in the middle"])
async def test_cancelling_stops_every_call_behind_it_within_200_ms_and_stores_nothing(
    case: Case, how: str, when: str
) -> None:
    early = when == "before the first token"
    case.kit.script[:] = [
        ScriptedAnswer(tokens=("word ",), first_token_s=50.0 if early else 0.0, token_s=0.002, fault="endless")
    ]
    stream = case.engine.reply(replace(case.kit.request("Hello"), max_output_tokens=100_000))
    got = asyncio.Event()

    async def consume() -> None:
        async for _ in stream:
            got.set()
            if how == "close":
                break

    task = asyncio.create_task(consume())
    await until(lambda: case.kit.llm.running if early else got.is_set())
    if how == "cancel" or early:
        task.cancel()
    await asyncio.wait({task})
    await stream.aclose()  # type: ignore[attr-defined]
    assert await holds_within(lambda: not case.kit.llm.running, 200)
    async with case.kit.store.begin("ten_a") as work:
        assert await work.conversations.page(before=None, limit=10) == ()


@pytest.mark.parametrize(
    ("answer", "kind", "code", "after_s"),
    [
        (ScriptedAnswer(fault="refuse"), Unavailable, "llm_unavailable", None),
        (ScriptedAnswer(fault="rate_limit", retry_after_s=4.0), RateLimited, "llm_rate_limited", 4.0),
        (ScriptedAnswer(fault="too_long"), InvalidInput, "context_too_long", None),
        (ScriptedAnswer(text="a b c", fault="cut", fault_after=2), Unavailable, "llm_unavailable", None),
    ],
    ids=lambda value: value.fault if isinstance(value, ScriptedAnswer) else None,
)
async def test_a_model_that_fails_raises_its_problem_and_never_done(
    case: Case, answer: ScriptedAnswer, kind: type[Problem], code: str, after_s: float | None
) -> None:
    case.kit.script[:] = [answer]
    events: list[ReplyEvent] = []
    with pytest.raises(Problem) as caught:
        async for event in case.engine.reply(case.kit.request("Hello")):
            events.append(event)
    assert (type(caught.value), caught.value.code, caught.value.retry_after_s) == (kind, code, after_s)
    assert not any(isinstance(event, ReplyDone) for event in events)


async def test_a_model_that_is_late_raises_llm_deadline(case: Case) -> None:
    case.kit.script[:] = [ScriptedAnswer(text="x", first_token_s=5.0)]
    with pytest.raises(Problem) as caught:
        [event async for event in case.engine.reply(case.kit.request("Hello", deadline_s=0.2))]
    assert caught.value.code == "llm_deadline"


async def test_prepare_has_no_effect_and_no_error(case: Case) -> None:
    await case.engine.prepare(case.kit.request("When do you"))
    assert len(case.kit.llm.warmed) == 1
    assert case.kit.llm.requests == []
    case.kit.documents.problem = Unavailable("vectors_unavailable", "gone")
    await case.engine.prepare(case.kit.request("word " * 20_000))
    await case.kit.llm.close()
    await case.engine.prepare(case.kit.request("When"))


async def test_a_model_name_that_is_not_known_means_the_agents_model(case: Case) -> None:
    request = replace(case.kit.request("Hello"), model="gpt-realtime")
    assert isinstance([event async for event in case.engine.reply(request)][-1], ReplyDone)


async def test_an_engine_that_is_not_there_is_unavailable() -> None:
    engine = open_engine("http://127.0.0.1:9", service_token=lambda _: "x")
    with pytest.raises(Unavailable) as caught:
        await engine.open_conversation(CALLER, agent_id="", conversation_id=None, channel="text")
    assert caught.value.code == "engine_unavailable"
    await engine.close()
