"""The sentences of ports/store.py, library.py, work.py and audit.py, on SQLite in a file and in memory, and on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.servers import fresh_database

from voiceagent.adapters.blobs.files import open_blobs
from voiceagent.adapters.keys.roots import open_keys
from voiceagent.adapters.store.sql import open_store
from voiceagent.domain.agent import Agent
from voiceagent.domain.audit import AuditEntry
from voiceagent.domain.conversation import Citation, Conversation, Turn, TurnTimings
from voiceagent.domain.document import Collection, Document, Narrowed, Tally
from voiceagent.domain.erasure import Erasure
from voiceagent.domain.identity import ApiKey, Tenant, User
from voiceagent.domain.job import Job
from voiceagent.domain.paging import Place
from voiceagent.kit.errors import Conflict, InvalidInput, Misconfigured, NotFound, Problem
from voiceagent.kit.ids import new_id
from voiceagent.ports.store import Store

START = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgresql_database(postgresql_url: str) -> str:
    """A database whose owner is nobody special; migrated by the first store that opens it."""
    return fresh_database(postgresql_url, f"contract_{secrets.token_hex(4)}")


@pytest.fixture(params=["sqlite", "sealed", "memory", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, patient: None) -> AsyncIterator[Store]:
    keys = None
    if request.param in ("sqlite", "sealed"):
        url = f"sqlite:///{tmp_path}/data/voiceagent.db"
        if request.param == "sealed":
            keys = open_keys(f"file://{tmp_path}/root.key", ring=open_blobs(f"file://{tmp_path}/ring"))
    elif request.param == "memory":
        url = "sqlite://"
    else:
        url = request.getfixturevalue("postgresql_database")
    opened: Store = open_store(url, keys=keys)
    await opened.migrate()
    yield opened
    await opened.close()


@pytest.fixture
def tenant() -> str:
    return new_id("ten")


def _conversation(number: int = 0, **changes: object) -> Conversation:
    at = START + timedelta(seconds=number)
    return dataclasses.replace(Conversation(new_id("conv"), "default", "user_1", "voice", at, at), **changes)


def _turn(conversation_id: str, number: int = 0, **changes: object) -> Turn:
    at = START + timedelta(seconds=number)
    turn = Turn(new_id("turn"), conversation_id, f"question {number}", "the answer", "the ans", "answered", at)
    return dataclasses.replace(turn, **changes)


def _user(tenant: str, email: str) -> User:
    return User(new_id("user"), tenant, email, "admin", "$argon2id$...", START)


def _key(tenant: str, **changes: object) -> ApiKey:
    key = ApiKey(new_id("key"), tenant, "user_1", "laptop", "va_abc", new_id("sha"), frozenset({"talk"}), START)
    return dataclasses.replace(key, **changes)


def _document(collection_id: str, number: int = 0, **changes: object) -> Document:
    at = START + timedelta(seconds=number)
    document = Document(
        new_id("doc"), collection_id, "Title", "file.pdf", "application/pdf", 5_000_000_000, "ab" * 32, "queued", at, at
    )
    return dataclasses.replace(document, **changes)


def _job(tenant: str, **changes: object) -> Job:
    job = Job(new_id("job"), tenant, new_id("kind"), "doc_1", START, {"pages": 3, "name": "ü", "done": False})
    return dataclasses.replace(job, **changes)


# --- transactions -------------------------------------------------------------------------------------------------------


async def test_leaving_the_block_commits(store: Store, tenant: str) -> None:
    conversation = _conversation()
    async with store.begin(tenant) as unit:
        await unit.conversations.add(conversation)
    async with store.begin(tenant) as unit:
        assert await unit.conversations.get(conversation.conversation_id) == conversation


async def test_an_exception_rolls_back(store: Store, tenant: str) -> None:
    conversation = _conversation()
    with pytest.raises(RuntimeError, match="stop"):
        async with store.begin(tenant) as unit:
            await unit.conversations.add(conversation)
            raise RuntimeError("stop")
    async with store.begin(tenant) as unit:
        assert await unit.conversations.page(before=None, limit=10) == ()


async def test_a_cancellation_rolls_back(store: Store, tenant: str) -> None:
    written = asyncio.Event()

    async def slow() -> None:
        async with store.begin(tenant) as unit:
            await unit.conversations.add(_conversation())
            written.set()
            await asyncio.sleep(3600)

    task = asyncio.ensure_future(slow())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with store.begin(tenant) as unit:
        assert await unit.conversations.page(before=None, limit=10) == ()


async def test_not_found_and_conflict_leave_the_transaction_usable(store: Store, tenant: str) -> None:
    conversation = _conversation()
    async with store.begin(tenant) as unit:
        await unit.conversations.add(conversation)
        with pytest.raises(Conflict):
            await unit.conversations.add(conversation)
        with pytest.raises(NotFound):
            await unit.conversations.get("absent")
        await unit.conversations.put_turn(_turn(conversation.conversation_id))
    async with store.begin(tenant) as unit:
        assert (await unit.conversations.get(conversation.conversation_id)).turn_count == 1


async def test_a_swallowed_failure_of_the_database_does_not_commit(store: Store, tenant: str) -> None:
    entry = AuditEntry(new_id("aud"), START, "user_1", "signed_in", "user_1")
    async with store.begin(tenant) as unit:
        await unit.audit.append(entry)
    with pytest.raises(Conflict):
        async with store.begin(tenant) as unit:
            await unit.conversations.add(_conversation())
            with pytest.raises(Conflict):
                await unit.audit.append(entry)
    async with store.begin(tenant) as unit:
        assert await unit.conversations.page(before=None, limit=10) == ()


async def test_a_read_only_transaction_reads_and_refuses_every_change(store: Store, tenant: str) -> None:
    conversation = _conversation()
    async with store.begin(tenant) as unit:
        await unit.conversations.add(conversation)
    async with store.begin(tenant, read_only=True) as unit:
        assert await unit.conversations.get(conversation.conversation_id) == conversation
    with pytest.raises(Conflict) as caught:
        async with store.begin(tenant, read_only=True) as unit:
            await unit.conversations.add(_conversation())
    assert caught.value.code == "read_only"
    async with store.begin(tenant) as unit:
        await unit.conversations.add(_conversation())


async def test_a_transaction_needs_a_tenant(store: Store) -> None:
    with pytest.raises(InvalidInput) as caught:
        async with store.begin(""):
            pass
    assert caught.value.code == "no_tenant"


async def test_concurrent_transactions_all_commit(store: Store, tenant: str) -> None:
    conversation = _conversation()
    async with store.begin(tenant) as unit:
        await unit.conversations.add(conversation)

    async def record(number: int) -> None:
        async with store.begin(tenant) as unit:
            await unit.conversations.put_turn(_turn(conversation.conversation_id, number))

    for batch in range(5):
        await asyncio.gather(*(record(batch * 8 + number) for number in range(8)))
    async with store.begin(tenant) as unit:
        turns = await unit.conversations.turns(conversation.conversation_id, last=100)
    assert [turn.asked for turn in turns] == [f"question {number}" for number in range(40)]


async def test_text_that_postgresql_refuses_is_cleaned_alike(store: Store, tenant: str) -> None:
    conversation = _conversation(title="a\0b")
    turn = _turn(conversation.conversation_id, asked="x\ud800y", answer="\0", citations=(_citation(quote="q\0\udfff"),))
    async with store.begin(tenant) as unit:
        await unit.conversations.add(conversation)
        await unit.conversations.put_turn(turn)
        (stored,) = await unit.conversations.turns(conversation.conversation_id, last=1)
        title = (await unit.conversations.get(conversation.conversation_id)).title
    assert (title, stored.asked, stored.answer) == ("a\ufffdb", "x\ufffdy", "\ufffd")
    assert stored.citations[0].quote == "q\ufffd\ufffd"


# --- tenants ------------------------------------------------------------------------------------------------------------


async def test_a_tenant_neither_reads_nor_changes_what_belongs_to_another(store: Store) -> None:
    mine, other = new_id("ten"), new_id("ten")
    conversation, collection = _conversation(), Collection(new_id("col"), "A", START)
    turn, document, job, key = (
        _turn(conversation.conversation_id),
        _document(collection.collection_id),
        _job(mine),
        _key(mine),
    )
    user = _user(mine, f"{new_id('u')}@example.org")
    async with store.begin(mine) as unit:
        await unit.conversations.add(conversation)
        await unit.conversations.put_turn(turn)
        await unit.collections.put(collection)
        await unit.documents.put(document)
        await unit.jobs.enqueue(job)
        await unit.keys.add(key)
        await unit.users.add(user)
        await unit.agents.put(Agent())
        await unit.settings.put("a", {"b": 1})
        await unit.audit.append(AuditEntry(new_id("aud"), START, "u", "a", "o"))
    async with store.begin(other) as unit:
        for absent in (
            unit.conversations.get(conversation.conversation_id),
            unit.conversations.put_turn(turn),
            unit.collections.get(collection.collection_id),
            unit.documents.get(document.document_id),
            unit.documents.put(document),
            unit.jobs.get(job.job_id),
            unit.users.get(user.user_id),
            unit.users.put(user),
            unit.agents.get("default"),
        ):
            with pytest.raises(NotFound):
                await absent
        assert await unit.conversations.turns(conversation.conversation_id, last=10) == ()
        for empty in (
            await unit.conversations.page(before=None, limit=10),
            await unit.collections.all(),
            await unit.documents.page(before=None, limit=10),
            await unit.documents.by_sha256(document.blob_sha256),
            await unit.keys.all(),
            await unit.users.all(),
            await unit.agents.all(),
            await unit.audit.page(before_id=None, limit=10),
        ):
            assert empty == ()
        assert (await unit.settings.get("a"), await unit.settings.all(), await unit.jobs.depth()) == (None, {}, 0)
        assert not await unit.conversations.delete(conversation.conversation_id)
        assert not await unit.collections.delete(collection.collection_id)
        assert not await unit.documents.delete(document.document_id)
        assert not await unit.keys.revoke(key.key_id, START)
        assert not await unit.agents.delete("default")
        assert not await unit.settings.delete("a")
    async with store.begin(mine) as unit:
        assert (await unit.conversations.get(conversation.conversation_id)).turn_count == 1
        assert await unit.documents.get(document.document_id) == document
        assert await unit.keys.all() == (key,)


async def test_two_tenants_may_use_the_same_ids(store: Store) -> None:
    conversation = _conversation()
    for tenant in (new_id("ten"), new_id("ten")):
        async with store.begin(tenant) as unit:
            await unit.conversations.add(conversation)
            await unit.conversations.put_turn(_turn(conversation.conversation_id, turn_id="turn_same"))
            assert len(await unit.conversations.turns(conversation.conversation_id, last=10)) == 1


# --- conversations and agents -------------------------------------------------------------------------------------------


def _citation(**changes: object) -> Citation:
    return dataclasses.replace(Citation("doc_1", "Report", 3, 10, 20, "the words", 0.5), **changes)


async def test_a_turn_is_stored_whole(store: Store, tenant: str) -> None:
    conversation = _conversation()
    turn = _turn(
        conversation.conversation_id,
        timings=TurnTimings(soft_end_ms=1.5, first_audio_ms=480.25, audio_in_s=2.0),
        citations=(_citation(), _citation(page=None)),
        model="chat",
        prompt_tokens=100,
        completion_tokens=20,
        error_code="llm_deadline",
        state="failed",
    )
    async with store.begin(tenant) as unit:
        await unit.conversations.add(conversation)
        await unit.conversations.put_turn(turn)
    async with store.begin(tenant) as unit:
        assert await unit.conversations.turns(conversation.conversation_id, last=5) == (turn,)


async def test_put_turn_replaces_by_id_and_touches_its_conversation(store: Store, tenant: str) -> None:
    conversation = _conversation()
    turn = _turn(conversation.conversation_id, state="asked", answer="", heard="")
    async with store.begin(tenant) as unit:
        await unit.conversations.add(conversation)
        await unit.conversations.put_turn(turn)
    answered = dataclasses.replace(turn, state="answered", answer="yes", heard="ye")
    for _ in range(2):
        async with store.begin(tenant) as unit:
            await unit.conversations.put_turn(answered)
    async with store.begin(tenant) as unit:
        assert await unit.conversations.turns(conversation.conversation_id, last=5) == (answered,)
        touched = await unit.conversations.get(conversation.conversation_id)
    assert touched.turn_count == 1
    assert touched.updated_at > conversation.updated_at


async def test_a_turn_of_an_absent_conversation_is_not_found(store: Store, tenant: str) -> None:
    async with store.begin(tenant) as unit:
        with pytest.raises(NotFound) as caught:
            await unit.conversations.put_turn(_turn("absent"))
    assert caught.value.code == "conversation_not_found"


async def test_turns_are_the_last_ones_oldest_first(store: Store, tenant: str) -> None:
    conversation = _conversation()
    async with store.begin(tenant) as unit:
        await unit.conversations.add(conversation)
        for number in (3, 1, 2, 0):
            await unit.conversations.put_turn(_turn(conversation.conversation_id, number))
        turns = await unit.conversations.turns(conversation.conversation_id, last=3)
    assert [turn.asked for turn in turns] == ["question 1", "question 2", "question 3"]


async def test_conversations_are_paged_newest_first(store: Store, tenant: str) -> None:
    conversations = [_conversation(number) for number in range(5)]
    async with store.begin(tenant) as unit:
        for conversation in conversations:
            await unit.conversations.add(conversation)
        first = await unit.conversations.page(before=None, limit=3)
        rest = await unit.conversations.page(before=first[-1].place, limit=3)
    assert [*first, *rest] == conversations[::-1]


async def test_conversations_turns_and_erasures_of_the_very_same_moment_are_all_paged_once(
    store: Store, tenant: str
) -> None:
    conversation = _conversation(7)
    turns = [_turn(conversation.conversation_id, created_at=START) for _ in range(5)]
    named = [Erasure(new_id("ers"), tenant, new_id("hmac"), (), "delete", START) for _ in range(5)]
    async with store.begin(tenant) as unit:
        for one in (conversation, *(_conversation() for _ in range(5))):
            await unit.conversations.add(one)
        for turn in turns:
            await unit.conversations.put_turn(turn)
        for erasure in named:
            await unit.erasures.put(erasure)

        async def of(before: Place | None, limit: int) -> list[Turn]:
            found = await unit.conversations.turns(conversation.conversation_id, last=limit, before=before)
            return list(found)[::-1]

        for page, count in ((unit.conversations.page, 6), (unit.erasures.page, 5)):
            whole = await page(before=None, limit=99)
            assert len(whole) == count
            assert await _paged(lambda before, limit, page=page: page(before=before, limit=limit)) == list(whole)
        assert await _paged(of) == await of(None, 99)
        assert len(await of(None, 99)) == 5


async def _paged(page: Callable[[Any, int], Awaitable[Sequence[Any]]]) -> list[Any]:
    """All of a list, two at a time."""
    found: list[Any] = []
    while more := await page(found[-1].place if found else None, 2):
        found += more
    return found


async def test_deleting_a_conversation_removes_its_turns(store: Store, tenant: str) -> None:
    conversation = _conversation()
    async with store.begin(tenant) as unit:
        await unit.conversations.add(conversation)
        await unit.conversations.put_turn(_turn(conversation.conversation_id))
        assert await unit.conversations.delete(conversation.conversation_id) is True
        assert await unit.conversations.delete(conversation.conversation_id) is False
        assert await unit.conversations.turns(conversation.conversation_id, last=10) == ()


async def test_agents_are_stored_replaced_listed_by_name_and_deleted(store: Store, tenant: str) -> None:
    one = Agent("agt_1", "Zoe", collection_ids=("col_1", "col_2"), temperature=0.7)
    two = Agent("agt_2", "Ann")
    async with store.begin(tenant) as unit:
        for agent in (one, two):
            await unit.agents.put(agent)
        assert await unit.agents.all() == (two, one)
        await unit.agents.put(dataclasses.replace(one, name="Abe"))
        assert [agent.name for agent in await unit.agents.all()] == ["Abe", "Ann"]
        assert await unit.agents.delete("agt_1") is True
        assert await unit.agents.delete("agt_1") is False
        with pytest.raises(NotFound) as caught:
            await unit.agents.get("agt_1")
    assert caught.value.code == "agent_not_found"


# --- people, keys, settings, the directory ------------------------------------------------------------------------------


async def test_an_email_is_taken_in_whatever_case_and_tenant(store: Store, tenant: str) -> None:
    name = new_id("u")
    async with store.begin(tenant) as unit:
        await unit.users.add(_user(tenant, f"{name}@Example.org"))
    for other in (tenant, new_id("ten")):
        with pytest.raises(Conflict) as caught:
            async with store.begin(other) as unit:
                await unit.users.add(_user(other, f" {name.upper()}@example.ORG"))
        assert caught.value.code == "user_exists"


async def test_a_user_is_replaced_and_listed_by_email(store: Store, tenant: str) -> None:
    name = new_id("u")
    ann, bob = _user(tenant, f"a{name}@x.org"), _user(tenant, f"b{name}@x.org")
    async with store.begin(tenant) as unit:
        await unit.users.add(bob)
        await unit.users.add(ann)
        assert await unit.users.all() == (ann, bob)
        disabled = dataclasses.replace(bob, disabled=True)
        await unit.users.put(disabled)
        assert await unit.users.get(bob.user_id) == disabled
        with pytest.raises(Conflict) as caught:
            await unit.users.put(dataclasses.replace(bob, email=ann.email.upper()))
        assert caught.value.code == "user_exists"
        with pytest.raises(NotFound) as absent:
            await unit.users.put(_user(tenant, f"c{name}@x.org"))
        assert absent.value.code == "user_not_found"


async def test_keys_are_listed_newest_first_and_revoked_once(store: Store, tenant: str) -> None:
    old, new = _key(tenant), _key(tenant, created_at=START + timedelta(days=1), expires_at=START + timedelta(days=2))
    async with store.begin(tenant) as unit:
        await unit.keys.add(old)
        await unit.keys.add(new)
        assert await unit.keys.all() == (new, old)
        assert await unit.keys.revoke(old.key_id, START) is True
        assert await unit.keys.revoke(old.key_id, START + timedelta(days=9)) is True
        assert (await unit.keys.all())[1].revoked_at == START
        assert await unit.keys.revoke("absent", START) is False


async def test_the_directory_finds_a_key_by_its_digest_in_any_tenant(store: Store, tenant: str) -> None:
    key = _key(tenant)
    async with store.begin(tenant) as unit:
        await unit.keys.add(key)
    assert await store.directory.key_by_sha256(key.secret_sha256) == key
    assert await store.directory.key_by_sha256("absent") is None
    await store.directory.key_used(key.key_id, START)
    await store.directory.key_used("absent", START)
    found = await store.directory.key_by_sha256(key.secret_sha256)
    assert found is not None
    assert found.last_used_at == START


async def test_the_directory_finds_a_user_by_email_without_case(store: Store, tenant: str) -> None:
    user = _user(tenant, f"{new_id('u')}@Example.org")
    async with store.begin(tenant) as unit:
        await unit.users.add(user)
    assert await store.directory.user_by_email(user.email.upper()) == user
    assert await store.directory.user_by_email("") is None


async def test_the_directory_keeps_tenants(store: Store) -> None:
    one, two = Tenant(new_id("ten"), "One", START), Tenant(new_id("ten"), "Two", START - timedelta(days=1))
    await store.directory.add_tenant(one)
    await store.directory.add_tenant(two)
    assert [tenant for tenant in await store.directory.tenants() if tenant in (one, two)] == [two, one]
    with pytest.raises(Conflict) as caught:
        await store.directory.add_tenant(one)
    assert caught.value.code == "tenant_exists"


async def test_settings_are_stored_replaced_and_deleted(store: Store, tenant: str) -> None:
    async with store.begin(tenant) as unit:
        assert await unit.settings.get("turns") is None
        await unit.settings.put("turns", {"silence_ms": 500})
        await unit.settings.put("turns", {"silence_ms": 300, "names": ["a", None, 1.5, True]})
        await unit.settings.put("audio", {})
        assert await unit.settings.get("turns") == {"silence_ms": 300, "names": ["a", None, 1.5, True]}
        assert list(await unit.settings.all()) == ["audio", "turns"]
        assert await unit.settings.delete("audio") is True
        assert await unit.settings.delete("audio") is False


# --- documents ----------------------------------------------------------------------------------------------------------


async def test_a_document_is_stored_whole_and_replaced(store: Store, tenant: str) -> None:
    collection = Collection(new_id("col"), "Handbooks", START, frozenset({"user_1", "key_2"}))
    document = _document(collection.collection_id, metadata={"authors": ["Ann"], "year": 2026})
    async with store.begin(tenant) as unit:
        await unit.collections.put(collection)
        await unit.documents.put(document)
        assert await unit.collections.get(collection.collection_id) == collection
        assert await unit.documents.get(document.document_id) == document
        ready = dataclasses.replace(document, state="ready", progress=1.0, kind="report", kind_confidence=0.75)
        await unit.documents.put(ready)
        assert await unit.documents.by_sha256(document.blob_sha256) == (ready,)
        assert await unit.documents.delete(document.document_id) is True
        assert await unit.documents.delete(document.document_id) is False
        with pytest.raises(NotFound) as caught:
            await unit.documents.get(document.document_id)
    assert caught.value.code == "document_not_found"


async def test_documents_are_paged_newest_first_within_a_collection_or_all(store: Store, tenant: str) -> None:
    one, two = Collection(new_id("col"), "B", START), Collection(new_id("col"), "A", START)
    documents = [_document((one, two)[n % 2].collection_id, n, blob_sha256=f"{n % 2}") for n in range(6)]
    async with store.begin(tenant) as unit:
        for collection in (one, two):
            await unit.collections.put(collection)
        for document in documents:
            await unit.documents.put(document)
        assert await unit.collections.all() == (two, one)
        first = await unit.documents.page(before=None, limit=4)
        rest = await unit.documents.page(before=first[-1].place, limit=4)
        assert [*first, *rest] == documents[::-1]
        in_one = await unit.documents.page(before=documents[4].place, limit=9, wanted=Narrowed(one.collection_id))
        assert in_one == (documents[2], documents[0])
        read = dataclasses.replace(documents[3], kind="invoice", state="ready")
        await unit.documents.put(read)
        await unit.documents.put(dataclasses.replace(documents[1], kind="invoice"))
        invoices = await unit.documents.page(before=None, limit=9, wanted=Narrowed(kind="invoice"))
        assert [one.document_id for one in invoices] == [documents[3].document_id, documents[1].document_id]
        assert await unit.documents.page(before=None, limit=9, wanted=Narrowed(kind="invoice", states=("ready",))) == (
            read,
        )
        open_ones = await unit.documents.page(before=None, limit=9, wanted=Narrowed(states=("queued", "parsing")))
        assert [one.document_id for one in open_ones] == [documents[n].document_id for n in (5, 4, 2, 1, 0)]
        assert await unit.documents.page(before=None, limit=9, wanted=Narrowed(states=())) == ()
        assert await unit.documents.page(before=None, limit=9, wanted=Narrowed(kind="letter")) == ()
        assert await unit.documents.by_sha256("0") == (documents[0], documents[2], documents[4])


async def test_documents_of_the_very_same_moment_are_all_paged_once(store: Store, tenant: str) -> None:
    one, two = Collection(new_id("col"), "A", START), Collection(new_id("col"), "B", START)
    older, newer = _document(one.collection_id, -1, kind="letter"), _document(one.collection_id, 1)
    same = [_document((one, two)[n % 2].collection_id, kind="letter") for n in range(7)]
    async with store.begin(tenant) as unit:
        for collection in (one, two):
            await unit.collections.put(collection)
        for document in (*same, older, newer):
            await unit.documents.put(document)
        for wanted, count in ((Narrowed(), 9), (Narrowed(one.collection_id), 6), (Narrowed(kind="letter"), 8)):
            whole = await unit.documents.page(before=None, limit=99, wanted=wanted)
            assert len(whole) == count and whole[-1] == older
            for limit in (1, 2, 3):
                paged: list[Document] = []
                while found := await unit.documents.page(
                    before=paged[-1].place if paged else None, limit=limit, wanted=wanted
                ):
                    paged += found
                assert tuple(paged) == whole
                turned: list[Document] = []
                while found := await unit.documents.page(
                    before=turned[-1].place if turned else None,
                    limit=limit,
                    wanted=dataclasses.replace(wanted, oldest_first=True),
                ):
                    turned += found
                assert tuple(turned) == whole[::-1]
        assert await unit.documents.page(before=(START, ""), limit=9) == (older,), "by the moment alone: before it"


async def test_collections_tell_what_is_in_them_apart_by_state_and_whether_documents_name_readers(
    store: Store, tenant: str
) -> None:
    one, two, empty = (Collection(new_id("col"), name, START) for name in ("A", "B", "C"))
    named = {"reader_ids": ["user_1"], "format": "pdf"}
    closed = _document(one.collection_id, 3, state="ready", metadata=named)
    documents = [
        _document(one.collection_id, 1, state="ready", metadata={"reader_ids": [], "format": "pdf"}),
        _document(one.collection_id, 2, state="ready", size_bytes=7),
        _document(one.collection_id, 4, state="failed", size_bytes=1),
        _document(two.collection_id, 5, size_bytes=2),
        closed,
    ]
    async with store.begin(tenant) as unit:
        for collection in (one, two, empty):
            await unit.collections.put(collection)
        for document in documents:
            await unit.documents.put(document)
        both = await unit.collections.tallies([one.collection_id, empty.collection_id, new_id("col")])
        assert set(both) == {
            Tally(one.collection_id, "ready", True, 2, 5_000_000_007),
            Tally(one.collection_id, "ready", False, 1, 5_000_000_000),
            Tally(one.collection_id, "failed", True, 1, 1),
        }
        hidden = await unit.documents.page(before=None, limit=9, wanted=Narrowed(one.collection_id, is_open=False))
        assert hidden == (closed,)
        shown = await unit.documents.page(before=None, limit=9, wanted=Narrowed(one.collection_id, is_open=True))
        assert len(shown) == 3 and closed not in shown
        await unit.documents.put(dataclasses.replace(closed, metadata={"format": "pdf"}, version=2))
        await unit.documents.put(dataclasses.replace(documents[3], metadata=named))
        assert await unit.collections.tallies([two.collection_id]) == (Tally(two.collection_id, "queued", False, 1, 2),)
        assert {tally.is_open for tally in await unit.collections.tallies([one.collection_id])} == {True}
        assert await unit.collections.tallies([]) == ()
    async with store.begin(new_id("ten")) as other:
        assert await other.collections.tallies([one.collection_id, two.collection_id]) == ()


async def test_a_document_needs_its_collection_and_a_collection_keeps_its_documents(store: Store, tenant: str) -> None:
    collection = Collection(new_id("col"), "A", START)
    document = _document(collection.collection_id)
    async with store.begin(tenant) as unit:
        with pytest.raises(NotFound) as caught:
            await unit.documents.put(document)
        assert caught.value.code == "collection_not_found"
        await unit.collections.put(collection)
        await unit.documents.put(document)
        with pytest.raises(Conflict) as full:
            await unit.collections.delete(collection.collection_id)
        assert full.value.code == "collection_not_empty"
        await unit.documents.delete(document.document_id)
        assert await unit.collections.delete(collection.collection_id) is True


# --- jobs ---------------------------------------------------------------------------------------------------------------


async def _enqueued(store: Store, tenant: str, **changes: object) -> Job:
    async with store.begin(tenant) as unit:
        return await unit.jobs.enqueue(_job(tenant, **changes))


async def test_a_job_is_claimed_once_and_completed(store: Store, tenant: str) -> None:
    job = await _enqueued(store, tenant)
    claimed = await store.queue.claim((job.kind,), worker="w1", lease_s=600)
    assert claimed is not None
    assert (claimed.job_id, claimed.tenant_id, claimed.payload) == (job.job_id, tenant, job.payload)
    assert (claimed.state, claimed.attempt) == ("running", 1)
    assert await store.queue.claim((job.kind,), worker="w2", lease_s=600) is None
    assert await store.queue.heartbeat(claimed, lease_s=600) is True
    async with store.begin(tenant) as unit:
        assert await unit.jobs.depth() == 1
        await unit.jobs.complete(claimed)
        assert await unit.jobs.depth() == 0
        assert (await unit.jobs.get(job.job_id)).state == "done"
    assert await store.queue.heartbeat(claimed, lease_s=600) is False


async def test_completing_is_undone_with_the_transaction(store: Store, tenant: str) -> None:
    job = await _enqueued(store, tenant)
    claimed = await store.queue.claim((job.kind,), worker="w1", lease_s=600)
    assert claimed is not None
    with pytest.raises(RuntimeError):
        async with store.begin(tenant) as unit:
            await unit.jobs.complete(claimed)
            raise RuntimeError("the effect failed")
    assert await store.queue.heartbeat(claimed, lease_s=600) is True


async def test_the_same_idempotency_key_is_the_same_job(store: Store, tenant: str) -> None:
    first = await _enqueued(store, tenant, idempotency_key="upload-1")
    again = await _enqueued(store, tenant, idempotency_key="upload-1")
    elsewhere = await _enqueued(store, new_id("ten"), idempotency_key="upload-1")
    assert again == first
    assert elsewhere.job_id != first.job_id


async def test_a_lease_that_ran_out_is_claimed_again_and_the_first_claim_is_lost(store: Store, tenant: str) -> None:
    job = await _enqueued(store, tenant)
    first = await store.queue.claim((job.kind,), worker="w1", lease_s=0)
    second = await store.queue.claim((job.kind,), worker="w2", lease_s=600)
    assert first is not None
    assert second is not None
    assert (second.job_id, second.attempt) == (job.job_id, 2)
    assert await store.queue.heartbeat(first, lease_s=600) is False
    for end in ("complete", "fail"):
        async with store.begin(tenant) as unit:
            with pytest.raises(Conflict) as caught:
                if end == "complete":
                    await unit.jobs.complete(first)
                else:
                    await unit.jobs.fail(first, error_code="x", retry_at=None)
            assert caught.value.code == "lease_lost"


async def test_a_failed_job_comes_back_when_it_is_due_until_its_attempts_are_used_up(store: Store, tenant: str) -> None:
    job = await _enqueued(store, tenant, max_attempts=2)
    for attempt in (1, 2):
        claimed = await store.queue.claim((job.kind,), worker="w", lease_s=600)
        assert claimed is not None
        assert claimed.attempt == attempt
        async with store.begin(tenant) as unit:
            await unit.jobs.fail(claimed, error_code="parse_failed", retry_at=START)
    assert await store.queue.claim((job.kind,), worker="w", lease_s=600) is None
    async with store.begin(tenant) as unit:
        ended = await unit.jobs.get(job.job_id)
    assert (ended.state, ended.error_code) == ("failed", "parse_failed")


async def test_a_tenant_with_its_share_is_left_for_later(store: Store, tenant: str) -> None:
    job = await _enqueued(store, tenant)
    assert await store.queue.claim((job.kind,), worker="w", lease_s=600, but_of=(tenant,)) is None
    claimed = await store.queue.claim((job.kind,), worker="w", lease_s=600, but_of=("ten_of_others",))
    assert claimed is not None and claimed.job_id == job.job_id


async def test_a_job_is_not_claimed_before_it_is_due_nor_by_a_worker_of_another_kind(store: Store, tenant: str) -> None:
    job = await _enqueued(store, tenant, due_at=datetime.now(UTC) + timedelta(hours=1))
    other = await _enqueued(store, tenant)
    assert await store.queue.claim((job.kind,), worker="w", lease_s=600) is None
    claimed = await store.queue.claim((job.kind, other.kind), worker="w", lease_s=600)
    assert claimed is not None
    assert claimed.job_id == other.job_id
    assert (await store.queue.depth())[job.kind] == 1


async def test_racing_workers_never_get_the_same_job(store: Store, tenant: str) -> None:
    kind = new_id("kind")
    jobs = {(await _enqueued(store, tenant, kind=kind)).job_id for _ in range(12)}

    async def worker(name: str) -> list[str]:
        mine = []
        while (job := await store.queue.claim((kind,), worker=name, lease_s=600)) is not None:
            mine.append(job.job_id)
        return mine

    claimed = [job_id for ids in await asyncio.gather(*(worker(f"w{n}") for n in range(4))) for job_id in ids]
    assert sorted(claimed) == sorted(jobs)


# --- audit --------------------------------------------------------------------------------------------------------------


async def test_audit_entries_are_paged_newest_first(store: Store, tenant: str) -> None:
    entries = [AuditEntry(f"aud_{n}", START, "user_1", "key_created", f"key_{n}", "req_1", {"n": n}) for n in range(5)]
    async with store.begin(tenant) as unit:
        for entry in entries:
            await unit.audit.append(entry)
        first = await unit.audit.page(before_id=None, limit=3)
        rest = await unit.audit.page(before_id=first[-1].entry_id, limit=3)
    assert [*first, *rest] == entries[::-1]


# --- the store itself ---------------------------------------------------------------------------------------------------


async def test_it_is_ready_and_migrating_again_changes_nothing(store: Store, tenant: str) -> None:
    await store.migrate()
    assert await store.ready() is True


async def test_closing_twice_is_fine(store: Store) -> None:
    await store.close()
    await store.close()


async def test_a_store_without_tables_says_what_to_do(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/empty.db")
    assert await store.ready() is False
    with pytest.raises(Misconfigured, match="migrate"):
        async with store.begin("ten_a") as unit:
            await unit.agents.all()
    await store.close()


@pytest.mark.parametrize("url", ["", "sqlite:/", "sqlite:///", "sqlite://host/x", "mysql://x", "postgresql://h:port/x"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Problem) as caught:
        open_store(url)
    assert caught.value.code == "store_url"
