"""The gateway passes HTTP calls on: who may, what is dropped, streams both ways, ends that are noticed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from tests.support.gateway_rig import Rig, gateway_rig, problem_of
from tests.support.patience import ANSWER_S, until
from yarl import URL

from voiceagent.gateway.link import LinkOptions
from voiceagent.gateway.routes_proxied import FORWARDED


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with gateway_rig() as made:
        yield made


async def test_every_forwarded_path_reaches_its_service_with_the_callers_identity(rig: Rig) -> None:
    _, headers = await rig.key("ten_b", "owner")
    for row in FORWARDED:
        for path in (row.path, row.path + "/x/y"):
            async with rig.client.put(path, headers=headers, data=b"12345") as answer:
                seen = await answer.json()
            assert (answer.status, seen["service"], seen["path"]) == (200, row.service, path)
            assert (seen["tenant"], seen["body_bytes"], seen["method"]) == ("ten_b", 5, "PUT")


async def test_a_service_that_refuses_the_gateway_does_not_make_the_callers_key_look_bad() -> None:
    async with gateway_rig(estranged=True) as rig:
        _, headers = await rig.key()
        async with rig.client.get("/v1/models", headers=headers) as answer:
            assert await problem_of(answer) == (503, "service_unavailable")


async def test_a_trace_that_a_caller_began_goes_on_and_what_is_none_does_not(rig: Rig) -> None:
    _, headers = await rig.key()
    trace_id, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    for offered, state in ((f"00-{trace_id}-{parent}-01", "vendor=1"), ("nonsense", "vendor=1"), ("", "")):
        told = {"traceparent": offered, "tracestate": state} if offered else {}
        async with rig.client.get("/v1/models", headers=headers | told) as answer:
            seen = dict(map(tuple, (await answer.json())["headers"]))
        if state and offered != "nonsense":
            version, same, span, flags = seen["traceparent"].split("-")
            assert (version, same, flags, seen["tracestate"]) == ("00", trace_id, "01", "vendor=1")
            assert span != parent
        else:
            assert not {"traceparent", "tracestate"} & seen.keys()


async def test_headers_that_only_the_gateway_may_say_are_dropped_both_ways(rig: Rig) -> None:
    key, headers = await rig.key()
    forged = headers | {
        "X-Voiceagent-Service": "forged",
        "X-Voiceagent-Tenant": "ten_b",
        "X-Forwarded-For": "10.0.0.1",
        "X-User-Id": "usr_root",
        "X_Voiceagent_Service": "forged",
        "Forwarded": "for=10.0.0.1",
        "Cookie": "session=1",
        "X-Request-Id": "req_chosen_by_caller",
        "Connection": "x-inner",
        "X-Inner": "1",
        "X-Harmless": "yes",
        "Accept-Encoding": "gzip",
    }
    async with rig.client.get("/v1/models?x=1&y=a%20b", headers=forged) as answer:
        seen = await answer.json()
        names = [name for name, _ in seen["headers"]]
        values = dict(map(tuple, seen["headers"]))
        assert answer.headers["x-kept"] == "yes"
        assert "x-dropped" not in answer.headers
        assert answer.headers.getall("x-request-id") == [values["x-request-id"]]
        assert len(answer.headers.getall("date")) == 1
        assert len(answer.headers.getall("x-content-type-options")) == 1
    assert sorted(set(names)) == sorted(
        [
            "host",
            "x-voiceagent-service",
            "x-voiceagent-left-ms",
            "x-request-id",
            "x-harmless",
            "accept",
            "accept-encoding",
            "user-agent",
        ]
    )
    assert len(names) == len(set(names))
    assert values["x-voiceagent-service"] != "forged"
    assert values["x-request-id"] != "req_chosen_by_caller"
    assert (seen["query"], seen["subject"]) == ("x=1&y=a%20b", key.key_id)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/files/..%2f..%2fapi%2fv1%2fkeys",
        "/v1/files/%2e%2e/models",
        "/v1/files/../models",
        "/v1/files/./x",
        "/v1/files//x",
        "/v1/files/a%5cb",
        "/v1/files/a%00b",
        "/v1/files/a%252fb",
        "/v1/files/a%0d%0ax",
    ],
)
async def test_paths_that_two_servers_may_read_differently_are_refused(rig: Rig, path: str) -> None:
    _, headers = await rig.key()
    async with rig.client.get(URL(rig.url + path, encoded=True), headers=headers) as answer:
        assert answer.status in (400, 404)
        assert "service" not in await answer.json()


async def raw_exchange(rig: Rig, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
    writer.write(request)
    writer.write_eof()
    async with asyncio.timeout(ANSWER_S):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: 5, 5",
        b"Content-Length: +5",
        b"Content-Length: 0x5",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding:\x0bchunked",
    ],
)
async def test_smuggled_requests_are_never_answered(rig: Rig, framing: bytes) -> None:
    _, headers = await rig.key()
    auth = b"Authorization: " + headers["Authorization"].encode()
    inner = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n" + auth + b"\r\n\r\n"
    request = b"POST /v1/files HTTP/1.1\r\nHost: x\r\n" + auth + b"\r\n" + framing + b"\r\n\r\n0\r\n\r\n" + inner
    answer = await raw_exchange(rig, request)
    assert answer.count(b"HTTP/1.1 200") == 0
    assert b'"service"' not in answer


async def test_ten_mebibytes_pass_announced_and_chunked_and_too_much_does_not(rig: Rig) -> None:
    _, headers = await rig.key()
    size = 10 * 1024 * 1024

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(160):
            yield b"x" * 65_536

    for data in (b"x" * size, chunks()):
        async with rig.client.post("/v1/audio/sink", headers=headers, data=data) as answer:
            assert await answer.json() == {"body_bytes": size}
    async with rig.client.post("/v1/models", headers=headers, data=b"x" * (4 * 1024 * 1024 + 1)) as answer:
        assert await problem_of(answer) == (413, "body_too_large")

    async def many_chunks() -> AsyncIterator[bytes]:
        for _ in range(80):
            yield b"x" * 65_536

    async with rig.client.post("/v1/models", headers=headers, data=many_chunks()) as answer:
        assert await problem_of(answer) == (413, "body_too_large")


async def test_pieces_are_passed_as_they_come(rig: Rig) -> None:
    _, headers = await rig.key()
    async with rig.client.get("/v1/audio/stream", headers=headers) as answer, asyncio.timeout(ANSWER_S):
        assert await answer.content.readany() == b"first;"
        rig.probe.release.set()
        assert await answer.content.read() == b"second;"


async def test_a_caller_who_leaves_stops_the_service(rig: Rig) -> None:
    _, headers = await rig.key()
    answer = await rig.client.get("/v1/audio/stream", headers=headers)
    await answer.content.readany()
    answer.close()
    async with asyncio.timeout(ANSWER_S):
        await rig.probe.cancelled.wait()


async def test_a_caller_who_leaves_before_the_answer_frees_the_line(rig: Rig) -> None:
    _, headers = await rig.key()
    links = rig.app.state.gateway.links
    call = asyncio.create_task(rig.client.post("/v1/audio/slow", headers=headers, data=b"x"))
    await until(lambda: links.to("voice").all[0].outstanding)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(lambda: not links.to("voice").all[0].outstanding)


async def test_a_reader_who_never_reads_costs_bounded_memory(rig: Rig) -> None:
    _, headers = await rig.key()
    _, writer = await asyncio.open_connection("127.0.0.1", rig.port, limit=1024)
    line = f"GET /v1/audio/flood HTTP/1.1\r\nHost: x\r\nAuthorization: {headers['Authorization']}\r\n\r\n"
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(line.encode())
    await settled(lambda: rig.probe.sent_messages)
    assert 0 < rig.probe.sent_messages < 600, "of 4,000 pieces of 64 KiB only what kernel and buffers hold"
    writer.transport.abort()


async def settled(count: Callable[[], int]) -> None:
    """Wait until a number that grows has begun to, and has stopped for half a second."""
    before = 0
    async with asyncio.timeout(ANSWER_S):
        while before != (now := count()) or not now:
            before = now
            await asyncio.sleep(0.5)


async def test_an_answer_that_breaks_is_cut_not_completed(rig: Rig) -> None:
    _, headers = await rig.key()
    with pytest.raises(aiohttp.ClientPayloadError):
        async with rig.client.get("/v1/audio/broken", headers=headers) as answer:
            await answer.read()


async def test_a_dead_service_is_a_problem_in_the_shape_of_its_plane(rig: Rig) -> None:
    _, headers = await rig.key()
    await rig.services.stop()
    async with rig.client.get("/v1/models", headers=headers) as answer:
        assert await problem_of(answer) == (503, "service_unavailable")
        assert "error" in await answer.json()
        assert int(answer.headers["retry-after"]) >= 1
    async with rig.client.get("/api/v1/agents", headers=headers) as answer:
        assert await problem_of(answer) == (503, "service_unavailable")
        assert answer.headers["content-type"] == "application/problem+json"
    async with rig.client.get("/api/v1/health", headers=headers) as answer:
        body = await answer.json()
        assert (answer.status, body["status"], body["services"]["voice"]["status"]) == (
            200,
            "unavailable",
            "unavailable",
        )
        assert body["services"]["gateway"]["parts"]["store"] is True
        assert body["services"]["voice"]["live"] is False and body["services"]["voice"]["latency_ms"] is None


async def test_health_asks_every_service(rig: Rig) -> None:
    _, headers = await rig.key()
    async with rig.client.get("/api/v1/health", headers=headers) as answer:
        body = await answer.json()
    assert body["status"] == "ok"
    assert set(body["services"]) == {"gateway", "engine", "voice", "documents"}
    assert all(one["live"] and one["latency_ms"] >= 0 for one in body["services"].values())
    assert body["version"]


async def test_a_silent_service_is_a_deadline() -> None:
    async with gateway_rig(link=LinkOptions(silence_s=0.2, probes=False)) as rig:
        _, headers = await rig.key()
        async with rig.client.post("/v1/audio/slow", headers=headers, data=b"x") as answer:
            assert await problem_of(answer) == (504, "service_deadline")


async def test_probes_notice_a_service_that_died() -> None:
    async with gateway_rig(link=LinkOptions(probes=True)) as rig:
        _, headers = await rig.key()
        await rig.services.stop()
        async with asyncio.timeout(ANSWER_S):
            while rig.app.state.gateway.links.to("engine").all[0].answers:
                await asyncio.sleep(0.05)
        async with rig.client.get("/health/ready") as answer:
            assert answer.status == 503
        async with rig.client.get("/v1/models", headers=headers) as answer:
            assert await problem_of(answer) == (503, "service_unavailable")


async def test_a_gateway_is_not_ready_before_every_service_has_answered_once() -> None:
    async with gateway_rig(link=LinkOptions(probes=True)) as rig:
        async with asyncio.timeout(ANSWER_S):
            while not all(
                rig.app.state.gateway.links.to(name).all[0].heard for name in ("engine", "voice", "documents")
            ):
                await asyncio.sleep(0.02)
        async with rig.client.get("/health/ready") as answer:
            assert answer.status == 200
        rig.app.state.gateway.links.to("voice").move_to(["http://127.0.0.1:9"])
        async with rig.client.get("/health/ready") as answer:
            assert answer.status == 503, "it was not asked yet, so nobody knows"


async def test_services_take_nobody_without_a_service_token(rig: Rig) -> None:
    _, headers = await rig.key()
    async with aiohttp.ClientSession() as stranger:
        for port in rig.services.ports:
            for offered in ({}, headers, {"X-Voiceagent-Service": "x.y.z"}):
                async with stranger.get(f"http://127.0.0.1:{port}/v1/anything", headers=offered) as answer:
                    assert answer.status == 401


async def test_logs_hold_no_credentials_queries_or_bodies(rig: Rig, capfd: pytest.CaptureFixture[str]) -> None:
    _, headers = await rig.key()
    async with rig.client.post("/v1/models?ticket=canary-query", headers=headers, data=b"canary-body"):
        pass
    with contextlib.suppress(aiohttp.WSServerHandshakeError):
        await rig.client.ws_connect(
            "/v1/realtime?ticket=canary-query", protocols=("openai-insecure-api-key.canary-key",)
        )
    out, err = capfd.readouterr()
    assert "/v1/models" in out + err
    for secret in ("canary-query", "canary-body", "canary-key", headers["Authorization"][7:]):
        assert secret not in out + err
    assert json.dumps("canary-query") not in out


@contextlib.asynccontextmanager
async def hanging(*, begun: bool) -> AsyncIterator[str]:
    """A service that begins an answer (or does not) and gives no sign of life, as a process does that is stopped."""
    held: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        asked = await reader.readuntil(b"\r\n\r\n")
        if begun and b"/health/" not in asked:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for writer in held:
            writer.close()
        server.close()


@pytest.mark.parametrize("begun", [False, True])
async def test_a_call_to_a_process_that_hangs_ends_long_before_the_longest_silence(begun: bool) -> None:
    async with (
        gateway_rig(link=LinkOptions(silence_s=600)) as rig,
        hanging(begun=begun) as stuck,
        asyncio.timeout(ANSWER_S),
    ):
        upstreams = rig.app.state.gateway.links.to("engine")
        upstreams.move_to((stuck,))
        _, headers = await rig.key()
        with contextlib.suppress(aiohttp.ClientPayloadError):
            async with rig.client.get("/v1/models", headers=headers) as answer:
                if not begun:
                    assert await problem_of(answer) == (503, "service_unavailable")
                    return
                assert await answer.content.readexactly(5) == b"first"
                await answer.read()
                pytest.fail("an answer that was cut off looks whole")


async def test_a_read_from_a_process_that_hangs_is_answered_by_another() -> None:
    async with gateway_rig(link=LinkOptions(silence_s=600)) as probing, hanging(begun=False) as stuck:
        upstreams = probing.app.state.gateway.links.to("engine")
        well = upstreams.all[0].url
        upstreams.move_to((stuck, well))
        upstreams.all[1].outstanding = 1  # so that the first choice is the one that hangs
        _, headers = await probing.key()
        async with asyncio.timeout(ANSWER_S), probing.client.get("/v1/models", headers=headers) as answer:
            assert answer.status == 200


@contextlib.asynccontextmanager
async def cutting(asked: list[str], *, reset: bool) -> AsyncIterator[str]:
    """A service that takes a request and cuts the connection; asked: the methods that came."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.partition(b" ")[0].decode())
        if reset:  # closed with what was not read, or told to: the peer hears of a reset, not of an end
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    ("method", "path", "tries"),
    [("GET", "/v1/models", 2), ("PUT", "/api/v1/agents/x", 1), ("DELETE", "/api/v1/agents/x", 1), ("POST", "/api/v1/agents", 1)],
)  # fmt: skip
async def test_a_call_that_is_cut_is_sent_again_once_and_only_when_it_reads(
    rig: Rig, method: str, path: str, tries: int, reset: bool
) -> None:
    asked: list[str] = []
    async with cutting(asked, reset=reset) as one, cutting(asked, reset=reset) as two:
        rig.app.state.gateway.links.to("engine").move_to((one, two))
        _, headers = await rig.key()
        async with rig.client.request(method, path, headers=headers) as answer:
            assert await problem_of(answer) == (503, "service_unavailable")
    assert asked == [method] * tries
