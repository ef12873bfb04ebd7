"""The gateway beside nginx and LiteLLM's proxy: the same small chat completion from the same server, through each, in one run.

    python bench/gateway/peers.py [--rate 500] [--seconds 8]

Each proxy runs alone on the first core, client and server (`wire.py`) on the second. Latency is from when a call was due to the end of its
answer. Then 32 connections ask as fast as they are answered: what one core carries. The gateway writes its access log, checks a key, and
counts limits. Needs nginx on the PATH; LiteLLM's environment is made at first use.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import uvloop

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "bench" / "gateway")]

import run as alone  # noqa: E402 - the benchmark of the gateway by itself, in this folder
import wire  # noqa: E402
from tests.support.ports import free_ports  # noqa: E402

from voiceagent.gateway.parts import GatewayParts  # noqa: E402
from voiceagent.kit.log import configure_logging  # noqa: E402

PROXY_CORE, CLIENT_CORE = 0, 1
BODY = {"model": "chat", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "chat",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}
KEY = "sk-bench"
PATH = "/v1/chat/completions"
READY_S = 120.0
CONNECTIONS = 32


async def _answers(port: int) -> None:
    body = json.dumps(ANSWER).encode()
    await asyncio.get_running_loop().create_server(lambda: wire.Answers(body), "127.0.0.1", port)
    await asyncio.Event().wait()


def _server(port: int) -> None:
    os.sched_setaffinity(0, {CLIENT_CORE})
    uvloop.run(_answers(port))


async def _gateway(upstream: int, pipe: Any) -> None:
    parts, secret = await alone.gateway_parts({name: [f"http://127.0.0.1:{upstream}"] for name in ("engine", "voice")})
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        configure_logging(stream=nowhere)
        await _serve(parts, secret, pipe)


async def _serve(parts: GatewayParts, secret: str, pipe: Any) -> None:
    servers = alone.Servers([alone.Listener(alone.create_gateway(parts), 0)])
    await servers.start()
    pipe.send((servers.ports[0], secret))
    await asyncio.Event().wait()


def _gateway_process(upstream: int, pipe: Any) -> None:
    os.sched_setaffinity(0, {PROXY_CORE})
    uvloop.run(_gateway(upstream, pipe))


@contextlib.contextmanager
def _spawned(target: Callable[..., None], *arguments: Any) -> Iterator[int]:
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments)
    process.start()
    try:
        yield process.pid or 0
    finally:
        process.kill()
        process.join()


@contextlib.contextmanager
def ours(upstream: int) -> Iterator[tuple[str, str, int]]:
    """The gateway: URL, key, process."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    with _spawned(_gateway_process, upstream, there) as pid:
        port, secret = here.recv()
        yield f"http://127.0.0.1:{port}", secret, pid


@contextlib.contextmanager
def _command(command: list[str], **environment: str) -> Iterator[int]:
    process = subprocess.Popen(
        ["taskset", "-c", str(PROXY_CORE), *command],
        env=os.environ | environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process.pid
    finally:
        for one in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
            one.kill()
        process.wait()


@contextlib.contextmanager
def nginx(upstream: int) -> Iterator[tuple[str, str, int]]:
    """nginx with one worker and connections kept to the server."""
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "nginx.conf"
        config.write_text(
            f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error; events {{}}\n"
            f"http {{ access_log off; keepalive_requests 1000000000;\n"
            f"upstream s {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000000; }}\n"
            f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://s; proxy_http_version 1.1;"
            ' proxy_set_header Connection ""; } } }\n'
        )
        with _command(["nginx", "-c", str(config)]) as pid:
            yield f"http://127.0.0.1:{port}", KEY, pid


@contextlib.contextmanager
def litellm(upstream: int) -> Iterator[tuple[str, str, int]]:
    """LiteLLM's proxy with one worker and a master key, without a database."""
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        target = {"model": "openai/chat", "api_base": f"http://127.0.0.1:{upstream}/v1", "api_key": "none"}
        config.write_text(
            json.dumps(
                {
                    "model_list": [{"model_name": "chat", "litellm_params": target}],
                    "general_settings": {"master_key": KEY},
                }
            )
        )
        script = ROOT / "bench" / "peers" / "litellm" / "run.sh"
        with _command([str(script), str(config), str(port)], LITELLM_LOG="ERROR", NO_PROXY="127.0.0.1") as pid:
            yield f"http://127.0.0.1:{port}", KEY, pid


async def ready(url: str, key: str) -> None:
    """Returns once a call is answered."""
    ends_at_s = time.monotonic() + READY_S
    async with aiohttp.ClientSession() as client:
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError):
                async with client.post(url + PATH, json=BODY, headers={"Authorization": f"Bearer {key}"}) as answer:
                    if answer.status == 200:
                        return
            if time.monotonic() > ends_at_s:
                raise SystemExit(f"{url} does not get ready")
            await asyncio.sleep(0.2)


def _cpu_s(pid: int) -> float:
    root = psutil.Process(pid)
    return sum(sum(one.cpu_times()[:2]) for one in (root, *root.children(recursive=True)))


async def measured(name: str, way: tuple[str, str, int], rate: float, seconds: float) -> None:
    """A line for the steady rate and one for what it carries at most."""
    url, key, pid = way
    client = wire.Client(int(url.rpartition(":")[2]), wire.request(PATH, key, json.dumps(BODY).encode()))
    await client.steady(min(rate, 50.0), 2.0)
    client.statuses.clear()
    before_s = _cpu_s(pid)
    took_ms = sorted(await client.steady(rate, seconds))
    cpu_ms = (_cpu_s(pid) - before_s) * 1000 / len(took_ms)
    p50, p99 = statistics.median(took_ms), took_ms[int(len(took_ms) * 0.99)]
    print(
        f"{name:<10} {rate:5.0f}/s  n={len(took_ms):5} failed {client.failed:4}  p50 {p50:8.2f} ms  p99 {p99:8.2f} ms  CPU {cpu_ms:6.3f} ms a call"
    )
    before_s = _cpu_s(pid)
    most = await client.most(CONNECTIONS, seconds)
    cpu_ms = (_cpu_s(pid) - before_s) * 1000 / (most * seconds)
    print(
        f"{name:<10} as many as it carries: {most:6.0f} calls/s, CPU {cpu_ms:6.3f} ms a call, failed {client.failed}",
        flush=True,
    )
    client.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rate", type=float, default=500)
    options.add_argument("--slow-rate", type=float, default=50, help="a rate that LiteLLM carries, too")
    options.add_argument("--seconds", type=float, default=8.0)
    chosen = options.parse_args()
    os.sched_setaffinity(0, {CLIENT_CORE})
    (upstream,) = free_ports(1)
    with _spawned(_server, upstream):
        direct = (f"http://127.0.0.1:{upstream}", KEY, os.getpid())
        uvloop.run(ready(direct[0], KEY))
        for rate in (chosen.slow_rate, chosen.rate):
            uvloop.run(measured("direct", direct, rate, chosen.seconds))
            for name, start in (("nginx", nginx), ("voiceagent", ours), ("LiteLLM", litellm)):
                if name == "LiteLLM" and rate > chosen.slow_rate:
                    continue  # more than it carries: its queue, not its latency, would be measured
                with start(upstream) as way:
                    uvloop.run(ready(way[0], way[1]))
                    uvloop.run(measured(name, way, rate, chosen.seconds))


if __name__ == "__main__":
    main()
