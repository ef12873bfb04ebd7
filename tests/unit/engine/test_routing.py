"""Routing by rule, price, latency and health; patience; budgets; models that are unloaded and come back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceagent.adapters.llm.scripted import ScriptedAnswer, ScriptedLlm
from voiceagent.adapters.providers.stt import routed_stt
from voiceagent.adapters.store.sql import open_store
from voiceagent.adapters.stt.scripted import ScriptedStt
from voiceagent.domain.audio import Transcript
from voiceagent.domain.conversation import Message
from voiceagent.domain.identity import Tenant
from voiceagent.domain.provider import Asker, Budget, Provider, Used, provider_of, serves
from voiceagent.domain.reply import ToolSpec
from voiceagent.domain.routing.choice import LEAST_PATIENCE_S, Standing, ranked
from voiceagent.domain.usage import TokenUsage
from voiceagent.engine.routing.choice import patience_s
from voiceagent.engine.routing.ledger import BUDGET_SETTING, Ledger
from voiceagent.engine.routing.registry import Registry, Rules
from voiceagent.engine.routing.router import Router
from voiceagent.kit.calls.health import smoothed
from voiceagent.kit.calls.outbound import Outbound
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import InvalidInput, NotFound, RateLimited, Unavailable
from voiceagent.ports.llm import ChatRequest, LanguageModel, LlmCapabilities, TextDelta

GOOD = ScriptedAnswer(text="fine")


def ask(deadline_s: float = 60.0, text: str = "Hi", **others: object) -> ChatRequest:
    return ChatRequest((Message("user", text),), deadline_s=deadline_s, **others)  # type: ignore[arg-type]


def provider(name: str, **others: object) -> Provider:
    return Provider(name, f"openai+https://{name}.example/v1?model=m", **others)  # type: ignore[arg-type]


def standing(name: str, first_token_s: float | None = None, running: int = 0, **others: object) -> Standing:
    return Standing(provider(name, **others), 2, first_token_s, running)


async def said(router: Router, name: str = "", asker: Asker = Asker(), request: ChatRequest | None = None) -> str:  # noqa: B008
    started = await router.start(name, request or ask(), asker)
    assert [delta async for delta in started.deltas() if isinstance(delta, TextDelta)]
    return started.model


def test_one_line_says_all_of_a_provider() -> None:
    one = provider_of(
        "openai+https://h.example/v1?model=org/m&role=chat&role=summary&price_in=0.15&price_out=0.6&tenant=ten_a"
        "&language=de&priority=3&context=32000&concurrency=8&name=cheap&patience_s=0.8"
    )
    assert one == Provider(
        "cheap",
        "openai+https://h.example/v1?model=org/m&context=32000&concurrency=8",
        roles=("chat", "summary"),
        tenants=("ten_a",),
        languages=("de",),
        priority=3,
        price_in=0.15,
        price_out=0.6,
        concurrency=8,
        patience_s=0.8,
    )
    assert provider_of("llamacpp:///").url == "llamacpp:///"
    heard = provider_of("openai+https://h.example/v1?model=w&kind=stt&language=de&price_in=0.36")
    assert (heard.name, heard.kind, heard.roles, heard.url) == (
        "stt:w",
        "stt",
        (),
        "openai+https://h.example/v1?model=w",
    )
    assert provider_of("whisper:///", kind="stt").local and heard.amount_nanos(0.5) == 180_000_000
    assert provider_of("llamacpp:///abs/m.gguf?context=512").local
    assert one.cost_nanos(TokenUsage(1_000_000, 0)) == 150_000_000
    for bad in ("openai+https://h/v1?price_in=free", "openai+https://h/v1?price_in=-1", "x://h?name=a%20b"):
        with pytest.raises(InvalidInput):
            provider_of(bad)


def test_a_key_is_in_no_text_of_a_provider() -> None:
    assert "sk-1" not in repr(provider("a", api_key="sk-1"))


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 9), st.integers(0, 3)), max_size=8), st.sampled_from(["priority", "cost", "latency"]))  # fmt: skip
def test_ranking_loses_nobody_and_the_full_come_last(rows: list[tuple[int, float, int]], policy: str) -> None:
    given_ = [standing(f"p{n}", wait, busy, priority=rank) for n, (rank, wait, busy) in enumerate(rows)]
    found = ranked(given_, policy)  # type: ignore[arg-type]
    assert sorted(one.provider.name for one in found) == sorted(one.provider.name for one in given_)
    fulls = [one.full for one in found]
    assert fulls == sorted(fulls)


def test_the_policy_decides_between_those_that_are_free() -> None:
    slow_cheap = standing("a", 0.9, priority=1, price_in=0.1, price_out=0.1)
    fast_dear = standing("b", 0.1, priority=2, price_in=5, price_out=20)
    names = lambda policy: [one.provider.name for one in ranked([fast_dear, slow_cheap], policy)]  # noqa: E731
    assert names("priority") == names("cost") == ["a", "b"]
    assert names("latency") == ["b", "a"]


def test_patience_is_a_few_usual_first_tokens_and_never_more_than_half_the_time() -> None:
    assert patience_s(standing("a"), 10.0) == 1.5
    assert patience_s(standing("a", 0.2), 10.0) == pytest.approx(0.8)
    assert patience_s(standing("a", 0.001), 10.0) == LEAST_PATIENCE_S
    assert patience_s(standing("a", 9.0), 2.0) == 1.0
    local = Standing(Provider("l", "llamacpp:///"), 2, 0.1)
    assert patience_s(local, 10.0) == 5.0
    assert smoothed(None, 2.0) == 2.0 and 1.0 < smoothed(1.0, 2.0) < 2.0


def test_rules_hold_for_tenant_agent_and_language() -> None:
    asker = Asker("ten_a", "agent_x", "de-AT")
    assert serves(provider("a", tenants=("ten_a",), agents=("agent_x",), languages=("de",)), asker)
    for no in ({"tenants": ("ten_b",)}, {"agents": ("agent_y",)}, {"languages": ("d", "den", "de-DE")}):
        assert not serves(provider("a", **no), asker)


async def test_a_tenant_never_reaches_what_is_kept_for_another() -> None:
    router = Router()
    router.put(provider("theirs", tenants=("ten_b",), priority=1), ScriptedLlm([GOOD]))
    router.put(provider("all", priority=2), ScriptedLlm([GOOD]))
    assert await said(router, asker=Asker("ten_b")) == "theirs"
    assert await said(router, asker=Asker("ten_a")) == "all"
    with pytest.raises(NotFound):
        await router.start("theirs", ask(), Asker("ten_a"))
    assert "theirs" not in router.names(Asker("ten_a"))


async def test_a_model_that_cannot_do_it_is_not_asked() -> None:
    small = ScriptedLlm([GOOD], capabilities=LlmCapabilities("s", 100, tools=False))
    router = Router({"small": small, "large": ScriptedLlm([GOOD])})
    assert await said(router) == "small"
    assert await said(router, request=ask(text="x" * 2000)) == "large"
    assert await said(router, request=ask(tools=(ToolSpec("t", ""),))) == "large"


async def test_a_full_provider_is_passed_over_while_another_is_free() -> None:
    router = Router({"a": ScriptedLlm([ScriptedAnswer(text="on", fault="endless")]), "b": ScriptedLlm([GOOD])})
    router.slots["a"].provider = replace(router.slots["a"].provider, concurrency=1)
    started = await router.start("", ask())
    stream = started.deltas()
    await anext(stream)
    assert router.slots["a"].running == 1
    assert await said(router) == "b"
    await stream.aclose()
    assert router.slots["a"].running == 0
    assert await said(router) == "a"


async def test_one_that_does_not_wake_is_not_asked_by_callers() -> None:
    class Frozen(ScriptedLlm):
        frozen = True

        async def ready(self) -> bool:
            return not self.frozen

    sick = Frozen([ScriptedAnswer(fault="rate_limit", retry_after_s=0.0)])
    store = open_store("sqlite://")
    await store.migrate()
    router = Router({"sick": sick, "well": ScriptedLlm([GOOD])})
    registry = Registry({"llm": router}, store, _none, Rules(Outbound()))
    assert await said(router) == "well"
    await registry.tend()
    for _ in range(5):
        assert await said(router) == "well"
    assert len(sick.requests) == 1, "it is half open, but asleep"
    sick.frozen = False
    await registry.tend()
    await said(router)
    assert len(sick.requests) == 2
    await store.close()


async def _none(_: Provider) -> LanguageModel:
    raise Unavailable("llm_unavailable", "nothing is opened here")


async def test_an_unloaded_model_comes_back_at_the_next_call() -> None:
    opened: list[ScriptedLlm] = []

    async def reopen(_: Provider) -> LanguageModel:
        opened.append(ScriptedLlm([GOOD]))
        return opened[-1]

    first = ScriptedLlm([GOOD])
    router = Router()
    router.put(provider("a"), first, reopen)
    slot = router.slots["a"]
    assert await slot.unload() and not slot.loaded and not await first.ready()
    assert await slot.ready()
    assert await asyncio.gather(said(router), said(router)) == ["a", "a"]
    assert len(opened) == 1, "two that call at once load it once"
    lonely = Router({"b": ScriptedLlm([GOOD])}).slots["b"]
    assert not await lonely.unload() and lonely.loaded


async def test_a_spent_budget_refuses_and_every_engine_sees_it() -> None:
    store, clock = open_store("sqlite://"), SystemClock()
    await store.migrate()
    await store.directory.add_tenant(Tenant("ten_a", "A", datetime.now(UTC)))
    async with store.begin("ten_a") as work:
        await work.settings.put(BUDGET_SETTING, {"tokens": 0, "cost": 0.00001})
    one, two = (Router(ledger=Ledger(store, clock)) for _ in range(2))
    for router in (one, two):
        router.put(provider("a", price_in=1.0, price_out=2.0), ScriptedLlm([GOOD]))
    calls = 0
    with pytest.raises(RateLimited) as caught:
        for _ in range(20):
            await said(one, asker=Asker("ten_a"))
            calls += 1
    assert caught.value.code == "budget_spent" and 1 <= calls < 5
    assert await said(one, asker=Asker("ten_b")) == "a"
    assert one.ledger is not None and two.ledger is not None
    await one.ledger.flush()
    with pytest.raises(RateLimited):
        await two.ledger.check("ten_a")
    async with store.begin("ten_a", read_only=True) as work:
        (row,) = await work.routing.usage.since("2000-01-01")
    assert row.calls == calls and row.cost_nanos == row.prompt_tokens * 1000 + row.completion_tokens * 2000
    await store.close()


async def test_a_cut_answer_is_counted_too() -> None:
    store = open_store("sqlite://")
    await store.migrate()
    ledger = Ledger(store, SystemClock())
    router = Router(ledger=ledger)
    router.put(provider("a"), ScriptedLlm([ScriptedAnswer(text="on and on", fault="endless")]))
    started = await router.start("", ask(text="x" * 400), Asker("ten_a"))
    stream = started.deltas()
    for _ in range(3):
        await anext(stream)
    await stream.aclose()
    await ledger.flush()
    async with store.begin("ten_a", read_only=True) as work:
        (row,) = await work.routing.usage.since("2000-01-01")
    assert (row.calls, row.prompt_tokens, row.completion_tokens) == (1, 100, 3)
    await store.close()


@pytest.mark.parametrize(
    ("budget", "used", "spent"),
    [
        (Budget(), Used("d", "", 1, 10**12, 0, 10**15), False),
        (Budget(tokens=10), Used("d", "", 1, 9, 0), False),
        (Budget(tokens=10), Used("d", "", 1, 5, 5), True),
        (Budget(cost=0.5), Used("d", "", 1, 0, 0, 499_999_999), False),
        (Budget(cost=0.5), Used("d", "", 1, 0, 0, 500_000_000), True),
    ],
)
def test_a_budget_is_spent_when_it_is_reached(budget: Budget, used: Used, spent: bool) -> None:
    assert budget.spent(used) is spent


async def test_registries_follow_the_store_and_keep_what_did_not_change() -> None:
    store = open_store("sqlite://")
    await store.migrate()
    opened: list[Provider] = []

    async def open_model(one: Provider) -> LanguageModel:
        opened.append(one)
        return ScriptedLlm([GOOD])

    routers = [Router(), Router()]
    registries = [Registry({"llm": router}, store, open_model, Rules(Outbound())) for router in routers]
    added = replace(provider("new"), stored=True, api_key="k")
    async with store.begin("ten_default") as work:
        await work.routing.providers.put(added)
    for registry, router in zip(registries, routers, strict=True):
        await registry.refresh()
        assert await said(router) == "new"
    async with store.begin("ten_default") as work:
        await work.routing.providers.put(replace(added, priority=1))
    await registries[0].refresh()
    assert len(opened) == 2 and routers[0].slots["new"].provider.priority == 1
    async with store.begin("ten_default") as work:
        await work.routing.providers.put(replace(added, api_key="other"))
    await registries[0].refresh()
    assert opened[-1].api_key == "other"
    async with store.begin("ten_default") as work:
        await work.routing.providers.delete("new")
    await registries[0].refresh()
    with pytest.raises(NotFound):
        routers[0].resolve("")
    await store.close()


async def test_a_pool_of_recognisers_follows_the_store_and_calls_under_way_keep_theirs() -> None:
    store = open_store("sqlite://")
    await store.migrate()
    heard: list[str] = []
    parts: dict[str, Recogniser] = {}

    class Recogniser(ScriptedStt):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name, self.closed, self.go_on = name, False, asyncio.Event()
            parts[name] = self

        async def transcribe(self, pcm: bytes, **_: object) -> Transcript:
            heard.append(self.name)
            await self.go_on.wait()
            if self.closed:
                raise Unavailable("closed", "it was closed under a call")
            return Transcript(self.name)

        async def close(self) -> None:
            self.closed = True

    async def open_part(one: Provider) -> ScriptedStt:
        return Recogniser(one.name)

    pool = routed_stt(Recogniser("ours"), clock=SystemClock())
    pool.pool.put(Provider("ours", "", roles=(), kind="stt", priority=10), parts["ours"])
    registry = Registry({"stt": pool.pool}, store, open_part, Rules(Outbound()))
    added = replace(provider("new", roles=(), kind="stt", priority=1, patience_s=600.0), stored=True)
    async with store.begin("ten_default") as work:
        await work.routing.providers.put(added)
        await work.routing.providers.put(replace(added, name="model", kind="llm", roles=("chat",)))
    await registry.refresh()
    assert set(pool.pool.slots) == {"ours", "new"}, "a provider of a kind that this process does not ask"
    under_way = asyncio.ensure_future(pool.transcribe(b""))
    await asyncio.sleep(0)
    async with store.begin("ten_default") as work:
        await work.routing.providers.put(replace(added, enabled=False))
    await registry.refresh()
    parts["ours"].go_on.set()
    assert (await pool.transcribe(b"")).text == "ours"
    async with store.begin("ten_default") as work:
        await work.routing.providers.delete("new")
    await registry.refresh()
    await asyncio.sleep(0)
    assert set(pool.pool.slots) == {"ours"} and not parts["new"].closed
    parts["new"].go_on.set()
    assert (await under_way).text == "new" and heard == ["new", "ours"]
    await registry._retiring.close()
    assert parts["new"].closed
    await store.close()


@pytest.mark.parametrize(
    "url",
    [
        "openai+https://h.example/v1?model=m&key_env=AWS_SECRET",
        "openai+https://h.example/v1?model=m&key_file=/etc/passwd",
        "llamacpp:///etc/model.gguf",
        "transformers:///models/x",
        "scripted:///etc/passwd",
        "openai+http://127.0.0.1:9/v1?model=m",
        "openai+https://169.254.169.254/v1?model=m",
    ],
)
async def test_who_adds_a_provider_cannot_read_this_machine(url: str) -> None:
    store = open_store("sqlite://")
    registry = Registry({"llm": Router()}, store, _none, Rules(Outbound()))
    with pytest.raises(InvalidInput):
        registry.check(Provider("a", url, stored=True))
    await store.close()
