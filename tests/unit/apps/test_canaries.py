"""After people have talked, uploaded and been recorded, none of their words is in any file of the data folder but the search index."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.support.documents_kit import OWNER, PATIENT, pieces

from voiceagent.apps.config.layers import load
from voiceagent.apps.parts import Parts
from voiceagent.documents.parts import DocumentParts
from voiceagent.documents.sandbox import Sandbox
from voiceagent.documents.service import DocumentService, Upload
from voiceagent.documents.worker import DocumentWorker
from voiceagent.domain.conversation import Citation, Turn
from voiceagent.domain.identity import SecondFactor, Tenant
from voiceagent.engine.conversations import ConversationLog
from voiceagent.kit.crypto_frames import SealedFrames
from voiceagent.kit.offload import Offload
from voiceagent.voice.messages import ReplySound
from voiceagent.voice.recorder import Recorder, TurnRules

TURNS, DOCUMENTS, RECORDINGS = 60, 12, 5
PORTS = ("store", "blobs", "vectors", "cache", "bus", "embed")


class Canaries:
    """Words that stand nowhere else, and where each was said."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def word(self, where: str) -> str:
        word = f"canary{secrets.token_hex(8)}"
        self.planted[word] = where
        return word

    def found(self, folder: Path) -> set[tuple[str, str]]:
        """(where a canary was said, the file below `folder` that holds it)."""
        found = set()
        for path in folder.rglob("*"):
            data = path.read_bytes().lower() if path.is_file() else b""
            name = str(path.relative_to(folder))
            for word, where in self.planted.items():
                if word.encode() in data or word in name or word.encode("utf-16-le") in data:
                    found.add((where, name))
        return found


@asynccontextmanager
async def platform(folder: Path, **flags: str) -> AsyncIterator[Parts]:
    told = {"data.dir": str(folder), "models.dir": str(folder.parent / "models"), "embed.url": "hashed:///"}
    parts = Parts(load(environment={}, flags=told | flags).settings, apart=False)
    try:
        await parts.open(*PORTS)
        await parts.store.migrate()
        await parts.store.directory.add_tenant(Tenant(OWNER.tenant_id, "A", datetime.now(UTC)))
        yield parts
    finally:
        await parts.close()


async def talk(parts: Parts, canaries: Canaries) -> None:
    log = ConversationLog(parts.store, parts.bus, parts.clock)
    opened = await log.open(OWNER, "", None, "voice")
    for number in range(TURNS):
        asked, answer, quote = (canaries.word(f"turn: {name}") for name in ("asked", "answer", "quote"))
        cited = (Citation("doc_1", canaries.word("turn: title"), 1, 0, 5, f"so says {quote}"),)
        now = parts.clock.now()
        turn = Turn(f"turn_{number}", opened.conversation.conversation_id, asked, answer, answer, "answered", now)
        turn = Turn(**{name: getattr(turn, name) for name in Turn.__dataclass_fields__} | {"citations": cited})
        await log.record(OWNER, turn)
    async with parts.store.begin(OWNER.tenant_id) as work:
        await work.access.second_factors.put(SecondFactor("user_1", canaries.word("second factor")))
    again = await log.open(OWNER, "", opened.conversation.conversation_id, "voice")
    assert len(again.turns) == 50


async def upload(parts: Parts, canaries: Canaries) -> None:
    told = DocumentParts(
        parts.store,
        parts.blobs,
        parts.vectors,
        parts.embed,
        parts.bus,
        parts.cache,
        sandbox=Sandbox(ocr="", limits=PATIENT),
    )
    service, worker = DocumentService(told), DocumentWorker(told, name="worker_test")
    for _ in range(DOCUMENTS):
        text = f"# {canaries.word('document: text')}\n\nA page about {canaries.word('document: text')}.\n" * 50
        await service.add(OWNER, Upload(f"{canaries.word('document: name')}.md", "", pieces(text.encode())))
    while await worker.run_one():
        pass
    async with parts.store.begin(OWNER.tenant_id, read_only=True) as work:
        documents = await work.documents.page(before=None, limit=50)
    assert [one.state for one in documents] == ["ready"] * DOCUMENTS


async def record(parts: Parts, canaries: Canaries, folder: Path) -> None:
    writer = Offload("recorder", threads=1)
    for number in range(RECORDINGS):
        seal = None
        if parts.keys is not None:
            keys = await parts.keys.of(OWNER.tenant_id)
            seal = SealedFrames(keys.active, "recording", OWNER.tenant_id, f"rec_{number}")
        folder.mkdir(exist_ok=True)
        recorder = Recorder(folder / f"rec_{number}", TurnRules(), writer, seal)
        recorder.caller(canaries.word("recording: caller").encode() * 100)
        sound = canaries.word("recording: agent").encode() * 100
        recorder.told(0.5, ReplySound("resp_1", "item_1", sound, 24_000))
        await recorder.close("test")
    writer.close()


async def test_words_are_in_no_file_but_the_search_index(tmp_path: Path) -> None:
    canaries, folder = Canaries(), tmp_path / "data"
    async with platform(folder) as parts:
        await talk(parts, canaries)
        await upload(parts, canaries)
        await record(parts, canaries, folder / "recordings")
        alive = canaries.found(folder)  # with the write-ahead log and everything open
    found = alive | canaries.found(folder)
    assert len(canaries.planted) > 250
    assert {name.partition("/")[0] for _, name in found} <= {"vectors"}, found
    assert {where.partition(":")[0] for where, _ in found} <= {"document"}, found


async def test_the_same_search_finds_them_all_when_nothing_is_encrypted(tmp_path: Path) -> None:
    canaries, folder = Canaries(), tmp_path / "data"
    async with platform(folder, **{"keys.url": ""}) as parts:
        await talk(parts, canaries)
        await upload(parts, canaries)
        await record(parts, canaries, folder / "recordings")
        found = canaries.found(folder)
    assert {where for where, _ in found} == set(canaries.planted.values())
