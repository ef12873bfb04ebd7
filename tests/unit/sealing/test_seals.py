"""Sealed rows and objects: no words on the disk, nothing opens in another place, keys change while all is read, and destroyed keys end it."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import os
import random
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.patience import until

from voiceagent.adapters.blobs.files import open_blobs
from voiceagent.adapters.blobs.sealed import CHUNK_BYTES, SealedBlobs
from voiceagent.adapters.keys.ring import KeyRing
from voiceagent.adapters.keys.roots import open_keys
from voiceagent.adapters.store.sealing.rows import RowSeal
from voiceagent.adapters.store.sql import SqlStore, open_store
from voiceagent.apps.custody.rotation import rotate
from voiceagent.domain.conversation import Citation, Conversation, Turn
from voiceagent.domain.identity import SecondFactor
from voiceagent.kit.errors import Conflict, Forbidden, Misconfigured, NotFound, Problem
from voiceagent.kit.ids import new_id

NOW = datetime(2026, 3, 1, tzinfo=UTC)
A, B = "ten_a", "ten_b"


class Clock:
    """Goes as far as it is told to."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def monotonic_s(self) -> float:
        return self.at_s

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class House:
    folder: Path
    clock: Clock

    def keys(self) -> KeyRing:
        """As another process would open them."""
        return open_keys(
            f"file://{self.folder}/root.key", ring=open_blobs(f"file://{self.folder}/ring"), clock=self.clock
        )

    def store(self, keys: KeyRing | None) -> SqlStore:
        return open_store(f"sqlite:///{self.folder}/data/voiceagent.db", keys=keys)

    def blobs(self, keys: KeyRing) -> SealedBlobs:
        return SealedBlobs(open_blobs(f"file://{self.folder}/blobs"), keys)

    def database(self) -> sqlite3.Connection:
        return sqlite3.connect(self.folder / "data" / "voiceagent.db", isolation_level=None)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path, Clock())
    store = house.store(None)
    await store.migrate()
    await store.close()
    yield house


def turn(conversation_id: str, number: int, words: str) -> Turn:
    citation = Citation("doc_1", f"title {words}", 1, 0, 9, f"quote {words}")
    return Turn(
        f"turn_{number:05}", conversation_id, f"asked {words}", f"answer {words}", f"heard {words}", "answered", NOW,
        citations=(citation,),
    )  # fmt: skip


async def filled(store: SqlStore, tenant_id: str, count: int, words: str = "hush") -> list[Turn]:
    turns = [turn("conv_1", number, f"{words} {number}") for number in range(count)]
    async with store.begin(tenant_id) as work:
        await work.conversations.add(Conversation("conv_1", "default", "user_1", "voice", NOW, NOW, f"title {words}"))
        for one in turns:
            await work.conversations.put_turn(one)
        await work.access.second_factors.put(SecondFactor("user_1", f"TOTP{words}"))
    return turns


async def read(store: SqlStore, tenant_id: str, count: int = 10_000) -> list[Turn]:
    async with store.begin(tenant_id, read_only=True) as work:
        return list(await work.conversations.turns("conv_1", last=count))


async def whole(blobs: SealedBlobs, name: str) -> bytes:
    return b"".join([piece async for piece in blobs.get(name)])


# --- rows ---------------------------------------------------------------------------------------------------------------


async def test_words_come_back_and_are_in_no_file(house: House) -> None:
    store = house.store(house.keys())
    turns = await filled(store, A, 30, words="CANARY")
    assert await read(store, A) == turns
    async with store.begin(A, read_only=True) as work:
        factor = await work.access.second_factors.get("user_1")
        assert factor is not None
        assert factor.secret == "TOTPCANARY"
        assert (await work.conversations.get("conv_1")).title == "title CANARY"
        assert (await work.conversations.page(before=None, limit=5))[0].title == "title CANARY"
    for file in house.folder.rglob("*"):
        if file.is_file():
            assert b"CANARY" not in file.read_bytes(), file
    await store.close()


async def test_rows_from_before_there_were_keys_are_read_and_sealed_when_stored_again(house: House) -> None:
    plain = house.store(None)
    turns = await filled(plain, A, 2, words="early")
    await plain.close()
    store = house.store(house.keys())
    assert await read(store, A) == turns
    async with store.begin(A) as work:
        await work.conversations.put_turn(dataclasses.replace(turns[0], heard="less"))
    assert await read(store, A) == [dataclasses.replace(turns[0], heard="less"), turns[1]]
    kept = [row[0] for row in house.database().execute("SELECT asked FROM turns ORDER BY turn_id")]
    assert "early" not in kept[0]
    assert kept[1] == "asked early 1"
    await store.close()


async def test_sealed_rows_without_keys_say_what_is_needed(house: House) -> None:
    store = house.store(house.keys())
    await filled(store, A, 1)
    await store.close()
    plain = house.store(None)
    with pytest.raises(Misconfigured) as caught:
        await read(plain, A)
    assert caught.value.code == "keys_needed"
    await plain.close()


async def test_1000_ciphertexts_moved_to_other_rows_fields_and_tenants_do_not_open(house: House) -> None:
    store = house.store(house.keys())
    for tenant_id in (A, B):
        await filled(store, tenant_id, 12)
    db, dice = house.database(), random.Random(5)
    fields = ("asked", "answer", "heard", "row_key")
    for number in range(1_000):
        place, source = (
            (tenant, f"turn_{dice.randrange(12):05}", dice.choice(fields)) for tenant in dice.choices((A, B), k=2)
        )
        if place == source:
            continue
        db.execute("BEGIN")
        (taken,) = db.execute(
            f"SELECT {source[2]} FROM turns WHERE tenant_id = ? AND turn_id = ?", source[:2]
        ).fetchone()
        key = (
            db.execute("SELECT row_key FROM turns WHERE tenant_id = ? AND turn_id = ?", source[:2]).fetchone()[0]
            if number % 2
            else None
        )  # half of the time with the key that it was sealed under
        db.execute(
            f"UPDATE turns SET row_key = coalesce(?, row_key), {place[2]} = ? WHERE tenant_id = ? AND turn_id = ?"
            if place[2] != "row_key"
            else "UPDATE turns SET row_key = coalesce(?, ?) WHERE tenant_id = ? AND turn_id = ?",
            (key, taken, *place[:2]),
        )
        changed = db.execute("SELECT total_changes()").fetchone()[0]
        rows = db.execute("SELECT * FROM turns WHERE tenant_id = ? AND turn_id = ?", place[:2])
        names = [one[0] for one in rows.description]
        row = dict(zip(names, rows.fetchone(), strict=True)) | {"citations": "x"}
        db.execute("ROLLBACK")
        same_row = place[:2] == source[:2]
        if same_row and place[2] == "row_key" and number % 2:
            continue  # its own key put back
        with pytest.raises(Problem) as caught:
            await RowSeal(store._keys, place[0]).opened(row)  # type: ignore[arg-type]
        assert caught.value.code == "sealed_data_broken", (number, place, source, changed)
    await store.close()


# --- objects ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES, 3_000_001])
async def test_objects_of_any_size_come_back(house: House, size: int) -> None:
    blobs, data = house.blobs(house.keys()), random.Random(size).randbytes(size)
    assert await blobs.put(f"{A}/documents/one", data) == size
    assert await whole(blobs, f"{A}/documents/one") == data
    assert [name async for name in blobs.names(f"{A}/")] == [f"{A}/documents/one"]
    assert await blobs.delete(f"{A}/documents/one")
    assert [path for path in (house.folder / "blobs").rglob("*") if path.is_file()] == []


async def test_an_object_that_was_cut_changed_or_renamed_does_not_open(house: House) -> None:
    blobs, data = house.blobs(house.keys()), random.Random(1).randbytes(3 * CHUNK_BYTES)
    await blobs.put(f"{A}/documents/one", data)
    path = house.folder / "blobs" / A / "documents" / "one"
    sealed = path.read_bytes()
    head, chunk = 31, CHUNK_BYTES + 16
    damaged = [
        sealed[:cut] for cut in (head, head + 1, head + chunk, head + 2 * chunk, head + chunk + 7, len(sealed) - 1)
    ]
    damaged += [sealed[:head] + sealed[head + chunk :], sealed + b"x", sealed + sealed[head:]]
    damaged += [
        sealed[:head]
        + sealed[head + chunk : head + 2 * chunk]
        + sealed[head : head + chunk]
        + sealed[head + 2 * chunk :]
    ]
    for at in random.Random(2).sample(range(8, len(sealed)), 60):
        damaged.append(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])
    for number, bad in enumerate(damaged):
        path.write_bytes(bad)
        with pytest.raises(Problem) as caught:
            await whole(blobs, f"{A}/documents/one")
        assert caught.value.code == "sealed_data_broken", number
    path.write_bytes(sealed)
    path.rename(path.with_name("two"))
    with pytest.raises(Problem) as caught:
        await whole(blobs, f"{A}/documents/two")
    assert caught.value.code == "sealed_data_broken"


async def test_a_put_that_fails_leaves_the_old_object_and_no_key(house: House) -> None:
    blobs = house.blobs(house.keys())
    await blobs.put(f"{A}/documents/one", b"first")

    async def failing() -> AsyncIterator[bytes]:
        yield b"second"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await blobs.put(f"{A}/documents/one", failing())
    assert await whole(blobs, f"{A}/documents/one") == b"first"
    assert len(list((house.folder / "blobs" / A / "sealed-keys").iterdir())) == 1


# --- keys ---------------------------------------------------------------------------------------------------------------


async def test_a_key_is_rotated_while_everything_is_read_and_written_and_the_old_one_then_destroyed(
    house: House,
) -> None:
    keys = house.keys()
    store, blobs = house.store(keys), house.blobs(keys)
    other_store = house.store(house.keys())  # another process, with keys in its own memory
    turns = await filled(store, A, 60)
    await blobs.put(f"{A}/documents/one", b"a document")
    before = (await keys.of(A)).active.key_id
    assert await read(other_store, A) == turns
    done, rounds = asyncio.Event(), 0

    async def serve() -> int:
        nonlocal rounds
        for number in itertools.count(100):
            assert len(await read(other_store, A)) >= 60
            assert await whole(blobs, f"{A}/documents/one") == b"a document"
            async with other_store.begin(A) as work:
                await work.conversations.put_turn(turn("conv_1", number, "meanwhile"))
            rounds += 1
            if done.is_set():
                return number
        return 0

    async def waited(seconds: float) -> None:
        house.clock.at_s += seconds
        before = rounds
        await until(lambda: rounds > before or serving.done())

    serving = asyncio.ensure_future(serve())
    moved = await rotate(store, (blobs,), keys, A, wait=waited)
    done.set()
    assert await serving > 100
    assert moved >= 63
    after = await house.keys().of(A)
    assert list(after.keys) == [after.active.key_id]
    assert before not in after.keys
    assert (await read(house.store(house.keys()), A))[:60] == turns
    row_keys = {row[0].partition(".")[0] for row in house.database().execute("SELECT row_key FROM turns")}
    assert row_keys == {after.active.key_id}


async def test_a_key_that_is_ended_after_it_was_listed_is_not_missed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_key_id = (await house.keys().of(A)).active.key_id
    await house.keys().rotate(A)
    late = house.keys()
    read = late._ring.get

    async def get(name: str) -> AsyncIterator[bytes]:
        if name.endswith(old_key_id):
            await late._ring.delete(name)
        async for piece in read(name):
            yield piece

    monkeypatch.setattr(late._ring, "get", get)
    found = await late.of(A)
    assert list(found.keys) == [found.active.key_id] != [old_key_id]


async def test_a_rotation_that_was_stopped_goes_on(house: House) -> None:
    keys = house.keys()
    store, blobs = house.store(keys), house.blobs(keys)
    turns = await filled(store, A, 10)
    await keys.rotate(A)
    old_key_id = min((await keys.of(A)).keys)
    async with store.begin(A) as work:
        moved, place = await work.seals.rewrap(old_key_id=old_key_id, limit=4)
        assert (moved, place) == (4, "turns/turn_00003")
    async with store.begin(A) as work:
        assert await work.seals.rewrap(old_key_id=old_key_id, limit=6) == (
            2,
            "turns/turn_00005",
        )  # four are under the new one
        assert await work.seals.rewrap(old_key_id=old_key_id, limit=3) == (
            0,
            "turns/turn_00002",
        )  # no more are looked at
        moved, place = await work.seals.rewrap(old_key_id=old_key_id, limit=2, after="turns/turn_00005")
        assert (moved, place) == (2, "turns/turn_00007")
        assert await work.seals.rewrap(old_key_id=old_key_id, limit=9, after="repeats/") == (0, "")
    assert await read(store, A) == turns  # half under the old one, half under the new one

    async def waited(seconds: float) -> None:
        house.clock.at_s += seconds

    await rotate(store, (blobs,), keys, A, wait=waited)
    assert len((await house.keys().of(A)).keys) == 1
    assert await read(house.store(house.keys()), A) == turns


async def test_the_key_in_use_cannot_be_retired(house: House) -> None:
    keys = house.keys()
    with pytest.raises(Conflict) as caught:
        await keys.retire(A, (await keys.of(A)).active.key_id)
    assert caught.value.code == "key_active"


async def test_what_was_sealed_for_a_tenant_whose_keys_are_destroyed_is_gone_in_copies_too(house: House) -> None:
    keys = house.keys()
    store, blobs = house.store(keys), house.blobs(keys)
    other = house.store(house.keys())
    await filled(store, A, 3)
    kept = await filled(store, B, 3)
    await blobs.put(f"{A}/documents/one", b"a document")
    backup = house.database().serialize()  # taken before
    assert len(await read(other, A)) == 3
    assert await keys.destroy(A) == 1
    house.clock.at_s += 6  # by then every process knows
    for one in (store, other):
        with pytest.raises(Forbidden) as caught:
            await read(one, A)
        assert caught.value.code == "keys_destroyed"
    with pytest.raises(Forbidden):
        await whole(blobs, f"{A}/documents/one")
    with pytest.raises(Forbidden):
        await filled(store, A, 1)
    assert await read(store, B) == kept
    for path in (house.folder / "data").iterdir():
        path.unlink()
    (house.folder / "data" / "voiceagent.db").write_bytes(backup)
    restored = house.store(house.keys())
    with pytest.raises(Forbidden):
        await read(restored, A)
    assert await read(restored, B) == kept


# --- the root key -------------------------------------------------------------------------------------------------------


async def test_the_root_key_is_made_once_and_for_its_owner_alone(house: House) -> None:
    first = await house.keys().of(A)
    assert (house.folder / "root.key").stat().st_mode & 0o777 == 0o600
    assert (await house.keys().of(A)).keys == first.keys
    (house.folder / "root.key").chmod(0o640)
    with pytest.raises(Misconfigured) as caught:
        house.keys()
    assert caught.value.code == "root_key_exposed"


async def test_another_root_key_is_refused(house: House) -> None:
    await house.keys().of(A)
    (house.folder / "root.key").unlink()
    with pytest.raises(Misconfigured) as caught:
        await house.keys().of(A)
    assert caught.value.code == "root_key_wrong"


def test_a_root_key_from_the_environment_is_taken_out_of_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = open_blobs(f"file://{house.folder}/ring")
    monkeypatch.setenv("TEST_ROOT_KEY", "A" * 43 + "=")
    open_keys("env:///TEST_ROOT_KEY", ring=ring)
    assert "TEST_ROOT_KEY" not in os.environ
    open_keys("env:///TEST_ROOT_KEY", ring=ring)


@pytest.mark.parametrize(
    ("url", "code"),
    [("file://", "keys_url"), ("vault:///x", "keys_url"), ("env:///NOT_THERE", "root_key_unreadable"), ("env:///SHORT", "root_key_bad")],
)  # fmt: skip
def test_a_url_without_a_key_is_refused(house: House, monkeypatch: pytest.MonkeyPatch, url: str, code: str) -> None:
    monkeypatch.setenv("SHORT", "AAAA")
    with pytest.raises(Misconfigured) as caught:
        open_keys(url, ring=open_blobs(f"file://{house.folder}/ring"))
    assert caught.value.code == code


async def test_a_tenant_key_that_was_moved_to_another_tenant_does_not_open(house: House) -> None:
    keys = house.keys()
    await keys.of(A)
    (house.folder / "ring" / A).rename(house.folder / "ring" / B)
    with pytest.raises(Misconfigured) as caught:
        await house.keys().of(B)
    assert caught.value.code == "root_key_wrong"
    with pytest.raises(NotFound):
        await whole(house.blobs(keys), f"{A}/documents/{new_id('x')}")
