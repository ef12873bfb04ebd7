"""SIGKILL of every process in turn under load; then what was acknowledged is compared with what is stored.

    python bench/durability/kill.py [--rounds 100] [--profile embedded|distributed]

Load: clients that record turns at the engine and upload documents at the gateway, and try again what was not acknowledged.
Prints rounds, kills a process, what was acknowledged of turns, documents and audit records, lost, doubled, and documents that did not become ready.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.apart import COMMAND, SCRIPTED, Apart, answers  # noqa: E402
from tests.support.servers import (  # noqa: E402
    free_ports,
    fresh_database,
    minio_server,
    postgresql_server,
    redis_server,
)

from bench.durability.load import Load, Target  # noqa: E402

SERVICES = ("gateway", "engine", "voice", "documents", "worker")
READY_S = 120.0


@dataclass
class Killable:
    """An installation: what may be killed in it, how to reach it, and the settings with which its data is read."""

    victims: tuple[str, ...]
    target: Target
    environment: dict[str, str]
    folder: Path
    apart: Apart
    alone: subprocess.Popen[bytes] | None = None
    kills: dict[str, int] = field(default_factory=dict)

    def kill(self, name: str) -> None:
        """End a process as a failing machine does, start it again, wait until it is ready."""
        self.kills[name] = self.kills.get(name, 0) + 1
        if self.alone is not None:
            self.alone.kill()
            self.alone.wait()
            self.start_alone()
            return
        self.apart.running[name].kill()
        self.apart.spawn(name)
        self.apart.await_ready(name)

    def start_alone(self) -> None:
        with (self.folder / "up.log").open("ab") as log:
            self.alone = subprocess.Popen(
                [*COMMAND, "up"], env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + READY_S
        while not answers(f"{self.target.gateway}/health/ready"):
            if self.alone.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "up.log").read_text()[-2000:])
            time.sleep(0.1)

    def close(self) -> None:
        if self.alone is not None and self.alone.poll() is None:
            self.alone.send_signal(signal.SIGKILL)
            self.alone.wait()
        self.apart.close()


@contextlib.contextmanager
def embedded() -> Iterator[Killable]:
    """All in one process, on SQLite and files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        apart = Apart(folder, {**SCRIPTED})
        apart.init()
        gateway, engine, voice, documents, dashboard = free_ports(5)
        ports = {"GATEWAY": gateway, "ENGINE": engine, "VOICE": voice, "DOCUMENTS": documents, "DASHBOARD": dashboard}
        environment = apart.environment("command")
        environment |= {f"VOICEAGENT_SERVER__{one}_PORT": str(port) for one, port in ports.items()}
        target = Target(f"http://127.0.0.1:{gateway}", f"http://127.0.0.1:{engine}", apart.api_key, apart.secret)
        killable = Killable(("all",), target, environment, folder, apart)
        try:
            killable.start_alone()
            yield killable
        finally:
            killable.close()


@contextlib.contextmanager
def distributed() -> Iterator[Killable]:
    """One process a service, on PostgreSQL, Redis and MinIO."""
    with (
        tempfile.TemporaryDirectory() as name,
        postgresql_server() as database,
        redis_server() as (redis, _),
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
        }
        apart = Apart(folder, settings)
        try:
            apart.init()
            apart.start(*SERVICES)
            urls = [apart.running[service].url for service in ("gateway", "engine")]
            target = Target(urls[0], urls[1], apart.api_key, apart.secret)
            yield Killable(SERVICES, target, apart.environment("command"), folder, apart)
        finally:
            apart.close()


PROFILES = {"embedded": embedded, "distributed": distributed}


def drill(profile: str, rounds: int, minutes: float) -> bool:
    """Kill so many times, then judge; whether nothing was lost or doubled."""
    chance = random.Random(11)
    with PROFILES[profile]() as killable:
        load = Load(killable.target)
        load.start()
        ends_at_s = time.monotonic() + 60 * minutes
        for number in range(rounds):
            if time.monotonic() > ends_at_s:
                break
            time.sleep(chance.uniform(0.05, 0.6))
            killable.kill(killable.victims[number % len(killable.victims)])
            print(f"  {profile} round {number + 1}: {load.told()}", flush=True)
        load.stop()
        if profile == "distributed":
            killable.apart.await_ready(*SERVICES)
        verdict = asyncio.run(load.judged(killable.environment))
        kills = ", ".join(f"{name} {count}" for name, count in killable.kills.items())
        print(f"{profile}: {sum(killable.kills.values())} kills ({kills}); {verdict}", flush=True)
        return verdict.is_good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no further round after so long")
    parser.add_argument("--profile", choices=[*PROFILES], action="append")
    wanted = parser.parse_args()
    results = [drill(profile, wanted.rounds, wanted.minutes) for profile in wanted.profile or PROFILES]
    print("nothing lost, nothing doubled" if all(results) else "NOT GOOD")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
