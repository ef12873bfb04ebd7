"""Turns without personal data, for the store. What counts as personal stands in domain/pii; who wants this, in the settings."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import replace

from voiceagent.domain.conversation import Turn
from voiceagent.domain.pii.replace import replace as without_personal_data

Originals = tuple[tuple[str, str], ...]
"""(pseudonym, the words that it stands for); as private as these."""
_LONG_CHARS = 2_000
"""About 5 ms of work; more of it leaves the event loop."""


class TurnPseudonyms:
    """Puts pseudonyms for the personal data in a turn's words: within a tenant the same person keeps one, across tenants nobody does.

    secret: 32 bytes or more, the same for all engines of an installation.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    async def redacted(self, tenant_id: str, turn: Turn) -> tuple[Turn, Originals]:
        """`turn` with its question, its answer and what was heard of it replaced, and what each pseudonym in it stands for."""
        if len(turn.asked) + len(turn.answer) + len(turn.heard) > _LONG_CHARS:
            return await asyncio.to_thread(self._redacted, tenant_id, turn)
        return self._redacted(tenant_id, turn)

    def _redacted(self, tenant_id: str, turn: Turn) -> tuple[Turn, Originals]:
        key = hmac.new(self._secret, f"turns\0{tenant_id}".encode(), hashlib.sha256).digest()
        whole, end = (turn.answer, len(turn.heard)) if turn.answer.startswith(turn.heard) else (turn.heard, None)
        # What was heard may end inside a number or a name: the part alone would not be known for what it is.
        heard = without_personal_data(whole, "pseudonym", key=key, upto=end)
        answer, asked = (without_personal_data(text, "pseudonym", key=key) for text in (turn.answer, turn.asked))
        originals = dict((*heard.originals, *answer.originals, *asked.originals))
        return replace(turn, asked=asked.text, answer=answer.text, heard=heard.text), tuple(originals.items())
