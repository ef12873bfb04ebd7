"""rights/: a person is gone from every copy, races and restored backups included; the certificate and the audit log say so and hold."""

from __future__ import annotations

import asyncio
import base64
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.documents_kit import PATIENT, pieces

from voiceagent.apps.config.layers import load
from voiceagent.apps.custody.rights import open_rights
from voiceagent.apps.custody.verification import verify
from voiceagent.apps.parts import Parts
from voiceagent.documents.parts import DocumentParts
from voiceagent.documents.sandbox import Sandbox
from voiceagent.documents.service import DocumentService, Upload
from voiceagent.documents.worker import DocumentWorker
from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.conversation import Turn
from voiceagent.domain.document import SearchQuery
from voiceagent.domain.erasure import Erasure, signed_bytes
from voiceagent.domain.identity import ROLES, Grant, Principal, Session, Tenant, User
from voiceagent.domain.recording import RecordingAbout
from voiceagent.engine.conversations import ConversationLog
from voiceagent.gateway.identity.keys import KeyOrder, new_key
from voiceagent.kit.crypto_frames import SealedFrames
from voiceagent.kit.crypto_signing import is_signed
from voiceagent.kit.errors import Conflict, Forbidden, NotFound, Unauthenticated
from voiceagent.kit.ids import new_id
from voiceagent.kit.offload import Offload
from voiceagent.rights.holds import Holds, put_holds
from voiceagent.rights.parts import RightsParts
from voiceagent.rights.requests import request_erasure
from voiceagent.rights.worker import RightsWorker
from voiceagent.voice.recorder import Recorder, TurnRules

TENANT = "ten_a"
PORTS = ("store", "blobs", "vectors", "cache", "bus", "embed")
NOW = datetime.now(UTC)


class House:
    """The platform's parts on one folder, with what a person does in it."""

    def __init__(self, parts: Parts, rights: RightsParts) -> None:
        self.parts = parts
        self.rights = rights
        told = DocumentParts(
            parts.store, parts.blobs, parts.vectors, parts.embed, parts.bus, parts.cache, sandbox=Sandbox(ocr="", limits=PATIENT), names=rights.names
        )  # fmt: skip
        self.documents = DocumentService(told)
        self.worker = DocumentWorker(told, name="worker_test")
        self.log = ConversationLog(parts.store, parts.bus, parts.clock, names=rights.names)

    async def person(self, role: str = "operator", *, email: str = "") -> Principal:
        user = User(new_id("usr"), TENANT, email or f"{new_id('ann')}@example.org", role, "", NOW)
        key, _ = new_key(KeyOrder(TENANT, user.user_id, "key", frozenset({"talk"})), NOW)
        async with self.parts.store.begin(TENANT) as work:
            await work.users.add(user)
            await work.keys.add(key)
            await work.access.sessions.add(Session(new_id("ses"), user.user_id, 0, "password", NOW, NOW + timedelta(1)))
            await work.access.grants.add(
                Grant(new_id("g"), TENANT, "refresh", user.user_id, "", NOW, NOW + timedelta(1))
            )
        return Principal(TENANT, user.user_id, ROLES[role], "user")

    async def talks(self, principal: Principal, *words: str) -> str:
        opened = await self.log.open(principal, "", None, "voice")
        for word in words:
            now = self.parts.clock.now()
            turn = Turn(new_id("turn"), opened.conversation.conversation_id, word, word, word, "answered", now)
            await self.log.record(principal, turn)
        return opened.conversation.conversation_id

    async def uploads(self, principal: Principal, text: str, *, read: bool = True, name: str | None = None) -> str:
        document = await self.documents.add(
            principal, Upload(name or f"{new_id('f')}.md", "", pieces(f"# Title\n\nAbout {text} it is.\n".encode()))
        )
        while read and await self.worker.run_one():
            pass
        return document.document_id

    async def is_recorded(self, principal: Principal, sound: bytes) -> Path:
        folder = Path(self.parts.settings.recordings.dir) / new_id("rec")
        seal = None
        if self.parts.keys is not None:
            keys = await self.parts.keys.of(TENANT)
            seal = SealedFrames(keys.active, "recording", TENANT, folder.name)
        writer = Offload("recorder", threads=1)
        about = RecordingAbout(TENANT, principal.subject, "conv_1", self.parts.clock.now())
        recorder = Recorder(folder, TurnRules(), writer, seal, about)
        recorder.caller(sound)
        await recorder.close("test")
        writer.close()
        return folder

    async def asked(self, subject: str, policy: str = "delete") -> Erasure:
        entry = AuditEntry(new_id("aud"), self.parts.clock.now(), "usr_boss", "", "")
        async with self.parts.store.begin(TENANT) as work:
            return await request_erasure(work, self.rights, TENANT, subject, policy, entry)  # type: ignore[arg-type]

    async def erased(self, subject: str, policy: str = "delete") -> Erasure:
        erasure = await self.asked(subject, policy)
        while await RightsWorker(self.rights).run_one():
            pass
        async with self.parts.store.begin(TENANT, read_only=True) as work:
            return await work.erasures.get(erasure.erasure_id)

    async def finds(self, word: str) -> int:
        searcher = Principal(TENANT, "usr_searcher", ROLES["owner"], "user")
        found = await self.documents.search(searcher, SearchQuery(word, limit=20, deadline_s=60.0))
        return sum(word in passage.chunk.text for passage in found)


@asynccontextmanager
async def house(folder: Path, *, settle_s: float = 0.0, **flags: str) -> AsyncIterator[House]:
    told = {
        "data.dir": str(folder / "data"),
        "models.dir": str(folder / "models"),
        "embed.url": "hashed:///",
        "recordings.dir": str(folder / "data" / "recordings"),
        "privacy.tombstones_url": f"file://{folder}/tombstones",
        "privacy.secret": "a long enough secret of this test alone",
    }
    parts = Parts(load(environment={}, flags=told | flags).settings, apart=False)
    try:
        await parts.open(*PORTS)
        await parts.store.migrate()
        known = await parts.store.directory.tenants()
        if not known:
            await parts.store.directory.add_tenant(Tenant(TENANT, "A", NOW))
        yield House(parts, replace(await open_rights(parts), settle_s=settle_s))
    finally:
        await parts.close()


def found_in(folder: Path, word: str) -> list[str]:
    wanted = word.encode()
    return [str(path) for path in folder.rglob("*") if path.is_file() and wanted in path.read_bytes().lower()]


@pytest.fixture(params=["sealed", "plain"])
async def home(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    flags = {"keys.url": ""} if request.param == "plain" else {}
    async with house(tmp_path, **flags) as opened:
        yield opened


async def test_every_copy_of_a_person_is_gone_and_nobody_elses(home: House, tmp_path: Path) -> None:
    ann, bob = await home.person(), await home.person("owner")
    await home.talks(ann, "canaryturn")
    await home.talks(bob, "bobsays")
    await home.uploads(ann, "canarydocument")
    bobs = await home.uploads(bob, "bobwrites")
    recording = await home.is_recorded(ann, b"canarysound" * 50)
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        email = (await work.users.get(ann.subject)).email
    erasure = await home.erased(email)
    assert erasure.state == "done"
    assert {name: erasure.counts[name] for name in ("conversations", "turns", "documents", "recordings", "users")} == {
        "conversations": 1, "turns": 1, "documents": 1, "recordings": 1, "users": 1,
    }  # fmt: skip
    assert [erasure.counts[name] for name in ("sessions", "grants", "api_keys")] == [1, 1, 1]
    assert not recording.exists()
    assert await home.finds("canarydocument") == 0
    assert await home.finds("bobwrites") == 1
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        assert (await work.documents.get(bobs)).state == "ready"
        assert [one.user_id for one in await work.users.all()] == [bob.subject]
        assert len(await work.conversations.page(before=None, limit=10)) == 1
    for word in ("canaryturn", "canarydocument", "canarysound", email.lower()):
        assert found_in(tmp_path, word) == []


async def test_the_certificate_is_signed_and_the_audit_chain_holds_without_the_person(home: House) -> None:
    ann, _ = await home.person(), await home.person("owner")
    await home.talks(ann, "word")
    erasure = await home.erased(ann.subject)
    told = erasure.certificate
    assert told is not None
    signature = base64.b64decode(told["signature"])
    assert is_signed(told["public_key"], signature, signed_bytes(told["body"]))
    assert not is_signed(told["public_key"], signature, signed_bytes(told["body"] | {"removed": {}}))
    assert ann.subject not in str(told)
    assert [report.finding for report in await verify(home.parts.store, ())] == [None]
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        entries = {entry.action: entry for entry in await work.audit.page(before_id=None, limit=50)}
    assert entries["erasure_completed"].data["turns"] == 1
    for action in ("erasure_requested", "erasure_completed"):
        assert entries[action].data["subject_hmac"] == home.rights.names.of(TENANT, ann.subject)
        assert ann.subject not in str(entries[action])


async def test_asking_twice_is_one_erasure_and_unknown_people_are_refused(home: House) -> None:
    ann, _ = await home.person(email="ann@example.org"), await home.person("owner")
    first = await home.asked("ann@example.org")
    assert (await home.asked("Ann@example.org")).erasure_id == first.erasure_id
    assert (await home.asked(ann.subject)).erasure_id == first.erasure_id
    await home.erased(ann.subject)
    assert (await home.asked(ann.subject)).erasure_id == first.erasure_id
    with pytest.raises(NotFound) as refused:
        await home.asked("nobody@example.org")
    assert refused.value.code == "subject_not_found"


async def test_the_only_owner_and_the_held_are_not_erased(home: House) -> None:
    owner, ann = await home.person("owner"), await home.person()
    with pytest.raises(Conflict) as refused:
        await home.asked(owner.subject)
    assert refused.value.code == "last_owner"
    async with home.parts.store.begin(TENANT) as work:
        await put_holds(work, Holds(names=frozenset({home.rights.names.of(TENANT, ann.subject)})))
    with pytest.raises(Conflict) as refused:
        await home.asked(ann.subject)
    assert refused.value.code == "legal_hold"
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        assert not (await work.users.get(ann.subject)).disabled


async def test_rights_end_with_the_request(home: House) -> None:
    ann, _ = await home.person(), await home.person("owner")
    await home.asked(ann.subject)
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        assert (await work.users.get(ann.subject)).disabled
        assert await work.access.sessions.of_user(ann.subject) == ()
        assert all(key.revoked_at for key in await work.keys.all() if key.user_id == ann.subject)


async def test_documents_can_be_kept_without_their_uploader(home: House) -> None:
    ann, _ = await home.person(), await home.person("owner")
    document = await home.uploads(ann, "handbook")
    await home.erased(ann.subject, "keep")
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        assert (await work.documents.get(document)).uploaded_by == ""
    assert await home.finds("handbook") == 1


async def test_it_wins_races_with_calls_uploads_and_reading(home: House, tmp_path: Path) -> None:
    """A call under way, a file that comes in, a document that is being read: none leaves anything, whichever is first."""
    await home.person("owner")
    for round_ in range(8):
        ann = await home.person()
        conversation = await home.talks(ann, f"race{round_}before")
        await home.uploads(ann, f"race{round_}queued", read=False)

        async def goes_on(ann: Principal = ann, conversation: str = conversation, round_: int = round_) -> None:
            now = home.parts.clock.now()
            turn = Turn(new_id("turn"), conversation, f"race{round_}during", "", "", "asked", now)
            await home.log.record(ann, turn)
            await home.talks(ann, f"race{round_}again")

        acts = (goes_on(), home.uploads(ann, f"race{round_}upload", read=False), home.worker.run_one())
        results = await asyncio.gather(home.erased(ann.subject), *acts, return_exceptions=True)
        assert not isinstance(results[0], BaseException), results[0]
        assert all(isinstance(one, NotFound | Forbidden | bool | str | None) for one in results[1:]), results
        while await home.worker.run_one():
            pass
        async with home.parts.store.begin(TENANT, read_only=True) as work:
            assert ann.subject not in await work.traces.subjects()
        for word in ("before", "queued", "during", "again", "upload"):
            assert await home.finds(f"race{round_}{word}") == 0
    await home.parts.store.scrub()
    assert found_in(tmp_path / "data", "race") == []


async def test_after_the_end_nothing_can_be_left(home: House) -> None:
    ann, _ = await home.person(), await home.person("owner")
    conversation = await home.talks(ann, "word")
    await home.erased(ann.subject)
    turn = Turn(new_id("turn"), conversation, "late", "", "", "asked", NOW)
    with pytest.raises(NotFound):
        await home.log.record(ann, turn)
    with pytest.raises(Forbidden):
        await home.talks(ann, "late")
    with pytest.raises(Forbidden):
        await home.uploads(ann, "latefile")
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        assert await work.documents.page(before=None, limit=5) == ()
    assert [name async for name in home.parts.blobs.names(f"{TENANT}/documents/")] == []


async def test_a_restored_backup_is_erased_again_before_anything_is_served(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        ann, bob = await home.person(), await home.person("owner")
        await home.talks(ann, "canaryturn")
        await home.uploads(ann, "canarydocument")
        await home.is_recorded(ann, b"canarysound" * 10)
        await home.talks(bob, "stays")
        await home.parts.store.scrub()
        shutil.copytree(tmp_path / "data", tmp_path / "backup")
        first = await home.erased(ann.subject)
    shutil.rmtree(tmp_path / "data")
    (tmp_path / "backup").rename(tmp_path / "data")
    async with house(tmp_path) as home:
        assert await home.finds("canarydocument") == 1
        assert await RightsWorker(home.rights).replay() == 1
        assert await home.finds("canarydocument") == 0
        async with home.parts.store.begin(TENANT, read_only=True) as work:
            again = await work.erasures.get(first.erasure_id)
            assert ann.subject not in await work.traces.subjects()
            assert len(await work.conversations.page(before=None, limit=5)) == 1
        assert again.state == "done"
        assert again.counts["turns"] == first.counts["turns"]
        assert await RightsWorker(home.rights).replay() == 0
        assert list((tmp_path / "data" / "recordings").iterdir()) == []
    for word in ("canaryturn", "canarydocument", "canarysound"):
        assert found_in(tmp_path, word) == []


async def test_a_tombstone_of_another_hand_erases_nobody(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        ann, bob = await home.person(), await home.person("owner")
        await home.talks(bob, "word")
        await home.erased(ann.subject)
        (stone,) = (tmp_path / "tombstones").rglob("ers_*")
        forged = stone.read_text().replace(
            home.rights.names.of(TENANT, ann.subject), home.rights.names.of(TENANT, bob.subject)
        )
        stone.with_name("ers_forged").write_text(forged.replace(stone.name, "ers_forged"))
        assert await RightsWorker(home.rights).replay() == 0
        async with home.parts.store.begin(TENANT, read_only=True) as work:
            assert bob.subject in await work.traces.subjects()


async def test_a_store_that_is_away_postpones_and_the_next_try_ends_it(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, _ = await home.person(), await home.person("owner")
    await home.uploads(ann, "canarydocument")
    broken = True

    async def erase(tenant_id: str, document_id: str) -> None:
        if broken:
            raise Unauthenticated("vectors_unavailable", "the index is away")
        await home.rights.erase_document(tenant_id, document_id)

    parts = replace(home.rights, erase_document=erase)
    erasure = await home.asked(ann.subject)
    await RightsWorker(parts).run_one()
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        assert (await work.erasures.get(erasure.erasure_id)).state == "running"
        assert len(await work.traces.documents(ann.subject, limit=5)) == 1
    broken = False
    async with asyncio.timeout(60):
        while not await RightsWorker(parts).run_one():  # until the job is due again
            await asyncio.sleep(0.1)
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        assert (await work.erasures.get(erasure.erasure_id)).state == "done"
