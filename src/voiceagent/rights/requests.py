"""Asking for an erasure: who is meant, whether it may be, and the one transaction that takes their rights and leaves the job."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.erasure import DocumentPolicy, Erasure
from voiceagent.domain.identity import User, email_key
from voiceagent.domain.job import Job
from voiceagent.kit.errors import Conflict, NotFound
from voiceagent.kit.ids import new_id
from voiceagent.ports.store import UnitOfWork
from voiceagent.rights.holds import refuse_held
from voiceagent.rights.parts import RightsParts

ERASE_PERSON = "privacy_erase"
ATTEMPTS = 100
"""An erasure is never given up for a part that is away for some hours."""


async def subject_of(work: UnitOfWork, told: str) -> str:
    """The id of the person with this id or e-mail address, or of the key. Raises NotFound `subject_not_found`."""
    if "@" in told:
        wanted = email_key(told)
        for user in await work.users.all():
            if email_key(user.email) == wanted:
                return user.user_id
    elif told in await work.traces.subjects():
        return told
    raise NotFound("subject_not_found", "nothing is known of this person or key", param="subject")


async def request_erasure(
    work: UnitOfWork, parts: RightsParts, tenant_id: str, told: str, policy: DocumentPolicy, deed: AuditEntry
) -> Erasure:
    """The erasure, begun now or before: from here on the person cannot sign in or use a key. Idempotent.

    deed: the caller's audit entry, of which action, object and data are filled in.
    One that a legal hold stopped begins anew. Raises NotFound `subject_not_found`, Conflict `legal_hold`, `last_owner` or `own_account`.
    """
    now = parts.clock.now()
    known = await work.erasures.of_name(parts.names.of(tenant_id, told))
    if known is not None:  # by id also when nothing else is known of the person any more
        return await _known(work, known, now, policy, deed)
    subject = await subject_of(work, told)
    name = parts.names.of(tenant_id, subject)
    if subject != told and (known := await work.erasures.of_name(name)) is not None:
        return await _known(work, known, now, policy, deed)  # by the address, as long as the account is there
    if subject == deed.subject:
        raise Conflict("own_account", "nobody can erase themselves: ask somebody who also may")
    await refuse_held(work, name)
    await _without_rights(work, subject, now)
    return await _begun(work, Erasure(new_id("ers"), tenant_id, name, (name,), policy, now), now, deed)


async def _known(work: UnitOfWork, known: Erasure, now: datetime, policy: DocumentPolicy, deed: AuditEntry) -> Erasure:
    """The erasure there was before. One that a legal hold stopped begins anew. Raises Conflict `legal_hold` while the hold is in force."""
    if known.state != "held":
        return known
    await refuse_held(work, *known.names)
    return await _begun(work, replace(known, state="queued", documents=policy), now, deed)


async def _begun(work: UnitOfWork, erasure: Erasure, now: datetime, deed: AuditEntry) -> Erasure:
    await work.erasures.put(erasure)
    await work.jobs.enqueue(job_of(erasure, now))
    data: dict[str, str | int | float | bool | None] = {
        "subject_hmac": erasure.subject_hmac,
        "documents": erasure.documents,
    }
    await work.audit.append(replace(deed, action="erasure_requested", object_id=erasure.erasure_id, data=data))
    return erasure


def job_of(erasure: Erasure, now: datetime) -> Job:
    """The job that carries an erasure out, of which there is one from each request on. It names the erasure, and not the person."""
    key = f"{ERASE_PERSON}:{erasure.erasure_id}" + (f":{now.isoformat()}" if now != erasure.requested_at else "")
    return Job(
        new_id("job"),
        erasure.tenant_id,
        ERASE_PERSON,
        erasure.erasure_id,
        now,
        max_attempts=ATTEMPTS,
        idempotency_key=key,
    )


async def _without_rights(work: UnitOfWork, subject: str, now: datetime) -> None:
    """End what the person may do, in the same transaction: whatever comes later finds them without rights."""
    for key in await work.keys.all():
        if subject in (key.user_id, key.key_id):
            await work.keys.revoke(key.key_id, now)
    for session in await work.access.sessions.of_user(subject):
        await work.access.sessions.end(session.session_id, now)
    users = await work.users.all()
    user = next((one for one in users if one.user_id == subject), None)
    if user is None:
        return
    if not any(_owns(other) for other in users if other.user_id != subject) and _owns(user):
        raise Conflict("last_owner", "this is the only owner of the organisation: make another one first")
    await work.users.put(replace(user, disabled=True, epoch=user.epoch + 1))


def _owns(user: User) -> bool:
    return user.role == "owner" and not user.disabled
