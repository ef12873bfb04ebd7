"""What the log says of a server that is not ready."""

from __future__ import annotations

import httpx2 as httpx
import structlog

from voiceagent.kit.errors import Unavailable
from voiceagent.web.app import create_app
from voiceagent.web.jwt import TokenKeys
from voiceagent.web.tokens import ServiceAuthenticator, ServiceTokens


async def test_the_log_names_the_parts_that_are_missing_once_and_when_they_are_back() -> None:
    app = create_app("engine", title="engine", auth=ServiceAuthenticator(ServiceTokens(TokenKeys.random()), "engine"))
    parts = {"store": True, "vectors": False}

    async def ready() -> dict[str, bool]:
        if not parts:
            raise Unavailable("store_unavailable", "away")
        return parts

    app.state.ready = ready
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://engine")
    with structlog.testing.capture_logs() as logs:
        assert [(await client.get("/health/ready")).status_code for _ in range(3)] == [503] * 3
        parts["vectors"] = True
        assert [(await client.get("/health/ready")).status_code for _ in range(3)] == [200] * 3
        parts.clear()
        assert (await client.get("/health/ready")).json() == {"status": "unavailable"}
    told = [(one["event"], one.get("parts")) for one in logs if one["event"].startswith("parts_")]
    assert told == [("parts_missing", ("vectors",)), ("parts_complete", None), ("parts_missing", ("answer",))]
