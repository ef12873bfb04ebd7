"""What is kept of a person, as one ZIP file: JSON, sound, the list of documents. Written as it is read, never a file on disk."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from voiceagent.domain.recording import LOG_FILE
from voiceagent.ports.store import UnitOfWork
from voiceagent.rights.parts import RightsParts
from voiceagent.rights.recordings import opened

CONVERSATIONS = 10_000
DOCUMENTS = 10_000
TURNS = 100_000
Words = Callable[[str], str]

README = (
    "person.json: the account, its sign-ins and keys (no secrets).\n"
    "conversations.jsonl: one conversation a line, with every turn.\n"
    "documents.json: the documents that this person uploaded.\n"
    "recordings/: sound of recorded sessions, and their logs unless personal data is masked in exports.\n"
)
NOT_READY = "Personal data in this recording is still to be replaced by a tone: ask again later.\n"


class _Sink(io.RawIOBase):
    """Where the ZIP writer leaves its bytes; it cannot go back, and need not."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._at = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        piece = bytes(data)
        self._held += piece
        self._at += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._at

    def taken(self) -> bytes:
        """What was written since the last call."""
        piece = bytes(self._held)
        self._held.clear()
        return piece


async def exported(
    parts: RightsParts, tenant_id: str, subject: str, words: Words | None = None
) -> AsyncIterator[bytes]:
    """The pieces of the ZIP file. words: what texts of turns and all that is told of documents go through, None for as they are.

    With `words` the logs of recordings stay out; their sound is as it was kept.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("README.txt", README)
        async with parts.store.begin(tenant_id, read_only=True) as work:
            file.writestr("person.json", _json(await _person(work, subject)))
            documents = await work.traces.documents(subject, limit=DOCUMENTS)
            ids = await work.traces.conversations(subject, limit=CONVERSATIONS)
        file.writestr("documents.json", _json([_through(words, asdict(one)) for one in documents]))
        yield sink.taken()
        lines = []
        for conversation_id in ids:
            lines.append(json.dumps(await _conversation(parts, tenant_id, conversation_id, words), default=_plain))
        file.writestr("conversations.jsonl", "".join(f"{line}\n" for line in lines))
        yield sink.taken()
        for recording in await asyncio.to_thread(parts.recordings.of, tenant_id, subject):
            if not recording.is_final:
                file.writestr(f"recordings/{recording.recording_id}/not-ready.txt", NOT_READY)
                continue
            keys = (await parts.keys.of(tenant_id)).keys if parts.keys is not None else {}
            for name, data in (await asyncio.to_thread(opened, recording, keys)).items():
                if words is not None and name == LOG_FILE:
                    continue  # it holds what was said piece by piece, and no rule finds a quarter of a number
                file.writestr(f"recordings/{recording.recording_id}/{name}", data)
                yield sink.taken()
    yield sink.taken()


async def _person(work: UnitOfWork, subject: str) -> dict[str, Any]:
    users = [one for one in await work.users.all() if one.user_id == subject]
    keys = [one for one in await work.keys.all() if subject in (one.user_id, one.key_id)]
    sessions = await work.access.sessions.of_user(subject)
    told: dict[str, Any] = {"subject": subject}
    for user in users:
        told |= {"email": user.email, "role": user.role, "created_at": user.created_at, "disabled": user.disabled}
    told["sessions"] = [{"method": s.method, "created_at": s.created_at, "expires_at": s.expires_at} for s in sessions]
    told["keys"] = [
        {"key_id": k.key_id, "name": k.name, "prefix": k.prefix, "scopes": sorted(k.scopes), "created_at": k.created_at}
        | {"expires_at": k.expires_at, "revoked_at": k.revoked_at, "last_used_at": k.last_used_at}
        for k in keys
    ]
    told["has_second_factor"] = await work.access.second_factors.get(subject) is not None
    return told


async def _conversation(
    parts: RightsParts, tenant_id: str, conversation_id: str, words: Words | None
) -> dict[str, Any]:
    async with parts.store.begin(tenant_id, read_only=True) as work:
        conversation = asdict(await work.conversations.get(conversation_id))
        turns = [asdict(one) for one in await work.conversations.turns(conversation_id, last=TURNS)]
    told: dict[str, Any] = _through(words, conversation | {"turns": turns})
    return told


def _through(words: Words | None, value: Any) -> Any:
    """The value with every text in it, at any depth, as `words` has it, but ids and hashes."""
    if words is None:
        return value
    if isinstance(value, str):
        return words(value)
    if isinstance(value, dict):
        return {name: inner if _is_name(name) else _through(words, inner) for name, inner in value.items()}
    return [_through(words, inner) for inner in value] if isinstance(value, list | tuple) else value


def _is_name(field: str) -> bool:
    """Whether a field holds what we made, by which things are told apart."""
    return field.endswith(("_id", "_ids", "sha256"))


def _json(value: object) -> str:
    return json.dumps(value, default=_plain, indent=1)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(type(value).__name__)
