"""Routing: names, fall-back before the first token, one deadline, breakers."""

from __future__ import annotations

import asyncio

import pytest
from tests.support import virtual_time

from voiceagent.adapters.llm.scripted import ScriptedAnswer, ScriptedLlm
from voiceagent.domain.conversation import Message
from voiceagent.engine.routing.router import Router
from voiceagent.kit.errors import DeadlineExceeded, InvalidInput, Misconfigured, NotFound, Unavailable
from voiceagent.ports.llm import ChatRequest, TextDelta

GOOD = ScriptedAnswer(text="fine")


def ask(deadline_s: float = 60.0) -> ChatRequest:
    return ChatRequest((Message("user", "Hi"),), deadline_s=deadline_s)


def pair(first: ScriptedAnswer, second: ScriptedAnswer = GOOD) -> tuple[Router, ScriptedLlm, ScriptedLlm]:
    a, b = ScriptedLlm([first]), ScriptedLlm([second])
    return Router({"a": a, "b": b}, clock=virtual_time.LoopClock()), a, b


async def said(router: Router, name: str = "", deadline_s: float = 60.0) -> tuple[str, str]:
    started = await router.start(name, ask(deadline_s))
    text = "".join([delta.text async for delta in started.deltas() if isinstance(delta, TextDelta)])
    return started.model, text


@pytest.mark.parametrize("fault", ["refuse", "rate_limit", "credentials", "stall"])
def test_the_next_model_answers_when_one_fails_before_its_first_token(fault: str) -> None:
    async def told() -> tuple[str, str]:
        router, _, _ = pair(ScriptedAnswer(text="x", fault=fault))  # type: ignore[arg-type]
        return await said(router)

    assert virtual_time.run(told()) == ("b", "fine")


async def test_nothing_is_said_twice_when_a_model_fails_after_its_first_token() -> None:
    router, _, b = pair(ScriptedAnswer(text="one two", fault="cut", fault_after=1))
    started = await router.start("", ask())
    with pytest.raises(Unavailable):
        [delta async for delta in started.deltas()]
    assert b.requests == []


async def test_a_request_that_is_wrong_is_not_tried_again() -> None:
    router, _, b = pair(ScriptedAnswer(fault="too_long"))
    with pytest.raises(InvalidInput):
        await router.start("", ask())
    assert b.requests == []


def test_all_tries_share_one_deadline() -> None:
    async def started() -> None:
        router, a, b = pair(ScriptedAnswer(text="x", fault="stall"), ScriptedAnswer(text="x", fault="stall"))
        with pytest.raises(DeadlineExceeded):
            await router.start("", ask(0.2))
        assert asyncio.get_running_loop().time() <= 0.2 + 1e-6
        assert a.requests[0].deadline_s + b.requests[0].deadline_s <= 0.2 + 1e-6

    virtual_time.run(started())


async def test_a_model_that_keeps_failing_is_left_alone() -> None:
    router, a, _ = pair(ScriptedAnswer(fault="refuse"))
    for _ in range(8):
        assert await said(router) == ("b", "fine")
    assert len(a.requests) == 5


async def test_a_rate_limit_is_respected_at_once() -> None:
    router, a, _ = pair(ScriptedAnswer(fault="rate_limit", retry_after_s=60))
    for _ in range(3):
        assert await said(router) == ("b", "fine")
    assert len(a.requests) == 1


async def test_a_cancelled_start_stops_the_model_and_blames_nobody() -> None:
    router, a, _ = pair(ScriptedAnswer(text="x", first_token_s=60))
    for _ in range(6):
        starting = asyncio.create_task(router.start("a", ask(90)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
    assert (a.running, len(a.requests)) == (0, 6)


async def test_a_closed_answer_stops_the_model() -> None:
    router, a, _ = pair(ScriptedAnswer(text="on", fault="endless"))
    started = await router.start("a", ask())
    stream = started.deltas()
    await anext(stream)
    await stream.aclose()
    assert a.running == 0


async def test_names_are_roles_and_models_and_others_are_not_found() -> None:
    a, b = ScriptedLlm([GOOD]), ScriptedLlm([GOOD])
    router = Router({"a": a, "b": b}, roles={"chat": ("b",), "fast": ("a", "b")})
    assert router.names() == ("chat", "fast", "a", "b")
    assert (await said(router))[0] == "b"
    assert (await said(router, "fast"))[0] == "a"
    with pytest.raises(NotFound) as caught:
        router.resolve("c")
    assert caught.value.code == "model_not_found"
    with pytest.raises(Misconfigured):
        Router({"a": a}, roles={"chat": ("z",)})
    assert await router.health() == {"a": True, "b": True}
    await router.close()
    assert await router.health() == {"a": False, "b": False}
