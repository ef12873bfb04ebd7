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
    assert (await client.get("/config.json")).json() == {"gateway_port": 8080, "oidc": False}


async def test_the_page_learns_that_people_can_sign_in_by_a_provider(tmp_path: Path) -> None:
    page = Page(FastAPI(openapi_url=None), folder=tmp_path, gateway_port=8080, oidc=True)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=page), base_url="http://talk.local") as client:
        assert (await client.get("/config.json")).json() == {"gateway_port": 8080, "oidc": True}


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


@pytest.fixture
def built(tmp_path: Path) -> httpx2.AsyncClient:
    (tmp_path / "dist" / "assets").mkdir(parents=True)
    (tmp_path / "dist" / "index.html").write_text("<title>dashboard</title>")
    (tmp_path / "dist" / "assets" / "index-abc.js").write_text("1")
    page = Page(FastAPI(openapi_url=None), folder=tmp_path / "dist", gateway_port=8080)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=page), base_url="http://talk.local:3000")


@pytest.mark.parametrize("path", ["/", "/talk", "/talk/", "/documents/doc_1.x?page=2", "/health"])
async def test_an_address_of_the_dashboard_leads_to_its_index(built: httpx2.AsyncClient, path: str) -> None:
    answer = await built.get(path, headers={"accept": "text/html,*/*"})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
    assert "<title>dashboard</title>" in answer.text
    assert "unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/assets/gone.js", "/assets/"])
async def test_a_file_that_is_not_there_is_no_page(built: httpx2.AsyncClient, path: str) -> None:
    assert (await built.get(path, headers={"accept": "text/html"})).status_code == 404


async def test_what_is_no_page_and_no_file_is_not_found(built: httpx2.AsyncClient) -> None:
    answer = await built.get("/gone.json", headers={"accept": "application/json"})
    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-cache")


async def test_hashed_files_are_kept_and_nothing_else(built: httpx2.AsyncClient) -> None:
    assert "immutable" in (await built.get("/assets/index-abc.js")).headers["cache-control"]
    assert (await built.get("/assets/gone.js")).headers["cache-control"] == "no-cache"
