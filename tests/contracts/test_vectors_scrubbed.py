"""Words of deleted documents in the local index: none is in its file once it was scrubbed, however the index came to be as it is."""

from __future__ import annotations

import random
import secrets
from pathlib import Path

import pytest

from voiceagent.adapters.vectors.local_index import LocalIndex
from voiceagent.domain.document import Chunk
from voiceagent.ports.vectors import IndexedChunk, IndexedDocument, VectorQuery

COMMON = [f"word{number}" for number in range(300)]


def put(index: LocalIndex, name: str, *texts: str) -> None:
    chunks = tuple(
        IndexedChunk(Chunk(f"{name}.{at}", name, "col_1", at, 1, 0, 9, text, ""), (0.1, 0.2))
        for at, text in enumerate(texts)
    )
    index.put("model", IndexedDocument(name, "col_1", f"title of {name}", "other", "en", None, ()), chunks)


def found(index: LocalIndex, text: str) -> list[str]:
    query = VectorQuery(text=text, vector=(), collection_ids=("col_1",), reader_id="usr_1", limit=50, mode="words")
    return sorted(one.chunk.document_id for one in index.search("model", query))


def left_of(folder: Path, word: str) -> bool:
    """Terms are stored without what they begin with like the term before, so that the end of one has to do."""
    return any(word[4:].encode() in path.read_bytes() for path in folder.iterdir() if path.is_file())


@pytest.mark.parametrize("kept", [0, 1, 20, 150])
def test_nothing_of_a_deleted_document_is_left_after_each_scrub(tmp_path: Path, kept: int) -> None:
    index, chance = LocalIndex(tmp_path / "t"), random.Random(kept)
    for number in range(kept):
        put(index, f"kept_{number}", *(" ".join(chance.choices(COMMON, k=40)) for _ in range(3)), f"kept {number}")
    for _ in range(6):
        gone = [secrets.token_hex(8) for _ in range(chance.choice((1, 3, 8, 30)))]
        for at, word in enumerate(gone):
            put(index, f"gone_{at}", f"the story of {word}", f"{word} once more")
        assert left_of(tmp_path / "t", gone[0])
        for at in range(len(gone)):
            assert index.delete(f"gone_{at}")
        index.scrub()
        assert [word for word in gone if left_of(tmp_path / "t", word)] == []
        assert found(index, "story") == []
    for number in range(0, kept, 7):
        assert f"kept_{number}" in found(index, f"kept {number}")
    index.close()


def test_scrubbing_what_has_not_changed_does_nothing(tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "t")
    put(index, "kept", "a word")
    index.scrub()
    told: list[str] = []
    index._writer.set_trace_callback(told.append)
    index.scrub()
    assert not [one for one in told if "INTO words" in one]
    put(index, "more", "another word")
    index.scrub()
    assert [one for one in told if "INTO words" in one]
    assert found(index, "word") == ["kept", "more"]
    index.close()
