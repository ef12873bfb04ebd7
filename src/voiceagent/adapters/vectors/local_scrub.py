"""Takes out of the full-text index what deleted documents left in it: FTS5 keeps their words, marked as deleted, until it has merged them away."""

from __future__ import annotations

from voiceagent.adapters.vectors import local_tables as tables
from voiceagent.adapters.vectors.local_sqlite import Connection

_STRUCTURE = 10
"""The row of `words_data` that says which segments there are; its form stands in SQLite's fts5_index.c."""
_NEWER_FORM = b"\xff\x00\x00\x01"
_NUMBERS, _NUMBERS_NEWER = 3, 8
"""Of a segment: its id and pages; in the newer form what it came from and what is deleted in it, too."""
_VERSIONS = 2**31
_AT_A_TIME = 1_000


def scrub_words(connection: Connection) -> bool:
    """Inside the open transaction. False: nothing has changed since the last time, and nothing was done."""
    changed = tables.version(connection) % _VERSIONS
    if connection.execute("PRAGMA application_id").fetchone()[0] == changed - 1:
        connection.execute(f"PRAGMA application_id = {changed}")
        return False
    if _merges_whole(connection):
        connection.execute("INSERT INTO words (words) VALUES ('optimize')")
    else:
        _rebuilt(connection)
    connection.execute(f"PRAGMA application_id = {changed}")
    return True


def _merges_whole(connection: Connection) -> bool:
    """Whether `optimize` makes one new segment without the deleted words. It keeps them when all segments stand on one level with empty
    ones above it, as in small indexes, and does nothing at all to a single segment."""
    block = connection.execute("SELECT block FROM words_data WHERE id = ?", (_STRUCTURE,)).fetchone()[0]
    levels = _levels(bytes(block))
    return sum(1 for segments in levels if segments) > 1


def _levels(block: bytes) -> list[int]:
    """How many segments each level has."""
    is_newer = block[4:8] == _NEWER_FORM
    numbers = _varints(block[8 if is_newer else 4 :])
    count, _, _ = numbers[:3]
    at, levels = 3, []
    for _ in range(count):
        segments = numbers[at + 1]
        levels.append(segments)
        at += 2 + segments * (_NUMBERS_NEWER if is_newer else _NUMBERS)
    return levels


def _varints(data: bytes) -> list[int]:
    """SQLite's variable-length integers; of what is counted here none has more than eight bytes."""
    numbers, number = [], 0
    for byte in data:
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            numbers.append(number)
            number = 0
    return numbers


def _rebuilt(connection: Connection) -> None:
    connection.execute("INSERT INTO words (words) VALUES ('delete-all')")
    found = connection.execute(
        "SELECT chunks.row, documents.title, chunks.heading, chunks.text FROM chunks JOIN documents ON documents.number = chunks.row >> ?",
        (tables.ROW_BITS,),
    )
    while rows := found.fetchmany(_AT_A_TIME):
        tables.put_words(connection, rows)
    connection.execute("INSERT INTO words (words) VALUES ('optimize')")
