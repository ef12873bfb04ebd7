"""Providers' limits: what headers say, and that no call goes out before."""

from __future__ import annotations

import pytest
from tests.support.chat_server import WHOLE, chat_server

from voiceagent.adapters.llm.openai import open_llm
from voiceagent.adapters.llm.openai_url import server_at
from voiceagent.adapters.llm.rates import Rates, paused, reset_s, told
from voiceagent.domain.conversation import Message
from voiceagent.kit.calls.outbound import Outbound
from voiceagent.kit.errors import InvalidInput, Misconfigured, RateLimited, Unavailable
from voiceagent.ports.llm import ChatRequest

ASK = ChatRequest((Message("user", "Hi"),), max_output_tokens=50)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("1s", 1), ("6m0s", 360), ("20ms", 0.02), ("1h2m3s", 3723), ("1.5", 1.5), ("", 1), (None, 1), ("soon", 1), ("-3", 1), ("9d", 86_400)],
)  # fmt: skip
def test_a_reset_is_read_in_every_form(value: str | None, seconds: float) -> None:
    assert reset_s(value) == pytest.approx(seconds)


def test_a_spent_window_closes_until_its_end() -> None:
    rates = told(Rates(), {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2s"}, 100.0)
    assert rates.wait_s(101.0, 1) == pytest.approx(1.0) and rates.wait_s(102.0, 1) == 0
    rates = told(rates, {"x-ratelimit-remaining-tokens": "60", "x-ratelimit-reset-tokens": "5s"}, 103.0)
    assert rates.wait_s(104.0, 61) == pytest.approx(4.0) and rates.wait_s(104.0, 60) == 0
    assert rates.wait_s(108.1, 10_000) == 0, "the window is over"
    assert paused(rates, 30, 104.0).wait_s(105.0, 1) == pytest.approx(29.0)


@pytest.mark.parametrize("header", ["Retry-After", "retry-after-ms", "x-ratelimit"])
async def test_no_call_goes_out_before_the_provider_allows_it(header: str) -> None:
    headers = {
        "Retry-After": {"Retry-After": "30"},
        "retry-after-ms": {"retry-after-ms": "30000"},
        "x-ratelimit": {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "30s"},
    }[header]
    async with chat_server() as server:
        server.refuses(429, headers=headers)
        llm = open_llm(f"openai+{server.url}?model=m")
        for _ in range(3):
            with pytest.raises(RateLimited) as caught:
                await anext(llm.stream(ASK))
        assert caught.value.retry_after_s == pytest.approx(30, abs=1) or header == "x-ratelimit"
        assert len(server.bodies) == 1
        await llm.close()


async def test_azure_is_called_by_deployment_with_its_version_and_header() -> None:
    async with chat_server() as server:
        server.says(*WHOLE)
        url = server.url.removesuffix("/v1")
        llm = open_llm(f"azure+{url}?deployment=my-gpt&api_version=2024-10-21", api_key="azure-key")
        with pytest.raises(InvalidInput):  # the double has no such path: 404 is a refusal
            await anext(llm.stream(ASK))
        assert server.bodies == []
        await llm.close()
    made = server_at("azure+https://x.openai.azure.com?deployment=my-gpt&api_version=2024-10-21", api_key="k")
    assert made.base_url == "https://x.openai.azure.com/openai/deployments/my-gpt"
    assert made.credentials() == {"api-key": "k"} and made.capabilities.model == "my-gpt"
    for bad in ("azure+https://x.example?deployment=d", "azure+https://x.example?api_version=2024-10-21"):
        with pytest.raises(Misconfigured):
            server_at(bad)


async def test_a_guarded_client_calls_nobody_inside() -> None:
    async with chat_server() as server:
        server.says(*WHOLE)
        with pytest.raises(InvalidInput):
            open_llm(f"openai+{server.url}?model=m", outbound=Outbound())
        port = server.url.split(":")[2].split("/")[0]
        rebound = open_llm(f"openai+https://localtest.me.example:{port}/v1?model=m", outbound=Outbound())
        with pytest.raises(Unavailable):
            await anext(rebound.stream(ASK))
        listed = open_llm(f"openai+{server.url}?model=m", outbound=Outbound(("127.0.0.1",)))
        assert await anext(listed.stream(ASK))
        assert len(server.bodies) == 1
        for llm in (rebound, listed):
            await llm.close()
