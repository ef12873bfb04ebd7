"""The tables of a tenant's local index, in one SQLite file that SQLCipher may encrypt: documents, chunks, words and vectors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voiceagent.adapters.vectors.boxes import packed_boxes, unpacked_boxes
from voiceagent.adapters.vectors.local_sqlite import Connection, opened
from voiceagent.adapters.vectors.local_words import indexed
from voiceagent.domain.document import Chunk
from voiceagent.kit.errors import InvalidInput
from voiceagent.ports.vectors import IndexedChunk, IndexedDocument, VectorQuery

SCHEMA_VERSION = 3
ROW_BITS = 16
"""A chunk's row is its document's number shifted left by this, plus its ordinal: the document is known without a join."""

VECTORS = """
CREATE TABLE vectors (
    model_id INTEGER NOT NULL, number INTEGER NOT NULL, changed INTEGER NOT NULL, matrix BLOB NOT NULL, PRIMARY KEY (model_id, number));
CREATE INDEX vectors_by_change ON vectors (model_id, changed);
"""
"""The vectors of a document's chunks, in their order: float32, little-endian, n times the model's dimensions; none once the document has gone.
changed: the version with which they came, so that who searches reads only what is new."""

_SCHEMA = """
CREATE TABLE documents (
    number INTEGER PRIMARY KEY AUTOINCREMENT, document_id TEXT NOT NULL UNIQUE, collection_id TEXT NOT NULL, title TEXT NOT NULL,
    kind TEXT NOT NULL, language TEXT NOT NULL, dated REAL, readers TEXT NOT NULL);
CREATE INDEX documents_by_collection ON documents (collection_id);
CREATE TABLE chunks (
    row INTEGER PRIMARY KEY, chunk_id TEXT NOT NULL, page INTEGER NOT NULL, start_at INTEGER NOT NULL, end_at INTEGER NOT NULL,
    heading TEXT NOT NULL, text TEXT NOT NULL, boxes TEXT NOT NULL DEFAULT '');
CREATE TABLE models (model_id INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL UNIQUE, dimensions INTEGER NOT NULL);
CREATE TABLE versions (value INTEGER NOT NULL);
INSERT INTO versions (value) VALUES (0);
CREATE VIRTUAL TABLE words USING fts5 (title, heading, text, content='', tokenize='porter unicode61 remove_diacritics 2');
"""

CHUNK_COLUMNS = "row, chunk_id, page, start_at, end_at, heading, text, boxes"
ChunkRow = tuple[int, str, int, int, int, str, str, str]
CACHE_KIB = 16_384
"""Pages that a connection keeps opened: as much as the words of some 50,000 chunks."""


def connect(path: Path, key: bytes | None) -> Connection:
    """A connection in autocommit mode; what is committed is durable.

    key: 32 bytes; every page of the database and of its log is encrypted under it. None: nothing is.
    """
    connection = opened(path, key)
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
        _create(connection)
    return connection


def _create(connection: Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            run_all(connection, _SCHEMA + VECTORS)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def run_all(connection: Connection, statements: str) -> None:
    """Each statement inside the open transaction, which a script of the driver would end."""
    for statement in filter(str.strip, statements.split(";\n")):
        connection.execute(statement)


def version(connection: Connection) -> int:
    """Counts the changes of the index, by whichever process."""
    value: int = connection.execute("SELECT value FROM versions").fetchone()[0]
    return value


def put_document(connection: Connection, document: IndexedDocument, chunks: Iterable[IndexedChunk]) -> list[int]:
    """Store the document and its chunks inside the open transaction; returns the chunks' rows. Unchanged chunks keep their rows."""
    wanted = [entry.chunk for entry in chunks]
    found = connection.execute(
        "SELECT number, title FROM documents WHERE document_id = ?", (document.document_id,)
    ).fetchone()
    if (
        found
        and found[1] == document.title
        and stored_chunks(connection, found[0]) == [_values(chunk) for chunk in wanted]
    ):
        connection.execute(
            "UPDATE documents SET collection_id = ?, title = ?, kind = ?, language = ?, dated = ?, readers = ? WHERE number = ?",
            (*_attributes(document), found[0]),
        )
        return [found[0] << ROW_BITS | at for at in range(len(wanted))]
    if found:
        remove_document(connection, document.document_id)
    number = connection.execute(
        "INSERT INTO documents (document_id, collection_id, title, kind, language, dated, readers) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (document.document_id, *_attributes(document)),
    ).lastrowid
    assert number is not None  # noqa: S101 (SQLite gives every inserted row an id)
    rows = [number << ROW_BITS | at for at in range(len(wanted))]
    connection.executemany(
        f"INSERT INTO chunks ({CHUNK_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 (fixed names)
        [(row, *_values(chunk)) for row, chunk in zip(rows, wanted, strict=True)],
    )
    put_words(connection, [(row, document.title, one.heading, one.text) for row, one in zip(rows, wanted, strict=True)])
    return rows


def put_words(connection: Connection, chunks: Iterable[tuple[int, str, str, str]]) -> None:
    """Make chunks findable by their words inside the open transaction: row, title of the document, heading, text."""
    connection.executemany(
        "INSERT INTO words (rowid, title, heading, text) VALUES (?, ?, ?, ?)",
        [(row, *_words(title, heading, text)) for row, title, heading, text in chunks],
    )


def number_of(connection: Connection, document_id: str) -> int | None:
    """The document's number, None when it is not known."""
    found = connection.execute("SELECT number FROM documents WHERE document_id = ?", (document_id,)).fetchone()
    return None if found is None else int(found[0])


def remove_document(connection: Connection, document_id: str) -> bool:
    """Take out the document with its chunks, words and vectors inside the open transaction."""
    found = connection.execute("SELECT number, title FROM documents WHERE document_id = ?", (document_id,)).fetchone()
    if found is None:
        return False
    number, title = found
    bounds = (number << ROW_BITS, (number + 1) << ROW_BITS)
    for row, heading, text in connection.execute(
        "SELECT row, heading, text FROM chunks WHERE row >= ? AND row < ?", bounds
    ).fetchall():
        values = (row, *_words(title, heading, text))
        connection.execute(
            "INSERT INTO words (words, rowid, title, heading, text) VALUES ('delete', ?, ?, ?, ?)", values
        )
    connection.execute("DELETE FROM chunks WHERE row >= ? AND row < ?", bounds)
    connection.execute(
        "UPDATE vectors SET matrix = x'', changed = (SELECT value FROM versions) WHERE model_id IN (SELECT model_id FROM models) AND number = ?",
        (number,),
    )
    connection.execute("DELETE FROM documents WHERE number = ?", (number,))
    return True


def put_vectors(connection: Connection, model: str, number: int, vectors: NDArray[np.float32]) -> None:
    """Keep the vectors (n, dimensions) of a document's chunks inside the open transaction.

    Raises InvalidInput `bad_vector` for another length than the model's.
    """
    dimensions = vectors.shape[1]
    found = model_of(connection, model)
    if found is None:
        cursor = connection.execute("INSERT INTO models (model, dimensions) VALUES (?, ?)", (model, dimensions))
        found = int(cursor.lastrowid or 0), dimensions
    if found[1] != dimensions:
        raise InvalidInput("bad_vector", f"vectors of {model} have {found[1]} numbers, not {dimensions}")
    connection.execute(
        "INSERT OR REPLACE INTO vectors (model_id, number, changed, matrix) VALUES (?, ?, (SELECT value FROM versions), ?)",
        (found[0], number, np.ascontiguousarray(vectors, dtype="<f4").tobytes()),
    )


def model_of(connection: Connection, model: str) -> tuple[int, int] | None:
    """Number and dimensions of a model; None when nothing has vectors of it."""
    found: tuple[int, int] | None = connection.execute(
        "SELECT model_id, dimensions FROM models WHERE model = ?", (model,)
    ).fetchone()
    return found


def drop_model(connection: Connection, model: str) -> None:
    """Take out a model with its vectors inside the open transaction."""
    connection.execute("DELETE FROM vectors WHERE model_id IN (SELECT model_id FROM models WHERE model = ?)", (model,))
    connection.execute("DELETE FROM models WHERE model = ?", (model,))


def changed_vectors(
    connection: Connection, model_id: int, dimensions: int, since: int
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Number and vectors (n, dimensions) of each document that came or went after version `since`."""
    found = connection.execute(
        "SELECT number, matrix FROM vectors WHERE model_id = ? AND changed > ?", (model_id, since)
    )
    for number, matrix in found:
        yield number, np.frombuffer(matrix, dtype="<f4").reshape(-1, dimensions).astype(np.float32, copy=False)


def changed_bytes(connection: Connection, model_id: int, since: int) -> int:
    """How many bytes of vectors came after version `since`."""
    sql = "SELECT coalesce(sum(length(matrix)), 0) FROM vectors WHERE model_id = ? AND changed > ?"
    return int(connection.execute(sql, (model_id, since)).fetchone()[0])


def stored_chunks(connection: Connection, number: int) -> list[tuple[object, ...]]:
    bounds = (number << ROW_BITS, (number + 1) << ROW_BITS)
    return connection.execute(
        "SELECT chunk_id, page, start_at, end_at, heading, text, boxes FROM chunks WHERE row >= ? AND row < ? ORDER BY row",
        bounds,
    ).fetchall()


def filter_clause(query: VectorQuery) -> tuple[str, list[object]]:
    """What a document must fulfil to be seen, as SQL over `documents`, and its parameters."""
    parts = ["collection_id IN (SELECT value FROM json_each(?))"]
    values: list[object] = [json.dumps(query.collection_ids)]
    parts.append("(readers = '' OR EXISTS (SELECT 1 FROM json_each(readers) WHERE value = ?))")
    values.append(query.reader_id)
    if query.document_ids is not None:
        parts.append("document_id IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(query.document_ids))
    for column, wanted in (("kind", query.kinds), ("language", query.languages)):
        if wanted:
            parts.append(f"{column} IN (SELECT value FROM json_each(?))")  # noqa: S608
            values.append(json.dumps(wanted))
    if query.after is not None:
        parts.append("dated >= ?")
        values.append(query.after.timestamp())
    if query.before is not None:
        parts.append("dated < ?")
        values.append(query.before.timestamp())
    return " AND ".join(parts), values


def document_of(connection: Connection, row: int) -> tuple[str, str, str] | None:
    """Id, collection and title of the document to which the chunk in `row` belongs."""
    found: tuple[str, str, str] | None = connection.execute(
        "SELECT document_id, collection_id, title FROM documents WHERE number = ?", (row >> ROW_BITS,)
    ).fetchone()
    return found


def chunks_around(
    connection: Connection, row: int, distance: int, document_id: str, collection_id: str
) -> dict[int, Chunk]:
    """The chunk in `row` and those of the same document at most `distance` before and after it, by row and in order."""
    number = row >> ROW_BITS
    bounds = (max(row - distance, number << ROW_BITS), min(row + distance, ((number + 1) << ROW_BITS) - 1))
    found = connection.execute(
        f"SELECT {CHUNK_COLUMNS} FROM chunks WHERE row BETWEEN ? AND ? ORDER BY row",  # noqa: S608 (fixed names)
        bounds,
    )
    return {one[0]: _chunk_of(one, document_id, collection_id) for one in found}


def _chunk_of(row: ChunkRow, document_id: str, collection_id: str) -> Chunk:
    number, chunk_id, page, start, end, heading, text, boxes = row
    ordinal = number & ((1 << ROW_BITS) - 1)
    places = unpacked_boxes(boxes)
    return Chunk(chunk_id, document_id, collection_id, ordinal, page, start, end, text, heading, places)


def _attributes(document: IndexedDocument) -> tuple[object, ...]:
    readers = json.dumps(sorted(document.reader_ids)) if document.reader_ids else ""
    return document.collection_id, document.title, document.kind, document.language, _seconds(document.dated), readers


def _values(chunk: Chunk) -> tuple[object, ...]:
    return chunk.chunk_id, chunk.page, chunk.start, chunk.end, chunk.heading, chunk.text, packed_boxes(chunk.boxes)


def _words(title: str, heading: str, text: str) -> tuple[str, str, str]:
    return indexed(title), indexed(heading), indexed(text)


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment is not None else None
