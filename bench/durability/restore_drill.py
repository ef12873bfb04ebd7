"""The restore drill: an installation with 100,000 turns and 1,000 documents is backed up, lost, and restored on an empty data folder.

    python bench/durability/restore_drill.py [--turns 100000] [--documents 1000] [--scripted]

Prints the seconds of each step: backup, restore with its comparison and the check of the audit log, start, all documents found again.
--scripted: without models (`hashed://` embeddings), for machines that have none.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.apart import COMMAND, SCRIPTED, Apart, answers  # noqa: E402
from tests.support.ports import free_ports  # noqa: E402

from voiceagent.apps.build import opened  # noqa: E402
from voiceagent.apps.config.layers import load  # noqa: E402
from voiceagent.apps.custody.opening import open_keys  # noqa: E402
from voiceagent.apps.settings import Settings  # noqa: E402
from voiceagent.documents.parts import FORMAT_KEY, INGEST, file_blob  # noqa: E402
from voiceagent.domain.audit import AuditEntry  # noqa: E402
from voiceagent.domain.conversation import Conversation, Turn  # noqa: E402
from voiceagent.domain.document import READERS_KEY, Collection, Document  # noqa: E402
from voiceagent.domain.identity import DEFAULT_TENANT_ID  # noqa: E402
from voiceagent.kit.clock import SystemClock  # noqa: E402

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TURNS_AT_A_TIME = 500
TURNS_OF_A_CONVERSATION = 50
LIMIT_S = 600.0
SENTENCE = "The harbour master of station {number} writes down every ship that comes in, its load and its hour. "


async def fill(settings: Settings, turns: int, documents: int) -> None:
    """Turns with an audit record each, and text files of about two pages, sealed as in service."""
    keys = await open_keys(settings, SystemClock(), make=True)
    store = await opened("store", settings.url("store"), keys=keys)
    blobs = await opened("blobs", settings.url("blobs"), keys=keys)
    for first in range(0, turns, TURNS_AT_A_TIME):
        async with store.begin(DEFAULT_TENANT_ID) as work:
            for number in range(first, min(first + TURNS_AT_A_TIME, turns)):
                name = f"conv_{number // TURNS_OF_A_CONVERSATION:06d}"
                if number % TURNS_OF_A_CONVERSATION == 0:
                    await work.conversations.add(Conversation(name, "default", "u", "voice", NOW, NOW, "a title"))
                at = NOW + timedelta(seconds=number)
                text = SENTENCE.format(number=number)
                await work.conversations.put_turn(
                    Turn(f"turn_{number:08d}", name, text, text * 2, text, "answered", at)
                )
                await work.audit.append(AuditEntry(f"aud_{number:08d}", at, "u", "turn", f"turn_{number:08d}"))
    async with store.begin(DEFAULT_TENANT_ID) as work:
        await work.collections.put(Collection("col_default", "Default", NOW))
    for number in range(documents):
        data = (SENTENCE.format(number=number) * 40).encode()
        metadata: dict[str, object] = {FORMAT_KEY: "txt", READERS_KEY: []}
        sha256 = hashlib.sha256(data).hexdigest()
        document = Document(
            f"doc_{number:05d}", "col_default", "t", f"{number}.txt", "text/plain", len(data), sha256, "ready", NOW, NOW
        )
        document = replace(document, metadata=metadata)
        await blobs.put(file_blob(DEFAULT_TENANT_ID, document), data)
        async with store.begin(DEFAULT_TENANT_ID) as work:
            await work.documents.put(document)
    await blobs.close()
    await store.close()


async def waiting(settings: Settings) -> int:
    """Jobs that still wait or run."""
    store = await opened("store", settings.url("store"))
    try:
        depths: dict[str, int] = await store.queue.depth()
        return depths.get(INGEST, 0)
    finally:
        await store.close()


class Timed:
    """Prints how long each step took and adds up those that count."""

    def __init__(self) -> None:
        self.total_s = 0.0

    def step(self, name: str, began_s: float, *, counts: bool) -> None:
        took_s = time.monotonic() - began_s
        self.total_s += took_s if counts else 0.0
        print(f"{name:44} {took_s:8.1f} s", flush=True)


def settings_of(environment: dict[str, str]) -> Settings:
    return load(environment={name: value for name, value in environment.items() if "VOICEAGENT" in name}).settings


def drill(folder: Path, turns: int, documents: int, scripted: bool) -> bool:
    timed = Timed()
    old, new = (Apart(folder / name, dict(SCRIPTED) if scripted else {}) for name in ("old", "new"))
    for one in (old, new):
        one.folder.mkdir()
        one.extra["VOICEAGENT_BACKUP__DIR"] = str(folder / "backups")
    old.init()
    began_s = time.monotonic()
    asyncio.run(fill(settings_of(old.environment("command")), turns, documents))
    timed.step(f"filled: {turns} turns, {documents} documents", began_s, counts=False)
    began_s = time.monotonic()
    _run(old, "backup", "create", "--json")
    timed.step("backup, read again", began_s, counts=False)
    (new.folder / "command").mkdir()
    for name in ("root.key", "backup.key"):
        shutil.copy(old.folder / "command" / name, new.folder / "command" / name)
    began_s = time.monotonic()
    told = json.loads(_run(new, "backup", "restore", "--json"))
    timed.step("restored, compared, audit log checked", began_s, counts=True)
    ports = free_ports(5)
    names = ("GATEWAY", "ENGINE", "VOICE", "DOCUMENTS", "DASHBOARD")
    environment = new.environment("command")
    environment |= {f"VOICEAGENT_SERVER__{name}_PORT": str(port) for name, port in zip(names, ports, strict=True)}
    began_s = time.monotonic()
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen([*COMMAND, "up"], env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        while not answers(f"http://127.0.0.1:{ports[0]}/health/ready"):
            if process.poll() is not None:
                raise RuntimeError((folder / "up.log").read_text()[-2000:])
            time.sleep(0.1)
        timed.step("started: calls are answered", began_s, counts=True)
        began_s = time.monotonic()
        while asyncio.run(waiting(settings_of(environment))):
            time.sleep(1)
        timed.step("every document indexed again", began_s, counts=False)
    finally:
        process.terminate()
        process.wait(60)
    print(
        f"{told['rows']} rows, {told['objects']} objects, hashes equal; {timed.total_s:.1f} s from empty to serving (limit {LIMIT_S:.0f} s)"
    )
    return timed.total_s <= LIMIT_S


def _run(installation: Apart, *arguments: str) -> str:
    done = installation.command(*arguments, within_s=1800)
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=100_000)
    parser.add_argument("--documents", type=int, default=1_000)
    parser.add_argument("--scripted", action="store_true")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        return 0 if drill(Path(name), wanted.turns, wanted.documents, wanted.scripted) else 1


if __name__ == "__main__":
    sys.exit(main())
