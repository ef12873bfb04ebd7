"""SQLite as the local index uses it: the one with SQLCipher, which encrypts every page of a database and of its log (AES-256, authenticated)."""

from __future__ import annotations

import hmac
from pathlib import Path
from sqlite3 import Connection  # a type: what sqlcipher3 makes is a copy of it, without types

from sqlcipher3.dbapi2 import Error as SqliteError
from sqlcipher3.dbapi2 import connect

__all__ = ["Connection", "SqliteError", "key_words", "opened"]


def opened(path: Path, key: bytes | None, *, timeout_s: float = 5.0) -> Connection:
    """A connection in autocommit mode, usable from any thread. key: 32 bytes; None for a database that is not encrypted."""
    connection: Connection = connect(path, timeout=timeout_s, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA cipher_log_level = NONE")  # it would write to stderr, past the log
    if key is not None:
        connection.execute(f"PRAGMA key = {key_words(key)}")
    return connection


def key_words(key: bytes) -> str:
    """The key as PRAGMA and ATTACH want it: itself and not a password, with a salt, so that processes which begin a file agree."""
    salt = hmac.digest(key, b"voiceagent index salt", "sha256")[:16]
    return f"\"x'{key.hex()}{salt.hex()}'\""
