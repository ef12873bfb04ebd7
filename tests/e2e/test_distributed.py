"""The distributed profile, by user story: PostgreSQL, Redis and S3, each service in processes of its own, killed and restarted under load."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from tests.conftest import ROOT
from tests.support.apart import SCRIPTED, Apart, gateway_port
from tests.support.servers import fresh_database, minio_url, postgresql_url, redis_url

from voiceagent.domain.identity import Principal
from voiceagent.models.store import ModelStore
from voiceagent.web.jwt import TokenKeys
from voiceagent.web.tokens import ServiceTokens

__all__ = ["minio_url", "postgresql_url", "redis_url"]

pytestmark = pytest.mark.timeout(900)

ONE_EACH = ("gateway", "engine", "voice", "documents", "worker", "dashboard")
TWICE = ("gateway", "gateway:2", "engine", "engine:2", "voice", "voice:2", "documents", "worker")
WITHIN_S = 120.0
"""A bound against standing still, not a measure."""
ALL = frozenset({"talk", "documents:read", "documents:write", "conversations:read"})


def installation(folder: Path, servers: tuple[str, str, str], name: str) -> Apart:
    """An installation with a database of its own on these servers."""
    database, redis, objects = servers
    return Apart(
        folder,
        {
            "VOICEAGENT_STORE__URL": fresh_database(database, name),
            "VOICEAGENT_CACHE__URL": redis,
            "VOICEAGENT_BUS__URL": redis,
            "VOICEAGENT_DISCOVERY__URL": redis,
            "VOICEAGENT_BLOBS__URL": objects,
            "VOICEAGENT_VECTORS__URL": f"local://{folder}/vectors",
            "VOICEAGENT_SERVER__DRAIN_S": "20",
            "VOICEAGENT_KEYS__URL": "env:///ROOT_KEY",
            "VOICEAGENT_KEYS__RING_URL": f"file://{folder}/ring",
            "ROOT_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        },
    )


@pytest.fixture(scope="module")
def servers(postgresql_url: str, redis_url: str, minio_url: str) -> tuple[str, str, str]:
    return postgresql_url, redis_url, minio_url


@pytest.fixture
def apart(servers: tuple[str, str, str], model_store: ModelStore, tmp_path: Path) -> Iterator[Apart]:
    """One process a service, with the real models."""
    mine = installation(tmp_path, servers, "with_models")
    mine.extra["VOICEAGENT_MODELS__DIR"] = str(model_store.root)
    yield mine
    mine.close()


@pytest.fixture(scope="module")
def replicas(servers: tuple[str, str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    """Two gateways, engines and voice processes, with scripted models; for all tests that leave it as it was."""
    mine = installation(tmp_path_factory.mktemp("replicas"), servers, "replicas")
    mine.extra |= SCRIPTED
    assert mine.init()["created"] is True
    mine.start(*TWICE)
    yield mine
    mine.close()


async def test_a_first_start_a_spoken_turn_and_a_document_cross_all_processes(apart: Apart) -> None:
    assert apart.init()["created"] is True
    assert apart.init() == {"created": False}
    apart.start(*ONE_EACH)
    apart.extra |= gateway_port(apart)
    run = apart.command("ask", str(ROOT / "demo" / "question.flac"), "--key", apart.api_key, "--json")
    assert run.returncode == 0, run.stdout + run.stderr
    asked = json.loads(run.stdout)
    assert "safe to swim" in asked["heard"].lower()
    assert asked["status"] == "completed" and asked["answered"]
    async with calling(apart) as client:
        await _a_document_is_found(client)
        async with client.post("/v1/chat/completions", json=chat("Hello")) as answer:
            assert answer.status == 200, await answer.text()
            request_id = answer.headers["x-request-id"]
        async with client.get("/api/v1/conversations") as answer:
            assert answer.status == 200
            assert "safe to swim" in (await answer.text()).lower() or (await answer.json())
    assert request_id in apart.said("gateway") and request_id in apart.said("engine")
    assert [apart.running[name].stop() for name in ONE_EACH] == [0] * len(ONE_EACH)


async def _a_document_is_found(client: aiohttp.ClientSession) -> None:
    form = aiohttp.FormData()
    form.add_field("file", b"The lighthouse keeper of Brae Ness is called Isbister.", filename="keeper.txt")
    async with client.post("/api/v1/documents", data=form) as answer:
        assert answer.status in (200, 201, 202), await answer.text()

    async def found() -> bool:
        query = {"query": "Who keeps the lighthouse of Brae Ness?"}
        async with client.post("/api/v1/search", json=query) as answer:
            return answer.status == 200 and "Isbister" in await answer.text()

    await until(found, within_s=WITHIN_S)


async def test_service_tokens_are_taken_only_by_the_service_they_were_made_for(replicas: Apart) -> None:
    caller = Principal("ten_default", "usr_x", ALL, "user")
    good = ServiceTokens(TokenKeys.from_secrets(replicas.secret))
    foreign = ServiceTokens(TokenKeys.random())
    async with aiohttp.ClientSession() as client:
        for service, path in (("engine", "/v1/models"), ("documents", "/api/v1/collections")):
            url = replicas.running[service].url + path
            offered = {
                good.issue(caller, service): 200,
                good.issue(caller, "voice"): 401,
                foreign.issue(caller, service): 401,
                "": 401,
            }
            for token, status in offered.items():
                async with client.get(url, headers={"X-Voiceagent-Service": token}) as answer:
                    assert answer.status == status, (service, status)
            async with client.get(url, headers={"Authorization": f"Bearer {replicas.api_key}"}) as answer:
                assert answer.status == 401, "a service takes no key: only the gateway is a door"


async def test_a_rolling_restart_drops_no_request_and_no_call(replicas: Apart) -> None:
    for name in ("gateway", "gateway:2"):
        await until(lambda name=name: serves(replicas, name), within_s=WITHIN_S)
    async with loaded(replicas) as load:
        for name in ("engine", "voice", "gateway"):
            before = load.total
            assert await asyncio.to_thread(replicas.running[name].stop) == 0
            await asyncio.to_thread(replicas.start, name)
            await until(lambda before=before: load.total >= before + 4, within_s=WITHIN_S)
    assert load.failed == []
    assert min(load.requests, load.calls) >= 3


async def test_a_killed_process_costs_only_what_it_held_and_comes_back(replicas: Apart) -> None:
    await until(lambda: serves(replicas, "gateway"), within_s=WITHIN_S)
    for service in ("engine", "voice", "gateway", "documents", "worker"):
        replicas.running[service].kill()
        await until(lambda: serves(replicas, "gateway:2"), within_s=WITHIN_S)
        await asyncio.to_thread(replicas.start, service)
        await until(lambda: serves(replicas, "gateway"), within_s=WITHIN_S)
    async with calling(replicas) as client:
        await until(lambda: _lists_documents(client), within_s=WITHIN_S)
        await _a_document_is_found(client)


async def _lists_documents(client: aiohttp.ClientSession) -> bool:
    async with client.get("/api/v1/documents") as answer:
        return answer.status == 200


async def serves(apart: Apart, gateway: str) -> bool:
    """Whether a call and a request come through: of processes that have just begun, a busy machine may let some be silent for seconds."""
    async with calling(apart, gateway) as client:
        try:
            await say(client, "meanwhile")
            async with client.post("/v1/chat/completions", json=chat("Hello")) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, AssertionError):
            return False


# --- the load ------------------------------------------------------------------------------------------------------------


@dataclass
class Load:
    """What callers met while the platform was restarted under them."""

    requests: int = 0
    calls: int = 0
    failed: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.requests + self.calls


@asynccontextmanager
async def loaded(apart: Apart) -> AsyncIterator[Load]:
    """Requests and calls all the time, sent as a balancer before the gateways would: to those that are ready."""
    load, ending = Load(), asyncio.Event()
    gateways = [name for name in apart.running if name.startswith("gateway")]
    ready = dict.fromkeys(gateways, True)

    async def watch() -> None:
        async with aiohttp.ClientSession() as client:
            while not ending.is_set():
                for name in gateways:
                    ready[name] = await _ready(client, apart.running[name].url)
                await asyncio.sleep(0.1)

    async def repeat(work: Callable[[aiohttp.ClientSession], Awaitable[None]], kind: str) -> None:
        turn = 0
        while not ending.is_set():
            turn += 1
            up = [name for name in gateways if ready[name]]
            name = up[turn % len(up)] if up else gateways[0]
            try:
                async with calling(apart, name) as client:
                    await work(client)
                setattr(load, kind, getattr(load, kind) + 1)
            except (aiohttp.ClientError, AssertionError, OSError, TimeoutError) as error:
                load.failed.append(f"{kind} at {name}: {error!r}"[:300])
            await asyncio.sleep(0.05)

    async def request(client: aiohttp.ClientSession) -> None:
        async with client.post("/v1/chat/completions", json=chat("Hello")) as answer:
            assert answer.status == 200, await answer.text()

    async def call(client: aiohttp.ClientSession) -> None:
        await say(client, "one", "two", "three")

    tasks = [asyncio.create_task(work) for work in (watch(), repeat(request, "requests"), repeat(call, "calls"))]
    try:
        yield load
    finally:
        ending.set()
        await asyncio.gather(*tasks)


async def _ready(client: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with client.get(f"{url}/health/ready", timeout=aiohttp.ClientTimeout(total=1)) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False


@asynccontextmanager
async def calling(apart: Apart, gateway: str = "gateway") -> AsyncIterator[aiohttp.ClientSession]:
    """A client of one gateway."""
    headers = {"Authorization": f"Bearer {apart.api_key}"}
    async with aiohttp.ClientSession(
        apart.running[gateway].url, headers=headers, timeout=aiohttp.ClientTimeout(total=WITHIN_S)
    ) as client:
        yield client


async def say(client: aiohttp.ClientSession, *words: str) -> None:
    """A realtime call with one turn a word; each must be answered."""
    async with client.ws_connect("/v1/realtime?model=voiceagent") as socket:
        for word in words:
            await turn(socket, word)


async def turn(socket: aiohttp.ClientWebSocketResponse, word: str) -> None:
    """One turn of an open call, which must be answered."""
    content = [{"type": "input_text", "text": word}]
    item = {"type": "message", "role": "user", "content": content}
    await socket.send_json({"type": "conversation.item.create", "item": item})
    await socket.send_json({"type": "response.create", "response": {"output_modalities": ["text"]}})
    ended: dict[str, object] = {"status": "closed"}
    async with asyncio.timeout(WITHIN_S / 2):
        async for message in socket:
            assert message.type is aiohttp.WSMsgType.TEXT, message
            event = json.loads(message.data)
            if event["type"] == "response.done":
                ended = event["response"]
                break
    assert ended["status"] == "completed", (ended, socket.close_code)


def chat(text: str) -> dict[str, object]:
    return {"model": "default", "messages": [{"role": "user", "content": text}], "max_tokens": 8}


async def until(condition: Callable[[], Awaitable[bool] | bool], *, within_s: float) -> None:
    """Wait for `condition`, and fail when it does not come."""
    async with asyncio.timeout(within_s):
        while not (met if isinstance(met := condition(), bool) else await met):
            await asyncio.sleep(0.2)
