"""The sentences of ports/vectors.py, for every adapter of the port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.servers import WEAVIATE_KEY
from tests.support.vectors_kit import MODEL, entries, keys_in, put, search, vector_of

from voiceagent.adapters.embed.hashed import HashedEmbedder
from voiceagent.adapters.vectors.local import open_vectors
from voiceagent.adapters.vectors.weaviate import open_vectors as open_weaviate
from voiceagent.domain.document import Box, Chunk
from voiceagent.kit.errors import InvalidInput, Misconfigured, Unavailable
from voiceagent.ports.vectors import IndexedChunk, IndexedDocument, VectorQuery, VectorStore


@pytest.fixture(params=["local", "local-sealed", "weaviate"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, patient: None) -> AsyncIterator[VectorStore]:
    made: VectorStore
    if request.param == "local":
        made = open_vectors(f"local://{tmp_path}/index")
    elif request.param == "local-sealed":
        made = open_vectors(f"local://{tmp_path}/index", keys_in(tmp_path))
    else:
        made = open_weaviate(request.getfixturevalue("weaviate_url"), api_key=WEAVIATE_KEY)
        for tenant in ("ten_a", "ten_b"):
            await made.drop(tenant)
    yield made
    await made.close()


async def test_finds_by_words_and_by_meaning_best_first(store: VectorStore) -> None:
    await put(store, "doc_1", "the refund period is thirty days", "parcels are shipped on weekdays")
    await put(store, "doc_2", "turbines spin in hot steam", "the boiler needs water")
    for mode in ("fused", "words", "meaning"):
        assert (await search(store, "what is the refund period", mode=mode))[0] == "doc_1.0"
    passages = await store.search(
        "ten_a", MODEL, VectorQuery("hot steam", await vector_of("hot steam"), ("col_a",), "user_1", limit=2)
    )
    assert len(passages) == 2
    best = passages[0]
    assert best.score >= passages[1].score
    assert best.title == "Title of doc_2"
    assert best.chunk == Chunk("doc_2.0", "doc_2", "col_a", 0, 1, 0, 26, "turbines spin in hot steam")


async def test_put_replaces_everything_known_of_the_document(store: VectorStore) -> None:
    await put(store, "doc_1", "old words about camels", "more old words about camels")
    await put(store, "doc_1", "new words about penguins")
    assert await search(store, "camels", mode="words") == []
    assert await search(store, "penguins") == ["doc_1.0"]
    assert await search(store, "camels", mode="meaning") == ["doc_1.0"]


async def test_put_is_idempotent(store: VectorStore) -> None:
    for _ in range(3):
        await put(store, "doc_1", "the same words", "and others")
    assert sorted(await search(store, "same others")) == ["doc_1.0", "doc_1.1"]


async def test_delete_forgets_the_document_and_says_whether_it_was_there(store: VectorStore) -> None:
    await put(store, "doc_1", "words about camels")
    assert await store.delete("ten_a", "doc_1") is True
    assert await store.delete("ten_a", "doc_1") is False
    assert await store.delete("ten_unknown", "doc_1") is False
    for mode in ("fused", "words", "meaning"):
        assert await search(store, "camels", mode=mode) == []


async def test_tenants_never_meet(store: VectorStore) -> None:
    await put(store, "doc_1", "secret of tenant a", tenant="ten_a")
    await put(store, "doc_1", "secret of tenant b", tenant="ten_b")
    assert await search(store, "secret tenant b", tenant="ten_a") == ["doc_1.0"]
    await store.delete("ten_b", "doc_1")
    assert await search(store, "secret", tenant="ten_a") == ["doc_1.0"]
    assert await search(store, "secret", tenant="ten_b") == []
    assert await search(store, "secret", tenant="ten_never_seen") == []


async def test_collections_readers_kinds_languages_and_dates_are_part_of_the_query(store: VectorStore) -> None:
    await put(store, "doc_1", "rules of leave", kind="manual", language="en", dated=datetime(2024, 5, 1, tzinfo=UTC))
    await put(store, "doc_2", "rules of leave", kind="letter", language="de", dated=datetime(2025, 5, 1, tzinfo=UTC))
    await put(store, "doc_3", "rules of leave", collection_id="col_b")
    await put(store, "doc_4", "rules of leave", reader_ids=frozenset({"user_2"}))
    for mode in ("fused", "words", "meaning"):
        assert sorted(await search(store, "leave", mode=mode)) == ["doc_1.0", "doc_2.0"]
        assert await search(store, "leave", mode=mode, collection_ids=()) == []
        assert await search(store, "leave", mode=mode, collection_ids=("col_b",)) == ["doc_3.0"]
        assert "doc_4.0" in await search(store, "leave", mode=mode, reader_id="user_2")
        assert await search(store, "leave", mode=mode, kinds=("manual", "cv")) == ["doc_1.0"]
        assert await search(store, "leave", mode=mode, languages=("de",)) == ["doc_2.0"]
        assert await search(store, "leave", mode=mode, document_ids=("doc_2", "doc_3", "doc_4")) == ["doc_2.0"]
        assert await search(store, "leave", mode=mode, document_ids=("doc_none",)) == []
        assert await search(store, "leave", mode=mode, after=datetime(2025, 1, 1, tzinfo=UTC)) == ["doc_2.0"]
        assert await search(store, "leave", mode=mode, before=datetime(2025, 1, 1, tzinfo=UTC)) == ["doc_1.0"]


async def test_excluded_documents_take_no_place_in_the_limit(store: VectorStore) -> None:
    for at in range(30):
        await put(store, f"doc_x{at}", "rules of leave rules of leave", collection_id="col_b")
    await put(store, "doc_1", "some rules about the leave of absence")
    for mode in ("fused", "words", "meaning"):
        assert await search(store, "rules of leave", mode=mode, limit=1) == ["doc_1.0"]


async def test_attributes_can_change_without_new_chunks(store: VectorStore) -> None:
    await put(store, "doc_1", "rules of leave", kind="letter")
    await put(store, "doc_1", "rules of leave", kind="manual", collection_id="col_a")
    assert await search(store, "leave", kinds=("manual",)) == ["doc_1.0"]
    assert await search(store, "leave", kinds=("letter",)) == []


async def test_two_models_side_by_side_and_one_dropped(store: VectorStore) -> None:
    other = HashedEmbedder(32)
    await put(store, "doc_1", "rules of leave")
    document = IndexedDocument("doc_1", "col_a", "Title of doc_1")
    chunk = (await entries("doc_1", "rules of leave"))[0].chunk
    await store.put("ten_a", "other", document, (IndexedChunk(chunk, (await other.embed((chunk.text,)))[0]),))
    assert await search(store, "leave", mode="meaning") == ["doc_1.0"]
    narrow = (await other.embed(("leave",)))[0]
    assert await search(store, "leave", model="other", vector=narrow, mode="meaning") == ["doc_1.0"]
    await store.drop("ten_a", MODEL)
    assert await search(store, "leave", mode="meaning") in ([], ["doc_1.0"])
    assert await search(store, "leave", model="other", vector=narrow) == ["doc_1.0"]


async def test_what_a_new_model_has_not_seen_is_found_by_its_words(store: VectorStore) -> None:
    await put(store, "doc_1", "rules of leave")
    assert await search(store, "leave", model="brand-new", vector=(1.0, 0.0)) == ["doc_1.0"]
    assert await search(store, "leave", vector=()) == ["doc_1.0"]


async def test_dropping_a_tenant_forgets_all_of_it(store: VectorStore) -> None:
    await put(store, "doc_1", "rules of leave")
    await put(store, "doc_1", "rules of leave", tenant="ten_b")
    await store.drop("ten_a")
    await store.drop("ten_a")
    assert await search(store, "leave") == []
    assert await search(store, "leave", tenant="ten_b") == ["doc_1.0"]


async def test_unlike_lengths_are_refused_and_change_nothing(store: VectorStore) -> None:
    await put(store, "doc_1", "rules of leave")
    good, bad = await entries("doc_1", "one", "two")
    with pytest.raises(InvalidInput) as caught:
        await store.put(
            "ten_a", MODEL, IndexedDocument("doc_1", "col_a", "t"), (good, IndexedChunk(bad.chunk, (1.0, 0.0)))
        )
    assert caught.value.code == "bad_vector"
    with pytest.raises(InvalidInput):
        await store.put("ten_a", MODEL, IndexedDocument("doc_1", "col_a", "t"), (IndexedChunk(good.chunk, (1.0, 0.0)),))
    assert await search(store, "leave") == ["doc_1.0"]


@pytest.mark.parametrize(
    "text", ["", '"', "* NEAR(a b) AND", "a:b -c ^d", "' OR 1=1 --", "\x00", "日本語", "🙂", "word " * 3_000]
)
async def test_any_question_is_safe(store: VectorStore, text: str) -> None:
    await put(store, "doc_1", "rules of leave", "日本語の休暇規則")
    await search(store, text)
    await search(store, text, mode="words")


async def test_scripts_without_spaces_are_found_by_words(store: VectorStore) -> None:
    await put(store, "doc_1", "日本語の休暇規則があります", "全く別の文章です")
    assert await search(store, "休暇規則", mode="words") == ["doc_1.0"]


async def test_searches_and_changes_run_together(store: VectorStore) -> None:
    async def change(number: int) -> None:
        for turn in range(5):
            await put(store, f"doc_{number}", f"number {number} turn {turn}", "steady words about leave")

    async def look() -> None:
        for _ in range(10):
            found = await search(store, "steady words about leave", mode="words")
            assert len(found) == len(set(found))

    await asyncio.gather(*(change(number) for number in range(4)), *(look() for _ in range(4)))
    assert len(await search(store, "steady leave", mode="words")) == 4


async def test_a_cancelled_put_leaves_the_old_or_the_new(store: VectorStore) -> None:
    await put(store, "doc_1", "old words about camels")
    task = asyncio.create_task(put(store, "doc_1", "new words about penguins"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await put(store, "doc_2", "something else")
    camels, penguins = await search(store, "camels", mode="words"), await search(store, "penguins", mode="words")
    assert sorted([camels, penguins]) == [[], ["doc_1.0"]]


async def test_closed_means_unavailable_and_closing_twice_is_fine(store: VectorStore) -> None:
    assert await store.ready()
    await store.close()
    await store.close()
    with pytest.raises(Unavailable):
        await put(store, "doc_1", "x")
    assert not await store.ready()


async def test_a_server_that_refuses_us_is_not_ready(weaviate_url: str, patient: None) -> None:
    store = open_weaviate(weaviate_url, api_key="another")
    assert not await store.ready()
    with pytest.raises(Misconfigured) as caught:
        await put(store, "doc_1", "x")
    assert caught.value.code == "vectors_credentials"
    await store.close()


async def test_keeps_where_the_lines_of_a_chunk_stand(store: VectorStore) -> None:
    (entry,) = await entries("doc_1", "turbines spin in hot steam")
    boxes = (Box(1, 0, 13, 60.0, 72.5, 300.1, 84.5), Box(1, 14, 26, 60.0, 90.0, 250.0, 102.0))
    placed = replace(entry, chunk=replace(entry.chunk, boxes=boxes))
    await store.put("ten_a", MODEL, IndexedDocument("doc_1", "col_a", "Steam"), (placed,))
    query = VectorQuery("hot steam", await vector_of("hot steam"), ("col_a",), "user_1")
    assert [one.chunk for one in await store.search("ten_a", MODEL, query)] == [placed.chunk]


async def test_chunks_come_with_those_around_them_when_asked(store: VectorStore) -> None:
    await put(store, "doc_1", "one about camels", "two about penguins", "three about turbines", "four about boilers")
    await put(store, "doc_2", "five about glaciers")
    for text, found, around in (
        ("penguins", "doc_1.1", ["doc_1.0", "doc_1.2"]),
        ("boilers", "doc_1.3", ["doc_1.2"]),
        ("glaciers", "doc_2.0", []),
    ):
        query = VectorQuery(text, await vector_of(text), ("col_a",), "user_1", limit=1, neighbours=1)
        [passage] = await store.search("ten_a", MODEL, query)
        assert passage.chunk.chunk_id == found
        assert [one.chunk_id for one in passage.around] == around
        assert (await store.search("ten_a", MODEL, replace(query, neighbours=0)))[0].around == ()
