"""Who may be named as a reader: people of the organisation and its own keys. Whom a name lets in is decided in rights.py."""

from __future__ import annotations

from datetime import datetime

from voiceagent.domain.identity import Principal
from voiceagent.kit.errors import InvalidInput
from voiceagent.ports.store import UnitOfWork


async def refuse_unknown(
    work: UnitOfWork, principal: Principal, reader_ids: frozenset[str], *, kept: frozenset[str], now: datetime
) -> None:
    """Raises InvalidInput `unknown_reader` for a name under which nobody ever calls: what it alone may read would be lost to all.

    kept: readers named before, who may be gone meanwhile.  A key of a person is none: its calls are those of the person.
    """
    new = reader_ids - kept - {principal.subject}
    if not new:
        return
    new -= {user.user_id for user in await work.users.all()}
    new -= {
        key.key_id
        for key in await work.keys.all()
        if not key.user_id and key.revoked_at is None and (key.expires_at is None or now < key.expires_at)
    }
    if new:
        raise InvalidInput(
            "unknown_reader",
            "a reader is the id of a person of this organisation, or of a key that belongs to nobody",
            param="reader_ids",
        )
