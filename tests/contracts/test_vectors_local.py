"""What only the local vector store promises: files that are sealed, shared by processes, and brought over from earlier versions."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from tests.support.vectors_kit import MODEL, keys_in, put, search, vector_of

from voiceagent.adapters.store.sql import open_store
from voiceagent.adapters.vectors import local as local_module
from voiceagent.adapters.vectors import local_upgrade
from voiceagent.adapters.vectors.local import LocalVectors, open_vectors
from voiceagent.adapters.vectors.local_sqlite import SqliteError
from voiceagent.apps.custody.rotation import rotate
from voiceagent.kit.errors import Forbidden, InvalidInput, Misconfigured, Problem, Unavailable


def test_a_local_url_needs_a_folder() -> None:
    with pytest.raises(Misconfigured):
        open_vectors("local:///")


async def test_local_survives_reopening_and_sees_what_another_process_wrote(tmp_path: Path) -> None:
    first, second = LocalVectors(tmp_path), LocalVectors(tmp_path)
    await put(first, "doc_1", "rules of leave")
    assert await search(second, "leave", mode="meaning") == ["doc_1.0"]
    await put(second, "doc_2", "rules of travel")
    assert "doc_2.0" in await search(first, "travel", mode="meaning")
    await put(first, "doc_3", "rules of dress")
    await first.close()
    await second.close()
    third = LocalVectors(tmp_path)
    assert (await search(third, "rules of dress", mode="meaning"))[0] == "doc_3.0"
    assert len(await search(third, "rules", mode="meaning")) == 3
    await third.close()


async def test_local_translates_a_broken_database(tmp_path: Path) -> None:
    (tmp_path / "ten_a").mkdir()
    (tmp_path / "ten_a" / "index.sqlite3").write_bytes(b"not a database " * 500)
    store = LocalVectors(tmp_path)
    with pytest.raises(Unavailable) as caught:
        await search(store, "leave")
    assert isinstance(caught.value.__cause__, SqliteError)
    await store.close()


async def test_local_meaning_is_exact(tmp_path: Path) -> None:
    generator = random.Random(5)
    store = LocalVectors(tmp_path)
    words = [f"w{at}" for at in range(60)]
    texts = [" ".join(generator.choices(words, k=12)) for _ in range(120)]
    for at in range(0, 120, 10):
        await put(store, f"doc_{at}", *texts[at : at + 10])
    for at in (10, 50):
        await store.delete("ten_a", f"doc_{at}")
    kept = {f"doc_{at // 10 * 10}.{at % 10}": text for at, text in enumerate(texts) if at // 10 * 10 not in (10, 50)}
    question = await vector_of("w1 w2 w3 w4")
    cosines = {
        name: sum(a * b for a, b in zip(question, await vector_of(text), strict=True)) for name, text in kept.items()
    }
    found = await search(store, "w1 w2 w3 w4", mode="meaning")
    expected = sorted(cosines.values(), reverse=True)[:10]
    assert [round(cosines[name], 4) for name in found] == [round(value, 4) for value in expected]
    await store.close()


@pytest.mark.parametrize("tenant", ["", "../x", "a/b", ".hidden", "a" * 200])
async def test_local_refuses_what_is_no_tenant_id(tmp_path: Path, tenant: str) -> None:
    store = LocalVectors(tmp_path / "index")
    with pytest.raises(InvalidInput):
        await put(store, "doc_1", "x", tenant=tenant)
    await store.close()


# --- sealed -------------------------------------------------------------------------------------------------------------


class Clock:
    """Goes as far as it is told to."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def monotonic_s(self) -> float:
        return self.at_s

    def now(self) -> datetime:
        return datetime.now(UTC)


def bytes_under(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


async def vector_bytes(text: str) -> bytes:
    return np.asarray(await vector_of(text), dtype="<f4").tobytes()


async def test_nothing_of_a_sealed_index_is_readable_on_the_disk_and_all_of_an_open_one_is(tmp_path: Path) -> None:
    for name, keys, wanted in (("sealed", keys_in(tmp_path), False), ("open", None, True)):
        folder = tmp_path / name
        store = LocalVectors(folder, keys)
        await put(store, "doc_1", "the canarywort grows", title="Heading of canarytitle", kind="canarykind")
        await put(store, "doc_2", "the canaryleft grows")
        await search(store, "canarywort")
        await store.delete("ten_a", "doc_2")
        found = bytes_under(folder)  # while it is open: its log too
        await store.close()
        found += bytes_under(folder)
        vector = await vector_bytes("the canarywort grows")
        for word in (b"canarywort", b"canarytitl", b"canarykind", b"grow", b"doc_1", MODEL.encode(), vector):
            assert (word in found) is wanted, (name, word)


async def test_a_sealed_index_is_shared_by_processes_that_begin_it_together(tmp_path: Path) -> None:
    stores = [LocalVectors(tmp_path / "index", keys_in(tmp_path)) for _ in range(4)]
    await keys_in(tmp_path).of("ten_a")
    await asyncio.gather(*(put(store, f"doc_{at}", f"rules of leave {at}") for at, store in enumerate(stores)))
    for store in stores:
        for mode in ("words", "meaning", "fused"):
            assert len(await search(store, "rules of leave", mode=mode)) == 4
        await store.close()


async def test_a_tenants_new_key_opens_the_same_index_and_the_old_one_is_not_needed(tmp_path: Path) -> None:
    keys = keys_in(tmp_path)
    rows = open_store(f"sqlite:///{tmp_path}/rows.db", keys=keys)
    await rows.migrate()
    store = LocalVectors(tmp_path / "index", keys)
    await put(store, "doc_1", "rules of leave")
    before = (await keys.of("ten_a")).active.key_id

    async def waited(_seconds: float) -> None:
        assert await search(store, "leave") == ["doc_1.0"]

    assert await rotate(rows, (store,), keys, "ten_a", wait=waited) == 1
    assert await search(store, "leave") == ["doc_1.0"]
    await store.close()
    again = keys_in(tmp_path)
    assert before not in (await again.of("ten_a")).keys
    store = LocalVectors(tmp_path / "index", again)
    assert await search(store, "leave") == ["doc_1.0"]
    assert await store.rewrap("ten_a", old_key_id=before) == 0
    assert await store.rewrap("ten_unknown", old_key_id=before) == 0
    await store.close()
    await rows.close()


async def test_destroyed_keys_end_an_index_in_copies_and_where_it_is_open(tmp_path: Path) -> None:
    clock = Clock()
    keys = keys_in(tmp_path, clock)
    store = LocalVectors(tmp_path / "index", keys)
    await put(store, "doc_1", "rules of leave")
    await put(store, "doc_1", "rules of leave", tenant="ten_b")
    await keys_in(tmp_path).destroy("ten_a")
    clock.at_s += 6
    with pytest.raises(Forbidden) as caught:
        await search(store, "leave")
    assert caught.value.code == "keys_destroyed"
    assert await search(store, "leave", tenant="ten_b") == ["doc_1.0"]
    await store.close()
    copy = LocalVectors(tmp_path / "index", keys_in(tmp_path))
    with pytest.raises(Forbidden):
        await search(copy, "leave")
    await copy.drop("ten_a")
    assert not (tmp_path / "index" / "ten_a").exists()
    await copy.close()


async def test_an_index_that_was_moved_changed_or_left_by_its_key_does_not_open(tmp_path: Path) -> None:
    store = LocalVectors(tmp_path / "index", keys_in(tmp_path))
    await put(store, "doc_1", *[f"rules of leave {at}" for at in range(200)])
    await store.close()
    folder = tmp_path / "index" / "ten_a"
    folder.rename(tmp_path / "index" / "ten_b")
    store = LocalVectors(tmp_path / "index", keys_in(tmp_path))
    with pytest.raises(Problem) as moved:
        await search(store, "leave", tenant="ten_b")
    assert moved.value.code == "sealed_data_broken"
    (tmp_path / "index" / "ten_b").rename(folder)
    assert len(await search(store, "leave")) == 10
    await store.close()
    file = folder / "index.sealed"
    whole = file.read_bytes()
    for at in range(0, len(whole), 4096):
        file.write_bytes(whole[: at + 2000] + bytes([whole[at + 2000] ^ 1]) + whole[at + 2001 :])
        store = LocalVectors(tmp_path / "index", keys_in(tmp_path))
        try:
            found = await search(store, "rules of leave 7")
            assert found[0] == "doc_1.7"  # of a page that this question does not need
        except Unavailable as problem:
            assert problem.code == "vectors_unavailable"
        await store.close()
    file.write_bytes(whole)
    (folder / "index.key").unlink()
    store = LocalVectors(tmp_path / "index", keys_in(tmp_path))
    with pytest.raises(Problem) as lost:
        await put(store, "doc_2", "more")
    assert lost.value.code == "sealed_data_broken"
    await store.close()


async def test_a_sealed_index_without_keys_says_what_is_needed(tmp_path: Path) -> None:
    store = LocalVectors(tmp_path / "index", keys_in(tmp_path))
    await put(store, "doc_1", "rules of leave")
    await store.close()
    store = LocalVectors(tmp_path / "index")
    with pytest.raises(Misconfigured) as caught:
        await search(store, "leave")
    assert caught.value.code == "keys_needed"
    await store.close()


async def test_indexes_that_were_used_long_ago_are_closed_and_open_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_module, "OPEN_INDEXES", 2)
    store = LocalVectors(tmp_path / "index", keys_in(tmp_path))
    tenants = [f"ten_{at}" for at in range(6)]
    for _ in range(2):
        for tenant in tenants:
            await put(store, "doc_1", "rules of leave", tenant=tenant)
    found = await asyncio.gather(*(search(store, "leave", tenant=tenant) for tenant in tenants * 3))
    assert found == [["doc_1.0"]] * 18
    await store.close()


# --- from earlier versions ----------------------------------------------------------------------------------------------

_SECOND = """
DROP TABLE vectors; DROP TABLE models;
CREATE TABLE models (model_id INTEGER PRIMARY KEY, model TEXT NOT NULL UNIQUE, dimensions INTEGER NOT NULL);
CREATE TABLE vectors (model_id INTEGER NOT NULL, row INTEGER NOT NULL, slot INTEGER NOT NULL, PRIMARY KEY (model_id, row)) WITHOUT ROWID;
"""


async def an_old_index(folder: Path, version: int) -> None:
    """An index as versions 1 and 2 left it: in the clear, vectors in a file of slots."""
    store = LocalVectors(folder)
    await put(store, "doc_1", "turbines spin in hot steam", "boilers need water")
    await put(store, "doc_2", "the canarywort grows")
    await store.close()
    with sqlite3.connect(folder / "ten_a" / "index.sqlite3") as connection:
        connection.executescript(_SECOND)
        if version == 1:
            connection.execute("ALTER TABLE chunks DROP COLUMN boxes")
        connection.execute("INSERT INTO models VALUES (1, ?, 64)", (MODEL,))
        rows = [row for (row,) in connection.execute("SELECT row FROM chunks ORDER BY row DESC").fetchall()]
        connection.executemany("INSERT INTO vectors VALUES (1, ?, ?)", [(row, at) for at, row in enumerate(rows)])
        texts = [connection.execute("SELECT text FROM chunks WHERE row = ?", (row,)).fetchone()[0] for row in rows]
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    slots = b"".join([await vector_bytes(text) for text in texts])
    (folder / "ten_a" / f"{MODEL}-1.f32").write_bytes(slots + bytes(64 * 4 * 10))


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("sealed", [True, False])
async def test_an_index_of_an_earlier_version_is_read_and_written_on(
    tmp_path: Path, version: int, sealed: bool
) -> None:
    await an_old_index(tmp_path / "index", version)
    store = LocalVectors(tmp_path / "index", keys_in(tmp_path) if sealed else None)
    assert (await search(store, "turbines spin in hot steam", mode="meaning"))[0] == "doc_1.0"
    assert (await search(store, "the canarywort grows", mode="meaning"))[0] == "doc_2.0"
    assert await search(store, "canarywort", mode="words") == ["doc_2.0"]
    await put(store, "doc_3", "the boiler makes hot steam")
    assert set(await search(store, "steam", mode="words")) == {"doc_1.0", "doc_3.0"}
    assert await store.delete("ten_a", "doc_1")
    assert await search(store, "steam", mode="words") == ["doc_3.0"]
    await store.close()
    assert (b"canarywort" in bytes_under(tmp_path / "index")) is not sealed
    assert not list(tmp_path.rglob("*.f32"))


@pytest.mark.parametrize("ends_after", ["_sealed", "_upgraded", "_overwritten"])
async def test_an_upgrade_that_was_cut_off_is_done_by_the_next_start(
    tmp_path: Path, ends_after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await an_old_index(tmp_path / "index", 2)
    done = getattr(local_upgrade, ends_after)

    def cut(*arguments: object) -> None:
        done(*arguments)
        raise OSError("the power went")

    monkeypatch.setattr(local_upgrade, ends_after, cut)
    store = LocalVectors(tmp_path / "index", keys_in(tmp_path))
    with pytest.raises(Unavailable):
        await search(store, "steam")
    await store.close()
    monkeypatch.setattr(local_upgrade, ends_after, done)
    store = LocalVectors(tmp_path / "index", keys_in(tmp_path))
    assert (await search(store, "turbines spin in hot steam", mode="meaning"))[0] == "doc_1.0"
    await store.close()
    assert b"canarywort" not in bytes_under(tmp_path / "index")
