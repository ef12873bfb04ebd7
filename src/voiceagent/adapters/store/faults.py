"""Translates what SQLAlchemy and the drivers raise into the platform's errors."""

from __future__ import annotations

import asyncio

from sqlalchemy import exc

from voiceagent.kit.errors import Conflict, InvalidInput, Misconfigured, Problem, StorageFull, Unavailable

_FULL = ("disk is full", "no space left", "disk full", "diskfull", "disk quota exceeded")
_READ_ONLY = ("readonly database", "read-only transaction", "readonlysqltransaction")
_NO_SCHEMA = ("no such table", "no such column", "undefinedtable", "undefinedcolumn")
_RETRY = ("serialization", "deadlock")


def translated(failure: BaseException) -> Problem | None:
    """The problem that `failure` stands for; None when it is not the database's."""
    if isinstance(failure, Problem):
        return failure
    if isinstance(failure, exc.IntegrityError):
        return Conflict("constraint_broken", "the change contradicts what is stored")
    if isinstance(failure, exc.DataError):
        return InvalidInput("value_refused", "the database cannot keep this value")
    if isinstance(failure, exc.DBAPIError | exc.TimeoutError | OSError | asyncio.TimeoutError):
        return _by_words(f"{type(getattr(failure, 'orig', None)).__name__} {getattr(failure, 'orig', failure)}".lower())
    return None


def _by_words(words: str) -> Problem:
    """Neither driver gives SQLite's and PostgreSQL's causes one type, but both say them in words that do not change."""
    if any(word in words for word in _FULL):
        return StorageFull("storage_full", "the disk of the database is full")
    if any(word in words for word in _READ_ONLY):
        return Conflict("read_only", "this transaction may only read")
    if any(word in words for word in _NO_SCHEMA):
        return Misconfigured(
            "store_not_migrated", "the database has no tables of this version: run `voiceagent migrate`"
        )
    if any(word in words for word in _RETRY):
        return Unavailable("store_unavailable", "the database asks to try again", retry_after_s=0.1)
    return Unavailable("store_unavailable", "the database does not answer", retry_after_s=1.0)
