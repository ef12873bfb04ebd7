"""What the measurements of answers run on: the real document module and engine over scratch data, with the embedded models."""

from __future__ import annotations

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from voiceagent.adapters.blobs.files import open_blobs
from voiceagent.adapters.bus.memory import open_bus
from voiceagent.adapters.cache.memory import open_cache
from voiceagent.adapters.embed.minilm import MODEL, MiniLmEmbedder
from voiceagent.adapters.llm.llamacpp import open_llm
from voiceagent.adapters.store.sql import open_store
from voiceagent.adapters.vectors.local import open_vectors
from voiceagent.documents.parts import DocumentParts
from voiceagent.documents.service import DocumentService, Upload
from voiceagent.documents.worker import DocumentWorker
from voiceagent.domain.agent import Agent
from voiceagent.domain.conversation import Message
from voiceagent.domain.document import ALL
from voiceagent.domain.identity import ROLES, Principal, Tenant
from voiceagent.domain.reply import ReplyRequest
from voiceagent.engine.grounding.ground import Mode
from voiceagent.engine.reply import EngineParts, EngineService
from voiceagent.engine.retrieve import RetrievalBudget
from voiceagent.engine.routing.router import Router
from voiceagent.models.store import ModelStore, default_root
from voiceagent.ports.llm import LanguageModel
from voiceagent.ports.store import Store

ASKER = "usr_asker"
WHOLE, HALF = "ten_whole", "ten_half"
"""A tenant with every paragraph, and one with every second of each article: a question about one of the others is near and unanswerable."""

WRITTEN_S = 20.0
"""A written answer may wait so long for documents, that a busy machine does not change what is right. Spoken ones keep the product's budget."""


@dataclass(frozen=True, slots=True)
class Question:
    """tenant: whose documents are asked.  answers: () when they do not say.  page: of the paragraph that answers, in the document of that title."""

    text: str
    tenant: str
    article: str
    answers: tuple[str, ...] = ()
    title: str = ""
    page: int = 0


@dataclass(frozen=True, slots=True)
class World:
    """documents: filled.  embedder, llm: the embedded ones."""

    store: Store
    documents: DocumentService
    embedder: MiniLmEmbedder
    llm: LanguageModel

    def engine(
        self, mode: Mode = "auto", *, with_documents: bool = True, llm: LanguageModel | None = None
    ) -> EngineService:
        router = Router({"model": llm or self.llm})
        documents = self.documents if with_documents else None
        parts = EngineParts(self.store, router, documents, embedder=self.embedder, grounding=mode)
        return EngineService(replace(parts, retrieval=RetrievalBudget(written_s=WRITTEN_S)))


def request(question: Question, *, spoken: bool) -> ReplyRequest:
    """The question as a caller asks it, with time enough for a busy machine."""
    return ReplyRequest(
        question.tenant, ASKER, Agent(), (Message("user", question.text),), spoken=spoken, deadline_s=60.0
    )


def data_folder(given: Path | None) -> Path:
    root = given or Path(os.environ.get("VOICEAGENT_DATA") or Path(__file__).parents[3] / "shared" / "data")
    return root / "qa" / "xquad-en"


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def articles(folder: Path) -> dict[str, list[str]]:
    """Paragraphs by title, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for entry in _lines(folder / "corpus.jsonl"):
        found[entry["title"]].append(entry["text"])
    return dict(found)


def questions(folder: Path) -> list[Question]:
    """Answerable; off the topic of every document; and near: asked of documents that lack their paragraph."""
    titles = {entry["id"]: entry["title"] for entry in _lines(folder / "corpus.jsonl")}
    found = []
    for entry in _lines(folder / "queries.jsonl"):
        title = titles[entry["paragraph_id"]]
        place = int(entry["paragraph_id"].rpartition("-")[2])
        found.append(Question(entry["text"], WHOLE, title, tuple(entry["answers"]), title, place + 1))
        if place % 2:
            found.append(Question(entry["text"], HALF, title))
    for entry in _lines(folder / "unanswerable.jsonl"):
        found.append(Question(entry["text"], WHOLE, entry["topic_not_in_corpus"]))
    return found


@asynccontextmanager
async def world(folder: Path, scratch: Path) -> AsyncIterator[World]:
    """Articles go through the whole pipeline as text files, one paragraph a page."""
    local = Path(__file__).parents[2] / ".cache" / "models"
    models = ModelStore(local if local.exists() else default_root())
    store = open_store(f"sqlite:///{scratch}/store.db")
    await store.migrate()
    embedder = MiniLmEmbedder(models.path(MODEL), polite=False)
    llm = open_llm("llamacpp:///?threads=1", models=models)
    parts = DocumentParts(
        store,
        open_blobs(f"file://{scratch}/blobs"),
        open_vectors(f"local://{scratch}/vectors"),
        embedder,
        open_bus("memory://"),
        open_cache("memory://"),
    )
    documents = DocumentService(parts)
    try:
        for tenant, step in ((WHOLE, 1), (HALF, 2)):
            await store.directory.add_tenant(Tenant(tenant, tenant, datetime.now(UTC)))
            await _fill(documents, parts, tenant, {t: p[::step] for t, p in articles(folder).items()})
        while not await llm.ready():
            await asyncio.sleep(0.05)
        yield World(store, documents, embedder, llm)
    finally:
        await llm.close()
        await parts.vectors.close()
        await embedder.close()
        await store.close()


async def _fill(documents: DocumentService, parts: DocumentParts, tenant: str, texts: dict[str, list[str]]) -> None:
    owner = Principal(tenant, "usr_owner", ROLES["owner"], "user")
    for title, paragraphs in texts.items():
        await documents.add(owner, Upload(f"{title}.txt", "text/plain", _once("\f".join(paragraphs).encode())))
    worker = DocumentWorker(parts, name="bench")
    while await worker.run_one():
        pass
    states = {one.state for one in await documents.page(owner, before=None, limit=200, wanted=ALL)}
    if states != {"ready"}:
        raise RuntimeError(f"documents of {tenant} ended as {states}")


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
