"""The page's server: files for anybody, sealed by headers; health behind it; nothing else."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from voiceagent.apps.dashboard import Page


@pytest.fixture
def client(tmp_path: Path) -> httpx2.AsyncClient:
    (tmp_path / "index.html").write_text("<title>talk</title>")
    (tmp_path / "app.js").write_text("1")
    (tmp_path.parent / "outside.txt").write_text("secret")
    app = FastAPI(openapi_url=None)

    @app.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    page = Page(app, folder=tmp_path, gateway_port=8080)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=page), base_url="http://talk.local:3000")


async def test_the_page_may_reach_itself_and_the_gateway_of_its_own_host_only(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/")
    assert answer.status_code == 200
    assert "<title>talk</title>" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self' ws://talk.local:8080 wss://talk.local:8080 " in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_page_learns_where_the_gateway_is(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/config.json")).json() == {"gateway_port": 8080}


@pytest.mark.parametrize("path", ["/absent.js", "/../outside.txt", "/%2e%2e/outside.txt", "/..%2foutside.txt"])
async def test_nothing_else_is_served(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_the_page_takes_nothing(client: httpx2.AsyncClient, method: str) -> None:
    assert (await client.request(method, "/app.js")).status_code == 405


@pytest.mark.parametrize("host", ["evil.example; script-src *", "a b", "x" * 300, "'none'"])
async def test_a_strange_host_does_not_get_into_the_policy(client: httpx2.AsyncClient, host: str) -> None:
    answer = await client.get("/", headers={"host": host})
    assert "connect-src 'self' ws://127.0.0.1:8080" in answer.headers["content-security-policy"]


async def test_health_is_the_servers(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/health/live")).json() == {"status": "ok"}
