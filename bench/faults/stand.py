"""The distributed profile with a relay before every server: two gateways, engines and voice processes, documents, a worker, and all they need."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from tests.support.apart import SCRIPTED, Apart, Instance, answers
from tests.support.ports import free_ports
from tests.support.servers import (
    WEAVIATE_KEY,
    fresh_database,
    minio_server,
    postgresql_server,
    redis_server,
    wait_for_queries,
    weaviate_server,
)

from bench.faults.relay import Relay

HERE = Path(__file__).parent
OWN = ("gateway", "gateway:2", "engine", "engine:2", "voice", "voice:2", "documents", "worker")
DEPENDENCIES = ("postgresql", "redis", "weaviate", "s3", "llm", "stt", "tts")
SERVICES = ("gateway", "engine", "voice", "documents", "worker")
START_S = 120.0
READY = {"weaviate": "http://127.0.0.1:{}/v1/.well-known/ready", "s3": "http://127.0.0.1:{}/minio/health/ready"}


@dataclass
class Server:
    """A dependency as processes: found by its port, started again as it was. command: where the process has renamed itself.

    ready: the URL that answers once it serves; without one it serves when it listens.
    """

    port: int
    command: list[str] = field(default_factory=list)
    ready: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        leader = self._leader()
        self.command = self.command or leader.cmdline()
        self.environment = leader.environ()

    def tree(self) -> list[psutil.Process]:
        """The process that was started, and all below it."""
        leader = self._leader()
        return [leader, *leader.children(recursive=True)]

    def _leader(self) -> psutil.Process:
        """The session's first process: PostgreSQL's listener may be the child of the one that changed the user."""
        listener = next(
            one.pid for one in psutil.net_connections("tcp") if one.laddr.port == self.port and one.status == "LISTEN"
        )
        assert listener is not None
        return psutil.Process(os.getsid(listener))

    def start(self) -> None:
        """Again, with the same words; returns when it takes connections."""
        quiet = subprocess.DEVNULL
        subprocess.Popen(self.command, env=self.environment, start_new_session=True, stdout=quiet, stderr=quiet)
        ends_at_s = time.monotonic() + START_S
        while not (_listens(self.port) and (not self.ready or answers(self.ready))):
            if time.monotonic() > ends_at_s:
                raise RuntimeError(f"{self.command[0]} did not come back")
            time.sleep(0.02)
        if "postgres" in " ".join(self.command):
            wait_for_queries(self.port)  # it listens while it still reads its log again, and refuses everybody


@dataclass
class Stand:
    """A running installation. relays: by part; of a service that runs twice, those before its first process.

    gateways: the addresses that clients know, through relays.
    """

    apart: Apart
    relays: dict[str, list[Relay]] = field(default_factory=dict)
    servers: dict[str, Server] = field(default_factory=dict)
    gateways: tuple[str, ...] = ()
    _frozen: list[psutil.Process] = field(default_factory=list)

    async def fail(self, part: str, fault: str) -> None:
        """Let `fault` happen to `part` from now on."""
        if fault == "kill":
            await asyncio.to_thread(self._signal, part, signal.SIGKILL)
        elif fault == "freeze":
            await asyncio.to_thread(self._signal, part, signal.SIGSTOP)
        else:
            await asyncio.gather(*(relay.fail(fault) for relay in self.relays[part]))

    async def heal(self, part: str, fault: str) -> None:
        """End the fault. A killed process of ours is started, as a supervisor does it; a killed dependency takes connections again."""
        if fault == "kill" and part in self.servers:
            await asyncio.to_thread(self.servers[part].start)
        elif fault == "kill":
            self.apart.spawn(part)
        elif fault == "freeze":
            for one in self._frozen:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.send_signal(signal.SIGCONT)
            self._frozen.clear()
        else:
            await asyncio.gather(*(relay.heal() for relay in self.relays[part]))

    def dead(self) -> list[str]:
        """Our processes that are no more."""
        return [
            name for name, one in self.apart.running.items() if one.process is None or one.process.poll() is not None
        ]

    def resident_bytes(self) -> dict[str, int]:
        """What each of our processes holds."""
        return {
            name: psutil.Process(one.process.pid).memory_info().rss
            for name, one in self.apart.running.items()
            if one.process is not None and one.process.poll() is None
        }

    def _signal(self, part: str, number: signal.Signals) -> None:
        if part in self.servers:
            tree = self.servers[part].tree()
        else:
            process = self.apart.running[part].process
            assert process is not None
            tree = [psutil.Process(process.pid)]
        for one in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(number)
        if number == signal.SIGSTOP:
            self._frozen = tree
        elif part in self.apart.running:
            self.apart.running[part].kill()
        else:
            psutil.wait_procs(tree, timeout=10)


@contextlib.asynccontextmanager
async def stand(folder: Path, *, direct: bool = False, **settings: str) -> AsyncIterator[Stand]:
    """Start everything; end everything. settings: further ones of ours, by environment name.

    direct: our own processes call each other without relays, which take a connection before they know that nobody is behind them.
    """
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.ExitStack() as servers:
        urls, ports, commands = await asyncio.to_thread(_servers, servers)
        made = Stand(Apart(folder, {}))
        relays = {name: [_relay(port) for port in listened] for name, listened in ports.items()}
        instances = _instances(made.apart)
        relays |= {name: [_relay(instances[name].port)] for name in ("gateway", "engine", "voice", "documents")}
        seconds = {name: _relay(instances[name].port) for name in ("gateway:2", "engine:2", "voice:2")}
        made.relays = relays
        made.gateways = tuple(
            f"http://127.0.0.1:{port}" for port in (relays["gateway"][0].port, seconds["gateway:2"].port)
        )
        if direct:
            made.gateways = tuple(instances[name].url for name in ("gateway", "gateway:2"))
            for name, relay in [(n, r[0]) for n, r in relays.items() if n in instances] + list(seconds.items()):
                relay.port = instances[name].port
        made.apart.settings.update(_settings(urls, relays, seconds, folder))
        made.apart.extra |= SCRIPTED | _models(relays) | settings
        every = [one for name in DEPENDENCIES for one in relays[name]] if direct else _all(relays, seconds)
        await asyncio.gather(*(one.open() for one in every))
        try:
            await asyncio.to_thread(made.apart.init)
            await asyncio.to_thread(made.apart.start, *OWN)
            made.servers = {
                name: Server(listened[0], commands.get(name, []), READY.get(name, "").format(listened[0]))
                for name, listened in ports.items()
            }
            yield made
        finally:
            await asyncio.to_thread(made.apart.close)
            await asyncio.gather(*(one.close() for one in every))
            for one in made.servers.values():
                with contextlib.suppress(psutil.NoSuchProcess, StopIteration):
                    for process in one.tree():
                        process.kill()


def _servers(stack: contextlib.ExitStack) -> tuple[dict[str, str], dict[str, list[int]], dict[str, list[str]]]:
    """Real PostgreSQL, Redis, Weaviate and MinIO, and a model server each for chat, recognition and speech: URLs, ports and commands."""
    redis_url, redis = stack.enter_context(redis_server())
    urls = {
        "postgresql": fresh_database(stack.enter_context(postgresql_server()), "faults"),
        "redis": redis_url,
        "weaviate": stack.enter_context(weaviate_server()),
        "s3": stack.enter_context(minio_server()),
    }
    ports = {name: [urlsplit(url).port or 0] for name, url in urls.items()}
    ports["s3"] = [int(urls["s3"].partition("endpoint=http://127.0.0.1:")[2].partition("&")[0])]
    for name in ("llm", "stt", "tts"):
        ports[name] = [stack.enter_context(_model_server())]
    return urls, ports, {"redis": [str(part) for part in redis.args]}  # type: ignore[union-attr]


@contextlib.contextmanager
def _model_server() -> Iterator[int]:
    port = free_ports(1)[0]
    process = subprocess.Popen([sys.executable, str(HERE / "models.py"), str(port)], start_new_session=True)
    try:
        ends_at_s = time.monotonic() + START_S
        while not answers(f"http://127.0.0.1:{port}/v1/models"):
            if time.monotonic() > ends_at_s or process.poll() is not None:
                raise RuntimeError("the model server does not start")
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


def _instances(apart: Apart) -> dict[str, Instance]:
    """Our processes with their ports, drawn before they start: the relays must know them."""
    for name in OWN:
        log = apart.folder / f"{name.replace(':', '-')}.log"
        apart.running[name] = Instance(name.partition(":")[0], name, free_ports(1)[0], log)
    return apart.running


def _all(relays: dict[str, list[Relay]], seconds: dict[str, Relay]) -> list[Relay]:
    return [one for several in relays.values() for one in several] + list(seconds.values())


def _relay(target_port: int) -> Relay:
    return Relay(target_port, free_ports(1)[0])


def _settings(
    urls: dict[str, str], relays: dict[str, list[Relay]], seconds: dict[str, Relay], folder: Path
) -> dict[str, str]:
    through = {
        name: urls[name].replace(f":{urlsplit(urls[name]).port}", f":{relays[name][0].port}")
        for name in urls
        if name != "s3"
    }
    endpoint = urls["s3"].partition("endpoint=")[2].partition("&")[0]
    services = {
        f"VOICEAGENT_SERVICES__{name.upper()}": ",".join(
            f"http://127.0.0.1:{one.port}" for one in (*relays[name], *filter(None, [seconds.get(f"{name}:2")]))
        )
        for name in ("engine", "voice", "documents")
    }
    return services | {
        "VOICEAGENT_STORE__URL": through["postgresql"],
        "VOICEAGENT_CACHE__URL": through["redis"],
        "VOICEAGENT_BUS__URL": through["redis"],
        "VOICEAGENT_VECTORS__URL": through["weaviate"].partition("?")[0],
        "VOICEAGENT_BLOBS__URL": urls["s3"].replace(endpoint, f"http://127.0.0.1:{relays['s3'][0].port}"),
        "VOICEAGENT_SERVER__DRAIN_S": "20",
        "WEAVIATE_API_KEY": WEAVIATE_KEY,
        "VOICEAGENT_KEYS__URL": f"file://{folder}/root.key",
        "VOICEAGENT_KEYS__RING_URL": f"file://{folder}/ring",
    }


def _models(relays: dict[str, list[Relay]]) -> dict[str, str]:
    base = {name: f"openai+http://127.0.0.1:{relays[name][0].port}/v1?model=chaos" for name in ("llm", "stt", "tts")}
    return {
        "VOICEAGENT_LLM__URL": base["llm"],
        "VOICEAGENT_STT__URL": base["stt"],
        "VOICEAGENT_TTS__URL": base["tts"] + "&voice=tone",
    }


def _listens(port: int) -> bool:
    return any(one.laddr.port == port and one.status == "LISTEN" for one in psutil.net_connections("tcp"))
