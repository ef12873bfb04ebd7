"""Asks database, objects, search index, Redis and keys whether they answer. Reads alone: nothing is made, migrated or written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from voiceagent.adapters.store.database import Database
from voiceagent.adapters.store.schema import knows_revision, newest_revision, revision_of
from voiceagent.adapters.store.sql import dialect_of
from voiceagent.apps.build import opened
from voiceagent.apps.custody.ring import UntouchedRing
from voiceagent.apps.diagnosis.finding import Look
from voiceagent.apps.settings import Settings
from voiceagent.domain.identity import DEFAULT_TENANT_ID
from voiceagent.kit.errors import Misconfigured, Unavailable
from voiceagent.kit.redis_link import FAILURES, FORMS, linked
from voiceagent.ports.blobs import BlobStore
from voiceagent.ports.keys import Keys
from voiceagent.ports.store import Store
from voiceagent.ports.vectors import VectorStore

_CONNECT_S = 2.0
_FIRST_START = "the first start makes it"
_RING = f"{DEFAULT_TENANT_ID}/keys/kek_"


def looks_at_stores(settings: Settings) -> Iterator[Look]:
    """A look at each store that the settings name."""
    yield Look(
        "store.url",
        partial(_database, settings.url("store")),
        "is the server up, and store.url with its password right?",
    )
    for url in settings.store.replicas:
        advice = "reads go to store.url meanwhile; is store.replicas right?"
        yield Look("store.replicas", partial(_database, url), advice, otherwise="note")
    for name, url in (("blobs.url", settings.url("blobs")), ("keys.ring_url", settings.filled(settings.keys.ring_url))):
        if name == "blobs.url" or settings.keys.url:
            advice = f"is {name} right: endpoint, bucket (it must be there), credentials, write permission?"
            yield Look(name, partial(_objects, url), advice)
    if settings.keys.url:
        yield Look(
            "keys.url", partial(_keys, settings), "the root key of this installation must be there, see docs/backup.md"
        )
    if settings.url("vectors").startswith("weaviate"):
        yield Look(
            "vectors.url",
            partial(_index, settings.url("vectors")),
            "is Weaviate up, and vectors.url with its key right?",
        )
    for area in ("cache", "bus", "discovery"):
        if settings.url(area).startswith("redis"):
            advice = f"is Redis up, and {area}.url with its password right? See docs/redis.md"
            yield Look(f"{area}.url", partial(_redis, settings.url(area), f"{area}.url"), advice)


async def _database(url: str) -> str:
    dialect = dialect_of(url)
    if (missing := _missing(url)) is not None:
        await dialect.close()
        return _to_be_made(missing)
    try:
        async with Database(dialect).transaction({}, "copy") as connection:
            revision = await revision_of(connection)
    finally:
        await dialect.close()
    if revision is None:
        return "answers; it has no tables yet, the first start makes them"
    if not knows_revision(revision):
        raise Misconfigured("store_newer", "the data was written by a newer version of the platform: install that one")
    if revision != newest_revision():
        return "answers; the next start brings its tables to this version"
    await _used(url)
    return "answers"


async def _used(url: str) -> None:
    """Read as the services do: with the role that they have."""
    store: Store = await opened("store", url)
    try:
        await store.directory.tenants()
    finally:
        await store.close()


async def _objects(url: str) -> str:
    if (missing := _missing(url)) is not None:
        return _to_be_made(missing)
    blobs: BlobStore = await opened("blobs", url)
    try:
        if not await blobs.ready():
            raise Unavailable("blobs_unavailable", "the objects cannot be reached")
    finally:
        await blobs.close()
    return "answers"


async def _keys(settings: Settings) -> str:
    """Whether the root key is there, and opens what the ring holds."""
    url = settings.filled(settings.keys.url)
    ring = await _ring(settings.filled(settings.keys.ring_url))
    try:
        has_keys = bool([name async for name in ring.names(_RING)])
        if (missing := _missing(url)) is not None:
            if has_keys:
                raise Misconfigured("root_key_unreadable", "the root key is gone, and there are keys under it")
            return _to_be_made(missing)
        keys: Keys = await opened("keys", url, ring=ring)
        try:
            if has_keys:
                await keys.of(DEFAULT_TENANT_ID)
        finally:
            await keys.close()
    finally:
        await ring.close()
    return "opens the organisation's keys" if has_keys else "is there"


async def _index(url: str) -> str:
    vectors: VectorStore = await opened("vectors", url)
    try:
        if not await vectors.ready():
            raise Unavailable("vectors_unavailable", "the search index cannot be reached")
    finally:
        await vectors.close()
    return "answers"


async def _redis(url: str, setting: str) -> str:
    try:
        client = linked(url).client(connect_s=_CONNECT_S, connections=1, socket_timeout=_CONNECT_S)
    except ValueError as failure:
        raise Misconfigured("cache_url", f"Redis is written {FORMS}", param=setting) from failure
    try:
        await client.ping()
    except FAILURES as failure:
        raise Unavailable("cache_unavailable", f"Redis does not answer ({type(failure).__name__})") from failure
    finally:
        await client.aclose()
    return f"answers at {urlsplit(url).netloc.rpartition('@')[2]}"


def _missing(url: str) -> Path | None:
    """The file or folder of `url` when it is not there yet; None for what is there, or on a server."""
    scheme, _, place = url.partition("://")
    path = Path(unquote(place) if scheme == "file" else place.removeprefix("/"))
    return path if scheme in ("file", "sqlite") and path.is_absolute() and not path.exists() else None


def _to_be_made(path: Path) -> str:
    """The words for a place that is not there yet. Raises Misconfigured `data_dir_not_writable` where it cannot be made."""
    above = path.parent
    while not above.exists():
        above = above.parent
    if not os.access(above, os.W_OK | os.X_OK):
        raise Misconfigured("data_dir_not_writable", f"{path} cannot be made by this user")
    return _FIRST_START


async def _ring(url: str) -> UntouchedRing:
    """Opening a folder would make it."""
    return UntouchedRing(await opened("blobs", url) if _missing(url) is None else None)
