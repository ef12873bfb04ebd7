"""SIGKILL of every process in turn under load; then what was acknowledged is compared with what is stored.

    python bench/durability/kill.py [--rounds 100] [--profile embedded|distributed] [--no-control]

Load: clients that record turns at the engine and upload documents at the gateway, and try again what was not acknowledged. Distributed:
two engines and documents' worker among the victims, and PostgreSQL, Redis and MinIO too. A round is the wait for the next victim to be up
again from its last death, a random moment (at every fourth one while it still starts), and the kill. Prints rounds, then kills by process,
what was acknowledged of turns, documents and audit records, lost, doubled, and documents that did not become ready. The control before it
acknowledges before it commits (careless.py) and must lose something, or the drill finds nothing and is invalid.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import psutil  # noqa: E402
from tests.support.apart import COMMAND, SCRIPTED, Apart, answers  # noqa: E402
from tests.support.servers import (  # noqa: E402
    free_ports,
    fresh_database,
    minio_server,
    postgresql_server,
    redis_server,
)

from bench.durability.load import Judgement, Load, Target  # noqa: E402
from bench.faults.stand import READY, Server  # noqa: E402

SERVICES = ("gateway", "engine", "voice", "documents", "worker")
READY_S = 120.0
CARELESS = (sys.executable, str(Path(__file__).with_name("careless.py")))
CONTROL_ROUNDS = 8
SPARED = 0.25
"""So many of the victims are killed while they start, at a random moment of it."""
STARTS_IN_S = 4.0
ANSWERS, PATIENCE_S = 6, 6.0


@dataclass
class Killable:
    """An installation: what may be killed in it, how to reach it, and the settings with which its data is read."""

    victims: tuple[str, ...]
    target: Target
    environment: dict[str, str]
    folder: Path
    apart: Apart
    command: tuple[str, ...] = COMMAND
    alone: subprocess.Popen[bytes] | None = None
    servers: dict[str, Server] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=dict)

    def kill(self, name: str) -> None:
        """End a process as a failing machine does and start it again; does not wait for it."""
        self.kills[name] = self.kills.get(name, 0) + 1
        if name in self.servers:
            tree = self.servers[name].tree()
            for one in tree:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            psutil.wait_procs(tree, timeout=10)
            self.servers[name].start()
        elif self.alone is not None:
            self.alone.kill()
            self.alone.wait()
            self.start_alone()
        else:
            self.apart.running[name].kill()
            self.apart.spawn(name)

    def await_ready(self, name: str) -> None:
        """Returns when the process serves; servers do when `kill` returns."""
        if self.alone is not None:
            deadline = time.monotonic() + READY_S
            while not answers(f"{self.target.gateway}/health/ready"):
                if self.alone.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "up.log").read_text()[-2000:])
                time.sleep(0.1)
        elif name not in self.servers:
            self.apart.await_ready(name)

    def start_alone(self) -> None:
        with (self.folder / "up.log").open("ab") as log:
            self.alone = subprocess.Popen(
                [*self.command, "up"], env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def close(self) -> None:
        if self.alone is not None and self.alone.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.alone.pid, signal.SIGKILL)
            self.alone.wait()
        self.apart.close()
        for one in self.servers.values():
            with contextlib.suppress(psutil.NoSuchProcess, StopIteration):
                for process in one.tree():
                    process.kill()


@contextlib.contextmanager
def embedded(command: tuple[str, ...] = COMMAND, **settings: str) -> Iterator[Killable]:
    """All in one process, on SQLite and files. settings: further ones, by environment name."""
    with tempfile.TemporaryDirectory(prefix="va-kill-") as name:
        folder = Path(name)
        apart = Apart(folder, SCRIPTED | settings)
        apart.init()
        gateway, engine, voice, documents, dashboard = free_ports(5)
        ports = {"GATEWAY": gateway, "ENGINE": engine, "VOICE": voice, "DOCUMENTS": documents, "DASHBOARD": dashboard}
        environment = apart.environment("command")
        environment |= {f"VOICEAGENT_SERVER__{one}_PORT": str(port) for one, port in ports.items()}
        target = Target(f"http://127.0.0.1:{gateway}", f"http://127.0.0.1:{engine}", apart.api_key, apart.secret)
        killable = Killable(("all",), target, environment, folder, apart, command)
        try:
            killable.start_alone()
            killable.await_ready("all")
            yield killable
        finally:
            killable.close()


@contextlib.contextmanager
def distributed() -> Iterator[Killable]:
    """One process a service, on PostgreSQL, Redis and MinIO, which are killed as well."""
    with (
        tempfile.TemporaryDirectory(prefix="va-kill-", ignore_cleanup_errors=True) as name,
        postgresql_server() as database,
        redis_server() as (redis, redis_process),
        minio_server() as objects,
    ):
        folder = Path(name)
        settings = {
            **SCRIPTED,
            "VOICEAGENT_STORE__URL": fresh_database(database, "drill"),
            "VOICEAGENT_CACHE__URL": redis,
            "VOICEAGENT_BUS__URL": redis,
            "VOICEAGENT_DISCOVERY__URL": redis,
            "VOICEAGENT_BLOBS__URL": objects,
            "VOICEAGENT_VECTORS__URL": f"local://{folder}/vectors",
            "VOICEAGENT_KEYS__URL": f"file://{folder}/root.key",
            "VOICEAGENT_KEYS__RING_URL": f"file://{folder}/ring",
        }
        apart = Apart(folder, settings)
        killable = Killable((), Target("", "", "", ""), {}, folder, apart)
        try:
            apart.init()
            apart.start(*SERVICES)
            killable.environment = apart.environment("command")
            urls = [apart.running[service].url for service in ("gateway", "engine")]
            killable.target = Target(urls[0], urls[1], apart.api_key, apart.secret)
            s3_port = int(objects.partition("endpoint=http://127.0.0.1:")[2].partition("&")[0])
            killable.servers = {
                "postgresql": Server(urlsplit(database).port or 0),
                "redis": Server(urlsplit(redis).port or 0, [str(part) for part in redis_process.args]),  # type: ignore[union-attr]
                "minio": Server(s3_port, ready=READY["s3"].format(s3_port)),
            }
            killable.victims = (*SERVICES, *killable.servers)
            yield killable
        finally:
            killable.close()


def drill(name: str, killable: Killable, rounds: int, minutes: float) -> Judgement:
    """Kill so many times, then judge."""
    chance, begun_s = random.Random(11), time.monotonic()
    load = Load(killable.target)
    load.start()
    for number in range(rounds):
        if time.monotonic() > begun_s + 60 * minutes:
            break
        victim = killable.victims[number % len(killable.victims)]
        if chance.random() < SPARED:
            time.sleep(chance.uniform(0.0, STARTS_IN_S))
        else:
            killable.await_ready(victim)
            served(load)
            time.sleep(chance.uniform(0.05, 0.6))
        killable.kill(victim)
        print(f"  {name} round {number + 1}: {victim}; {load.told()}", flush=True)
    for victim in killable.victims:
        killable.await_ready(victim)
    load.stop()
    verdict = asyncio.run(load.judged(killable.environment))
    kills = ", ".join(f"{victim} {count}" for victim, count in killable.kills.items())
    took_s = time.monotonic() - begun_s
    print(f"{name}: {sum(killable.kills.values())} kills ({kills}) in {took_s:.0f} s; {verdict}", flush=True)
    return verdict


def served(load: Load) -> None:
    """Let clients be answered again between two deaths, or nothing would be acknowledged that could be lost; not for ever, though."""
    before, ends_at_s = load.acknowledged, time.monotonic() + PATIENCE_S
    while load.acknowledged < before + ANSWERS and time.monotonic() < ends_at_s:
        time.sleep(0.02)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no further round after so long")
    parser.add_argument("--profile", choices=["embedded", "distributed"], action="append")
    parser.add_argument("--no-control", action="store_true", help="without the installation that must lose something")
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the installation ends with the drill
    if not wanted.no_control:
        with embedded(CARELESS) as killable:
            if drill("control", killable, CONTROL_ROUNDS, wanted.minutes).lost == 0:
                print("INVALID: an acknowledgement before the commit lost nothing; this drill would not find a loss")
                return 1
    good = True
    for profile in wanted.profile or ["embedded", "distributed"]:
        with embedded() if profile == "embedded" else distributed() as killable:
            good = drill(profile, killable, wanted.rounds, wanted.minutes).is_good and good
    print("nothing lost, nothing doubled" if good else "NOT GOOD")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
