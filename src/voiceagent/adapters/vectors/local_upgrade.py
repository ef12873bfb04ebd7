"""Brings an index that an earlier version left, in the clear and with its vectors in files, to what is kept now. Once a tenant."""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress
from pathlib import Path

import numpy as np

from voiceagent.adapters.vectors import local_tables as tables
from voiceagent.adapters.vectors.local_sqlite import Connection, key_words, opened

SEALED_FILE, PLAIN_FILE = "index.sealed", "index.sqlite3"
_LOCK_FILE = "upgrade.lock"
_BOXES = "ALTER TABLE chunks ADD COLUMN boxes TEXT NOT NULL DEFAULT ''"
_MODELS = """
ALTER TABLE models RENAME TO models_before;
CREATE TABLE models (model_id INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL UNIQUE, dimensions INTEGER NOT NULL);
INSERT INTO models SELECT * FROM models_before;
DROP TABLE models_before;
ALTER TABLE vectors RENAME TO slots_before;
"""


def ready_file(folder: Path, key: bytes | None) -> Path:
    """The index in `folder` as it is kept now, which need not exist yet; an older or unsealed one is brought there first.

    A process that ends meanwhile leaves what there was: the next call begins again.
    """
    file = folder / (PLAIN_FILE if key is None else SEALED_FILE)
    if _is_current(folder, file, key):
        return file
    with open(folder / _LOCK_FILE, "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be at it
        if key is not None and not file.exists():
            _sealed(folder / PLAIN_FILE, file, key)
        if file.exists():
            _upgraded(file, key, folder)
        _clean(folder, key)
    return file


def _is_current(folder: Path, file: Path, key: bytes | None) -> bool:
    """Whether nothing is to be done. Vectors in files are what every index had that was not brought here."""
    left = (folder / PLAIN_FILE).exists() and key is not None
    return not left and not any(folder.glob("*.f32")) and not _is_first_version(file, key)


def _is_first_version(file: Path, key: bytes | None) -> bool:
    """An index without any vector has no file of them."""
    if key is not None or not file.exists():
        return False
    connection = opened(file, None)
    try:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    finally:
        connection.close()
    return 0 < version < tables.SCHEMA_VERSION


def _sealed(plain: Path, file: Path, key: bytes) -> None:
    if not plain.exists():
        return
    fresh = file.with_name(f".{file.name}.fresh")
    fresh.unlink(missing_ok=True)
    connection = opened(plain, None)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.execute(f"ATTACH DATABASE ? AS sealed KEY {key_words(key)}", (str(fresh),))
        connection.execute("SELECT sqlcipher_export('sealed')").fetchall()
        connection.execute(f"PRAGMA sealed.user_version = {int(version)}")
        connection.execute("DETACH DATABASE sealed")
    finally:
        connection.close()
    with open(fresh, "rb") as written:
        os.fsync(written.fileno())
    os.replace(fresh, file)
    sync_folder(file.parent)


def _upgraded(file: Path, key: bytes | None, folder: Path) -> None:
    connection = tables.connect(file, key)
    try:
        connection.execute("BEGIN IMMEDIATE")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version < tables.SCHEMA_VERSION:
            if version == 1:
                connection.execute(_BOXES)
            tables.run_all(connection, _MODELS + tables.VECTORS)
            for model_id, model, dimensions in connection.execute("SELECT * FROM models").fetchall():
                _move_vectors(connection, model_id, dimensions, folder / f"{_file_stem(model)}-{model_id}.f32")
            connection.execute("DROP TABLE slots_before")
            connection.execute(f"PRAGMA user_version = {tables.SCHEMA_VERSION}")
        connection.execute("COMMIT")
    finally:
        connection.close()


def _move_vectors(connection: Connection, model_id: int, dimensions: int, path: Path) -> None:
    """Documents of which a vector is missing in the file stay without any: they are found by their words until they are put again."""
    matrix = np.fromfile(path, dtype="<f4") if path.exists() else np.empty(0, dtype="<f4")
    matrix = matrix[: len(matrix) // dimensions * dimensions].reshape(-1, dimensions)
    found = connection.execute("SELECT row, slot FROM slots_before WHERE model_id = ? ORDER BY row", (model_id,))
    slots: dict[int, list[int]] = {}
    for row, slot in found.fetchall():
        slots.setdefault(row >> tables.ROW_BITS, []).append(slot)
    rows = [
        (model_id, number, matrix[places].tobytes())
        for number, places in slots.items()
        if max(places) < len(matrix) and len(places) == len(tables.stored_chunks(connection, number))
    ]
    connection.executemany(
        "INSERT INTO vectors (model_id, number, changed, matrix) VALUES (?, ?, (SELECT value FROM versions), ?)", rows
    )


def _clean(folder: Path, key: bytes | None) -> None:
    """Remove what was brought over: its words first."""
    if key is not None:
        for name in (PLAIN_FILE, f"{PLAIN_FILE}-wal", f"{PLAIN_FILE}-shm"):
            _overwritten(folder / name)
    for path in folder.glob("*.f32"):
        _overwritten(path)
    sync_folder(folder)


def _overwritten(path: Path) -> None:
    """Remove a file after its bytes. A disk that writes elsewhere keeps them for a while, as with every deletion."""
    with suppress(FileNotFoundError):
        with open(path, "r+b") as file:
            left = path.stat().st_size
            while left > 0:
                left -= file.write(bytes(min(left, 1 << 20)))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()


def sync_folder(folder: Path) -> None:
    """Make the names in the folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _file_stem(model: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")[:60] or "model"
