"""Objects in a bucket of any S3-compatible store: `s3://bucket?endpoint=https://host:9000&region=us-east-1&links_s=60`.

Only the client's blocking calls are used, in threads: its own asynchronous ones can abort the process when it ends.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, ParamSpec, TypeVar
from urllib.parse import parse_qsl, urlsplit

import obstore
from obstore import exceptions
from obstore.store import S3Store

from voiceagent.adapters.blobs.names import PIECE_BYTES, checked, checked_prefix
from voiceagent.adapters.blobs.threads import Threads
from voiceagent.kit.errors import Misconfigured, NotFound, Problem, StorageFull, Unavailable

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 8
PART_BYTES = 8 << 20
"""What is larger goes up in parts of this size."""
PARTS_AT_A_TIME = 2
CONNECT_S = 1.0
READ_S = 10.0
ANSWER_S = 5.0
"""Until the answer to a call that sends no bytes begins; its server has nothing to do before that."""
REQUEST_S = 30.0
PROBE_S = 1.5
LONGEST_LINK_S = 3_600

_FULL = ("xminiostoragefull", "insufficientstorage", "quotaexceeded", "no space left", "status code: 507")


class S3Blobs:
    """One object an object. The bucket must exist. The server checks each upload against a SHA-256."""

    def __init__(self, bucket: str, options: Mapping[str, str]) -> None:
        self._store = _store(bucket, options, request_s=REQUEST_S, retries=1)
        self._asked = _store(bucket, options, request_s=REQUEST_S, retries=1, read_s=ANSWER_S)
        self._probe = _store(bucket, options, request_s=PROBE_S, retries=0)
        self._threads = Threads("blobs", THREADS)
        self._links_s = float(options.get("links_s", "0"))
        outside = {**options, "endpoint": options.get("links_endpoint", options.get("endpoint", ""))}
        self._signing = _store(bucket, outside, request_s=PROBE_S, retries=0)

    async def put(self, name: str, data: AsyncIterator[bytes] | bytes) -> int:
        checked(name)
        if isinstance(data, bytes):
            await self._threads.run(_translating(_send), self._store, name, data)
            return len(data)
        with tempfile.TemporaryFile() as spool:
            size_bytes = 0
            async for piece in data:
                size_bytes += await self._threads.run(_translating(spool.write), piece)
            await self._threads.run(_translating(_send_file), self._store, name, spool)
        return size_bytes

    async def get(self, name: str) -> AsyncIterator[bytes]:
        pieces = await self._threads.run(_translating(_pieces), self._asked, checked(name))
        while (piece := await self._threads.run(_translating(next), pieces, None)) is not None:
            for start in range(0, len(piece), PIECE_BYTES):
                yield piece[start : start + PIECE_BYTES]

    async def link(self, name: str) -> str | None:
        if not self._links_s:
            return None
        good_for = timedelta(seconds=self._links_s)
        return await self._threads.run(_translating(_signed), self._signing, checked(name), good_for)

    async def delete(self, name: str) -> bool:
        return await self._threads.run(_translating(_removed), self._asked, checked(name))

    async def names(self, prefix: str) -> AsyncIterator[str]:
        checked_prefix(prefix)
        folder = prefix.rpartition("/")[0]  # the client lists whole folders only
        pages = await self._threads.run(_translating(_pages), self._asked, folder)
        names: list[str] = []
        while (page := await self._threads.run(_translating(next), pages, None)) is not None:
            names += (name for name in page if name.startswith(prefix))
        for name in sorted(names):
            yield name

    async def ready(self) -> bool:
        try:
            await self._threads.run(_translating(_pages_seen), self._probe)
        except Problem:
            return False
        return True

    async def close(self) -> None:
        self._threads.close()


def _store(
    bucket: str, options: Mapping[str, str], *, request_s: float, retries: int, read_s: float = READ_S
) -> S3Store:
    read_s = min(read_s, request_s)
    endpoint = options.get("endpoint", "")
    config: dict[str, Any] = {"region": options.get("region", "us-east-1"), "checksum_algorithm": "SHA256"}
    if endpoint:
        config["endpoint"] = endpoint
    if "access_key" in options:
        config |= {"access_key_id": options["access_key"], "secret_access_key": options["secret_key"]}
    return S3Store(
        bucket,
        config=config,  # type: ignore[arg-type]
        client_options={
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=CONNECT_S),
            "read_timeout": timedelta(seconds=read_s),
            "timeout": timedelta(seconds=request_s),
        },
        # A time-out is no sign of a broken connection but of a server that hangs for everybody: once is enough to wait.
        retry_config={"max_retries": retries, "retry_timeout": timedelta(seconds=read_s / 2)},
    )


def _send(store: S3Store, name: str, data: bytes) -> None:
    parts = len(data) > PART_BYTES
    obstore.put(
        store, name, data, use_multipart=parts, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_A_TIME, mode="overwrite"
    )


def _send_file(store: S3Store, name: str, file: IO[bytes]) -> None:
    is_small = file.tell() <= PART_BYTES
    file.seek(0)
    if is_small:
        _send(store, name, file.read())
        return
    obstore.put(store, name, file, use_multipart=True, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_A_TIME)


def _pieces(store: S3Store, name: str) -> Iterator[bytes]:
    return (bytes(piece) for piece in obstore.get(store, name).stream(min_chunk_size=PIECE_BYTES))


def _signed(store: S3Store, name: str, good_for: timedelta) -> str:
    return obstore.sign(store, "GET", name, good_for)


def _removed(store: S3Store, name: str) -> bool:
    """The protocol does not tell whether a deleted object was there, so it is asked first."""
    try:
        obstore.head(store, name)
    except FileNotFoundError:
        return False
    obstore.delete(store, name)
    return True


def _pages(store: S3Store, folder: str) -> Iterator[tuple[str, ...]]:
    return (tuple(entry["path"] for entry in page) for page in obstore.list(store, folder))


def _pages_seen(store: S3Store) -> None:
    obstore.list_with_delimiter(store, "probe")


def _translating(function: Callable[P, T]) -> Callable[P, T]:
    """`function` with the client's errors as those of the port."""

    def translated(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except (exceptions.BaseError, OSError) as failure:
            raise _problem(failure) from failure

    return translated


def _problem(failure: Exception) -> Problem:
    words = str(failure).lower()
    if "nosuchbucket" in words:
        return Misconfigured("blobs_bucket", "the bucket of the objects does not exist: create it")
    if isinstance(failure, FileNotFoundError):
        return NotFound("blob_not_found", "there is no such object", param="name")
    if "requesttimetooskewed" in words:
        return Unavailable(
            "blobs_clock", "the object store's clock and this machine's differ too much", retry_after_s=10.0
        )
    if isinstance(failure, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError):
        return Misconfigured("blobs_credentials", "the object store refuses the credentials")
    if any(word in words for word in _FULL):
        return StorageFull("storage_full", "the object store is full")
    return Unavailable("blobs_unavailable", "the object store does not answer", retry_after_s=1.0)


def open_blobs(url: str) -> S3Blobs:
    """The objects in the bucket of `url`. Credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the files that
    these names with `_FILE` point to, or from the machine's role. Raises Misconfigured `blobs_url`, `blobs_credentials`.

    links_s: how long a link to an object is good, in seconds up to 3600; without it there are none. links_endpoint: where callers reach the
    store, when that is another URL than ours."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if (
        parts.scheme != "s3"
        or not parts.hostname
        or parts.path not in ("", "/")
        or options.keys() - {"endpoint", "region", "links_s", "links_endpoint"}
        or not _is_while(options.get("links_s", "0"))
    ):
        raise Misconfigured(
            "blobs_url", "the objects' URL is s3://BUCKET?endpoint=URL&region=NAME&links_s=SECONDS&links_endpoint=URL"
        )
    access_key, secret_key = _secret("AWS_ACCESS_KEY_ID"), _secret("AWS_SECRET_ACCESS_KEY")
    if access_key and secret_key:
        options |= {"access_key": access_key, "secret_key": secret_key}
    return S3Blobs(parts.hostname, options)


def _is_while(text: str) -> bool:
    return text.isdecimal() and 0 <= int(text) <= LONGEST_LINK_S


def _secret(name: str) -> str:
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return os.environ.get(name, "")
    try:
        return Path(path).read_text().strip()
    except OSError as failure:
        raise Misconfigured("blobs_credentials", f"the file named by {name}_FILE cannot be read") from failure
