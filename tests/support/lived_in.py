"""A platform on scripted models that somebody has used: people, a conversation with timings and sources, documents in several states."""

from __future__ import annotations

import json
import mimetypes
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.security.stage import Stage

from voiceagent.adapters.store.sql import open_store
from voiceagent.domain.conversation import Citation, Conversation, Turn, TurnTimings
from voiceagent.domain.identity import DEFAULT_TENANT_ID, User
from voiceagent.gateway.identity.passwords import Passwords

OWNER, VIEWER, PASSWORD = "ada@example.org", "vera@example.org", "kangaroo under my piano"
CONVERSATION_ID = "conv_seen"
HOSTILE = "<img src=x onerror=alert(1)>"
_HANDBOOK = (
    "# Handbook of the library\n\nThe library opens at nine and closes at six.\n\nBooks are lent for four weeks.\n" * 8
)


async def live_in(stage: Stage) -> str:
    """Fill the platform; returns the id of a document that is being read."""
    passwords, now = Passwords(), datetime.now(UTC) - timedelta(minutes=2)
    password = await passwords.hashed(PASSWORD)
    passwords.close()
    document_id = upload(stage, "handbook.md", _HANDBOOK.encode())
    upload(stage, "broken.pdf", b"%PDF-1.7 nothing follows")
    upload(stage, f"{HOSTILE}.txt", b"A text with a hostile name.")
    store = open_store(stage.store_url)
    async with store.begin(DEFAULT_TENANT_ID) as work:
        await work.users.add(User("user_ada", DEFAULT_TENANT_ID, OWNER, "owner", password, now))
        await work.users.add(User("user_vera", DEFAULT_TENANT_ID, VIEWER, "viewer", password, now))
        for number in range(30):
            at = now - timedelta(hours=number + 1)
            title = f"Opening hours {number}"
            await work.conversations.add(
                Conversation(f"conv_{number}", "default", "user_ada", "text", at, at, title=title)
            )
        await work.conversations.add(
            Conversation(CONVERSATION_ID, "default", "user_ada", "voice", now, now, title="When does the library open?")
        )
        for turn in _turns(document_id, now):
            await work.conversations.put_turn(turn)
    await store.close()
    return document_id


def upload(stage: Stage, name: str, data: bytes) -> str:
    """Give a document to the platform; returns its id."""
    edge = "edge-of-a-part"
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    head = f'--{edge}\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\ncontent-type: {kind}\r\n\r\n'
    key = (stage.data_dir / "cli-key").read_text().strip()
    headers = {"authorization": f"Bearer {key}", "content-type": f"multipart/form-data; boundary={edge}"}
    body = head.encode() + data + f"\r\n--{edge}--\r\n".encode()
    request = urllib.request.Request(f"{stage.url}/api/v1/documents", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        told: dict[str, Any] = json.load(answer)
    return str(told["document_id"])


def _turns(document_id: str, now: datetime) -> tuple[Turn, ...]:
    timings = TurnTimings(210.0, 260.0, 480.0, 655.0, 840.0, 1_015.0, 35.0, 2.4, 3.1)
    quote = "The library opens at nine and closes at six."
    cited = (Citation(document_id, "Handbook of the library", 1, 27, 27 + len(quote), quote, 0.9),)
    asked, answer = "When does the library open?", "The library opens at nine and closes at six."
    return (
        Turn(
            "turn_1", CONVERSATION_ID, asked, answer, answer, "answered", now, timings, cited, "scripted", 812, 14
        ),
        Turn(
            "turn_2", CONVERSATION_ID, f"And on Sundays? {HOSTILE}", "On Sundays it is closed, as on holidays.",
            "On Sundays it is closed", "interrupted", now + timedelta(seconds=9),
            TurnTimings(190.0, 240.0, 410.0, 590.0, None, 900.0), (), "scripted", 850, 11,
        ),
        Turn(
            "turn_3", CONVERSATION_ID, "Thank you.", "", "", "failed", now + timedelta(seconds=20),
            error_code="llm_unavailable",
        ),
    )  # fmt: skip
