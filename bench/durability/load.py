"""Clients of a running installation that remember what was acknowledged to them, and the comparison with what is stored."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from voiceagent.apps.build import opened
from voiceagent.apps.config.layers import load
from voiceagent.apps.custody.opening import open_keys
from voiceagent.apps.custody.verification import verify
from voiceagent.documents.parts import file_blob
from voiceagent.domain.conversation import Turn
from voiceagent.domain.document import Document
from voiceagent.domain.identity import DEFAULT_TENANT_ID, SCOPES, Principal
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import NotFound
from voiceagent.kit.ids import new_id
from voiceagent.ports.blobs import BlobStore
from voiceagent.ports.services_wire import TURN
from voiceagent.ports.store import Store
from voiceagent.web.jwt import TokenKeys
from voiceagent.web.tokens import SERVICE_HEADER, ServiceTokens

CLIENTS = 4
CALL_S = 5.0
PAUSE_S = 0.02
AGAIN_S = 0.3
READY_S = 960.0
"""A document whose every attempt was killed is taken up again after 10 to 15 minutes."""
CALLER = Principal(DEFAULT_TENANT_ID, "drill", frozenset(SCOPES))


@dataclass(frozen=True, slots=True)
class Target:
    """Where to call and with what."""

    gateway: str
    engine: str
    api_key: str
    secret: str


@dataclass(slots=True)
class Judgement:
    """What a drill found."""

    turns: int = 0
    documents: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    unready: int = 0
    broken_chains: int = 0
    failed_calls: int = 0

    @property
    def is_good(self) -> bool:
        return (
            self.turns > 0
            and self.documents > 0
            and not (self.lost + self.doubled + self.disordered + self.unready + self.broken_chains)
        )


@dataclass
class Load:
    """Clients in threads. turns: acknowledged, in order, by conversation.  documents: acknowledged ids by file name."""

    target: Target
    turns: dict[str, list[str]] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)
    failed: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self._threads = [
            threading.Thread(target=self._client, args=(number,), daemon=True) for number in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Returns when nothing is under way any more."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    @property
    def acknowledged(self) -> int:
        """Turns and documents so far."""
        return sum(map(len, self.turns.values())) + len(self.documents)

    def told(self) -> str:
        return (
            f"{sum(map(len, self.turns.values()))} turns, {len(self.documents)} documents, {self.failed} calls failed"
        )

    def _client(self, number: int) -> None:
        count = 0
        while not self._stop.is_set():
            conversation = self._opened()
            while conversation and not self._stop.is_set():
                count += 1
                try:
                    if count % 6:
                        self._record(conversation, new_id("turn"))
                    else:
                        self._upload(f"client {number} file {count}.txt")
                except urllib.error.HTTPError:
                    break  # the conversation itself is gone, which the comparison will find
                time.sleep(PAUSE_S)

    def _opened(self) -> str:
        asked = {"agent_id": "default", "conversation_id": None, "channel": "text"}
        answer = self._until_done(lambda: self._engine("open_conversation", json.dumps(asked).encode()))
        if not answer:
            return ""
        told: str = json.loads(answer)["conversation"]["conversation_id"]
        self.turns[told] = []
        return told

    def _record(self, conversation: str, turn_id: str) -> None:
        turn = Turn(turn_id, conversation, f"asked {turn_id}", "answer", "heard", "answered", datetime.now(UTC))
        if self._until_done(lambda: self._engine("record", TURN.dump_json(turn))):
            self.turns[conversation].append(turn_id)

    def _upload(self, name: str) -> None:
        text = f"The file {name} says that the harbour opens at nine.\n" * 20
        answer = self._until_done(lambda: self._document(name, text))
        if answer:
            self.documents[name] = json.loads(answer)["document_id"]

    def _until_done(self, call) -> bytes:  # type: ignore[no-untyped-def]
        """Try the same again until it is acknowledged, as a client with an id of its own does."""
        while True:
            try:
                return bytes(call())
            except (OSError, urllib.error.URLError, ValueError) as failure:
                if isinstance(failure, urllib.error.HTTPError) and failure.code < 429:
                    raise
                self.failed += 1
                time.sleep(AGAIN_S)
            if self._stop.is_set():
                return b""  # never acknowledged: whether it is stored is nobody's promise

    def _engine(self, method: str, body: bytes) -> bytes:
        token = ServiceTokens(TokenKeys.from_secrets(self.target.secret)).issue(CALLER, "engine")
        headers = {SERVICE_HEADER: token, "Content-Type": "application/json"}
        return _posted(f"{self.target.engine}/internal/engine/{method}", body, headers)

    def _document(self, name: str, text: str) -> bytes:
        part = (
            f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/plain\r\n\r\n'
        )
        body = f"{part}{text}\r\n--b--\r\n".encode()
        headers = {"Authorization": f"Bearer {self.target.api_key}", "Content-Type": "multipart/form-data; boundary=b"}
        return _posted(f"{self.target.gateway}/api/v1/documents", body, headers)

    async def judged(self, environment: dict[str, str]) -> Judgement:
        """Compare with the stores that the settings in `environment` name."""
        os.environ.update({name: value for name, value in environment.items() if name.startswith("AWS_")})
        settings = load(
            environment={name: value for name, value in environment.items() if "VOICEAGENT" in name}
        ).settings
        keys = await open_keys(settings, SystemClock(), make=False)
        store: Store = await opened("store", settings.url("store"), keys=keys)
        blobs: BlobStore = await opened("blobs", settings.url("blobs"), keys=keys)
        found = Judgement(sum(map(len, self.turns.values())), len(self.documents), failed_calls=self.failed)
        try:
            await self._compare_turns(store, found)
            await self._compare_documents(store, blobs, found)
            found.broken_chains = sum(report.finding is not None for report in await verify(store, ()))
        finally:
            await store.close()
            await blobs.close()
        return found

    async def _compare_turns(self, store: Store, found: Judgement) -> None:
        for conversation, told in self.turns.items():
            async with store.begin(DEFAULT_TENANT_ID, read_only=True) as work:
                stored = [turn.turn_id for turn in await work.conversations.turns(conversation, last=10**9)]
            found.lost += len(set(told) - set(stored))
            found.doubled += len(stored) - len(set(stored))
            known = set(told)
            found.disordered += [one for one in stored if one in known] != [one for one in told if one in set(stored)]

    async def _compare_documents(self, store: Store, blobs: BlobStore, found: Judgement) -> None:
        rows = await _rows(store)
        names = Counter(row.file_name for row in rows.values())
        found.doubled += sum(count - 1 for count in names.values())
        async with store.begin(DEFAULT_TENANT_ID, read_only=True) as work:
            added = await _added(work)
        for document_id in self.documents.values():
            row = rows.get(document_id)
            found.lost += row is None or not await _is_there(blobs, file_blob(DEFAULT_TENANT_ID, row))
            found.lost += added[document_id] == 0
            found.doubled += max(0, added[document_id] - 1)
        print(
            f"  compared: {found.lost} lost, {found.doubled} doubled; waiting until all documents are ready", flush=True
        )
        deadline = time.monotonic() + READY_S
        while True:
            found.unready = sum(row.state != "ready" for row in (await _rows(store)).values())
            if not found.unready or time.monotonic() > deadline:
                return
            await asyncio.sleep(1)


async def _rows(store: Store) -> dict[str, Document]:
    async with store.begin(DEFAULT_TENANT_ID, read_only=True) as work:
        return {row.document_id: row for row in await work.documents.page(before=None, limit=10**6)}


async def _added(work) -> Counter[str]:  # type: ignore[no-untyped-def]
    counts: Counter[str] = Counter()
    after = 0
    while records := await work.audit.records(after=after, limit=5_000):
        counts.update(one.entry.object_id for one in records if one.entry.action == "document_added")
        after = records[-1].sequence
    return counts


async def _is_there(blobs: BlobStore, name: str) -> bool:
    try:
        return bool(b"".join([piece async for piece in blobs.get(name)]))
    except NotFound:
        return False


def _posted(url: str, body: bytes, headers: dict[str, str]) -> bytes:
    request = urllib.request.Request(url, body, headers, method="POST")
    with urllib.request.urlopen(request, timeout=CALL_S) as answer:
        return bytes(answer.read())
