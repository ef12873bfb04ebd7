"""The sentences of ports/blobs.py, for every adapter of the port, on real object stores."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import random
import resource
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest
from tests.support.servers import S3_SECRET, S3_USER

from voiceagent.adapters.blobs import files
from voiceagent.adapters.blobs.files import open_blobs as open_files
from voiceagent.adapters.blobs.s3 import open_blobs as open_s3
from voiceagent.adapters.blobs.sealed import SealedBlobs
from voiceagent.adapters.keys.roots import open_keys
from voiceagent.kit.errors import InvalidInput, Misconfigured, NotFound, StorageFull, Unavailable
from voiceagent.kit.ids import new_id
from voiceagent.ports.blobs import BlobLinks, BlobStore

MEBIBYTE = 1 << 20


@pytest.fixture(params=["file", "sealed", "minio", "versitygw"])
async def blobs(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patient: None
) -> AsyncIterator[BlobStore]:
    opened: BlobStore
    if request.param == "file":
        opened = open_files(f"file://{tmp_path}/objects")
    elif request.param == "sealed":
        keys = open_keys(f"file://{tmp_path}/root.key", ring=open_files(f"file://{tmp_path}/ring"))
        opened = SealedBlobs(open_files(f"file://{tmp_path}/objects"), keys)
    else:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", S3_USER)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", S3_SECRET)
        opened = open_s3(request.getfixturevalue(f"{request.param}_url"))
    yield opened
    await opened.close()


@pytest.fixture
def tenant() -> str:
    return new_id("ten")


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def _all(blobs: BlobStore, name: str) -> bytes:
    return b"".join([piece async for piece in blobs.get(name)])


async def _names(blobs: BlobStore, prefix: str) -> list[str]:
    return [name async for name in blobs.names(prefix)]


async def test_what_was_put_is_got(blobs: BlobStore, tenant: str) -> None:
    name = f"{tenant}/uploads/a-b_c.D.pdf"
    assert await blobs.put(name, b"some bytes \x00\xff") == 13
    assert await _all(blobs, name) == b"some bytes \x00\xff"


async def test_a_stream_is_stored_whole_and_read_in_pieces_of_at_most_1_mib(blobs: BlobStore, tenant: str) -> None:
    data = random.Random(3).randbytes(20 * MEBIBYTE + 12_345)
    sizes = [1, 0, 3 * MEBIBYTE, 100_000]
    cuts = [sum(sizes[: n + 1]) for n in range(len(sizes))]
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    name = f"{tenant}/uploads/large"
    assert await blobs.put(name, _pieces(*pieces)) == len(data)
    digest, total = hashlib.sha256(), 0
    async for piece in blobs.get(name):
        assert 0 < len(piece) <= MEBIBYTE
        digest.update(piece)
        total += len(piece)
    assert (total, digest.hexdigest()) == (len(data), hashlib.sha256(data).hexdigest())


async def test_large_bytes_are_stored_whole(blobs: BlobStore, tenant: str) -> None:
    data = random.Random(4).randbytes(17 * MEBIBYTE)
    assert await blobs.put(f"{tenant}/uploads/large", data) == len(data)
    assert await _all(blobs, f"{tenant}/uploads/large") == data


async def test_an_empty_object_is_an_object(blobs: BlobStore, tenant: str) -> None:
    assert await blobs.put(f"{tenant}/uploads/empty", b"") == 0
    assert await blobs.put(f"{tenant}/uploads/nothing", _pieces()) == 0
    assert await _all(blobs, f"{tenant}/uploads/empty") == b""
    assert await _names(blobs, f"{tenant}/") == [f"{tenant}/uploads/empty", f"{tenant}/uploads/nothing"]


async def test_put_replaces(blobs: BlobStore, tenant: str) -> None:
    await blobs.put(f"{tenant}/uploads/x", b"a longer old value")
    await blobs.put(f"{tenant}/uploads/x", b"new")
    assert await _all(blobs, f"{tenant}/uploads/x") == b"new"


async def test_a_source_that_fails_leaves_the_old_object(blobs: BlobStore, tenant: str) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError("the client has gone")

    name = f"{tenant}/uploads/x"
    with pytest.raises(ConnectionResetError):
        await blobs.put(name, failing())
    with pytest.raises(NotFound):
        await _all(blobs, name)
    await blobs.put(name, b"old")
    with pytest.raises(ConnectionResetError):
        await blobs.put(name, failing())
    assert await _all(blobs, name) == b"old"


async def test_a_cancelled_put_leaves_the_old_object(blobs: BlobStore, tenant: str) -> None:
    reached = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"half"
        reached.set()
        await asyncio.sleep(3600)

    name = f"{tenant}/uploads/x"
    await blobs.put(name, b"old")
    task = asyncio.ensure_future(blobs.put(name, endless()))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await _all(blobs, name) == b"old"
    assert await _names(blobs, f"{tenant}/") == [name]


async def test_an_absent_object_is_not_found_before_the_first_piece(blobs: BlobStore, tenant: str) -> None:
    with pytest.raises(NotFound) as caught:
        await anext(aiter(blobs.get(f"{tenant}/uploads/absent")))
    assert caught.value.code == "blob_not_found"


async def test_delete_tells_whether_there_was_one(blobs: BlobStore, tenant: str) -> None:
    name = f"{tenant}/uploads/x"
    await blobs.put(name, b"x")
    assert await blobs.delete(name) is True
    assert await blobs.delete(name) is False
    with pytest.raises(NotFound):
        await _all(blobs, name)


async def test_names_come_in_order_and_start_with_the_prefix(blobs: BlobStore, tenant: str) -> None:
    wanted = [f"{tenant}/a-b/1", f"{tenant}/a.b/1", f"{tenant}/a/1", f"{tenant}/a/10", f"{tenant}/a/2", f"{tenant}/b/1"]
    for name in [*reversed(wanted), f"{tenant}x/a/1"]:
        await blobs.put(name, b"x")
    assert await _names(blobs, f"{tenant}/") == wanted
    assert await _names(blobs, f"{tenant}/a/") == wanted[2:5]
    assert await _names(blobs, f"{tenant}/a/1") == wanted[2:4]
    assert await _names(blobs, f"{tenant}/a") == wanted[:5]
    assert await _names(blobs, f"{tenant}/none/") == []


async def test_a_tenant_is_never_listed_with_another(blobs: BlobStore, tenant: str) -> None:
    for prefix in ("", tenant, "ten"):
        with pytest.raises(InvalidInput):
            await _names(blobs, prefix)


BAD_NAMES = (
    *("", "x", "a/b", "a/b/c/d", "/a/b", "a//b", "a/b/", "a/b/c/", "//a/b/c", "a/b/c d", "a/b/*", "~/b/c", "C:/b/c"),
    *("../b/c", "a/../c", "a/b/..", "./b/c", "a/./c", "a/b/.", "a\\..\\b/c/d", "a/b/c\\d", "a/b/%2e%2e", "a/b/．．"),
    *("a/b/ü", "a/b/c\n", "\na/b/c", "a/b/c\r", "a/b/\0", "a/b/c\0", "a/b/c∕d", "a/b/c?d", "a/b/c#d", "a/b/c:d"),
    *("file:///a/b/c", "a/b/" + "x" * 201),
)


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: repr(name)[:20])
async def test_a_name_of_another_form_is_refused(blobs: BlobStore, tenant: str, name: str) -> None:
    for call in (blobs.put(name, b"x"), anext(aiter(blobs.get(name))), blobs.delete(name)):
        with pytest.raises(InvalidInput) as caught:
            await call
        assert caught.value.code == "bad_blob_name"


async def test_concurrent_puts_of_one_name_leave_one_of_them_whole(blobs: BlobStore, tenant: str) -> None:
    values = [bytes([number]) * 300_000 for number in range(8)]
    await asyncio.gather(*(blobs.put(f"{tenant}/uploads/x", _pieces(v[:1000], v[1000:])) for v in values))
    assert await _all(blobs, f"{tenant}/uploads/x") in values


async def test_it_is_ready(blobs: BlobStore) -> None:
    assert await blobs.ready() is True


async def test_closing_twice_is_fine(blobs: BlobStore) -> None:
    await blobs.close()
    await blobs.close()


# --- what one adapter alone can show ------------------------------------------------------------------------------------


async def test_a_file_is_synced_before_it_has_its_name_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noting_fsync(handle: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def noting_replace(source: str, target: Path) -> None:
        steps.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(os, "replace", noting_replace)
    blobs = open_files(f"file://{tmp_path}/objects")
    await blobs.put("t/a/x", b"x")
    assert steps.index("file") < steps.index("rename") < len(steps) - 1
    assert steps[-1] == "folder"
    assert steps.count("folder") == 3, "the tenant's and the area's folders are new: their parents are synced too"
    await blobs.close()


async def test_a_symbolic_link_is_not_needed_and_temporary_files_are_not_left(tmp_path: Path) -> None:
    blobs = open_files(f"file://{tmp_path}/objects")
    await blobs.put("t/a/x", b"x")
    with pytest.raises(NotFound):
        await _all(blobs, "t/a/absent")
    assert sorted(p.relative_to(tmp_path / "objects").as_posix() for p in (tmp_path / "objects").rglob("*")) == [
        ".incoming",
        "t",
        "t/a",
        "t/a/x",
    ]
    await blobs.close()


async def test_a_full_disk_is_told_and_leaves_the_old_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = open_files(f"file://{tmp_path}/objects")
    await blobs.put("t/a/x", b"old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(StorageFull) as caught:
            await blobs.put("t/a/x", b"new")
    assert caught.value.code == "storage_full"
    assert await _all(blobs, "t/a/x") == b"old"
    assert list((tmp_path / "objects" / ".incoming").iterdir()) == []
    await blobs.close()


def test_a_file_over_the_limit_of_the_system_is_storage_full(tmp_path: Path) -> None:
    """A real refusal by the kernel, in a process of its own because the limit holds for all of it."""
    code = f"""
import asyncio, signal, resource
from voiceagent.adapters.blobs.files import open_blobs
from voiceagent.kit.errors import StorageFull
async def main():
    blobs = open_blobs("file://{tmp_path}/objects")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, {resource.RLIM_INFINITY}))
    try:
        await blobs.put("t/a/x", b"x" * (3 << 20))
    except StorageFull as problem:
        print(problem.code, [name async for name in blobs.names("t/")])
asyncio.run(main())
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.stdout.strip(), run.stderr) == ("storage_full []", "")


@pytest.mark.parametrize("url", ["file://", "file:///", "file://relative", "s3://bucket", "/path"])
def test_a_folder_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        open_files(url)
    assert caught.value.code == "blobs_url"


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3:///x",
        "s3://bucket/path",
        "s3://bucket?unknown=1",
        "s3://bucket?links_s=-1",
        "s3://bucket?links_s=3601",
        "file:///x",
    ],
)
def test_a_bucket_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        open_s3(url)
    assert caught.value.code == "blobs_url"


async def test_without_being_asked_for_links_there_are_none(blobs: BlobStore, tenant: str) -> None:
    await blobs.put(f"{tenant}/a/x", b"x")
    assert not isinstance(blobs, BlobLinks) or await blobs.link(f"{tenant}/a/x") is None


@pytest.fixture(params=["minio", "versitygw"])
def s3_url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, patient: None) -> str:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", S3_USER)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", S3_SECRET)
    return str(request.getfixturevalue(f"{request.param}_url"))


async def test_a_link_gives_out_one_object_to_anybody_for_a_while(s3_url: str, tenant: str) -> None:
    blobs = open_s3(f"{s3_url}&links_s=2")
    await blobs.put(f"{tenant}/a/x", b"for whoever has the link")
    link = await blobs.link(f"{tenant}/a/x")
    assert link is not None
    assert S3_SECRET not in link
    async with httpx.AsyncClient() as anybody:
        while (told := await anybody.get(link)).status_code == 403:  # a busy machine was slower than the link lasts
            link = await blobs.link(f"{tenant}/a/x")
            assert link is not None
        assert told.content == b"for whoever has the link"
        assert (await anybody.get(link.replace(f"{tenant}/a/x", f"{tenant}/a/y"))).status_code == 403
        assert (await anybody.put(link, content=b"other")).status_code == 403
        async with asyncio.timeout(60):
            while (await anybody.get(link)).status_code != 403:
                await asyncio.sleep(0.2)
    with pytest.raises(InvalidInput):
        await blobs.link("../x")
    await blobs.close()


async def test_a_link_leads_to_where_callers_reach_the_store(s3_url: str, tenant: str) -> None:
    blobs = open_s3(f"{s3_url}&links_s=60&links_endpoint=https://objects.example.org")
    link = await blobs.link(f"{tenant}/a/x")
    assert link is not None
    assert link.startswith("https://objects.example.org/")
    await blobs.close()


async def test_a_missing_bucket_is_a_matter_of_configuration(s3_url: str) -> None:
    blobs = open_s3(f"s3://absent-bucket?{urlsplit(s3_url).query}")
    with pytest.raises(Misconfigured) as caught:
        await blobs.put("t/a/x", b"x")
    assert caught.value.code == "blobs_bucket"
    assert await blobs.ready() is False
    await blobs.close()


async def test_wrong_credentials_are_a_matter_of_configuration(
    s3_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("not-the-secret\n")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY_FILE", str(tmp_path / "secret"))
    blobs = open_s3(s3_url)
    with pytest.raises(Misconfigured) as caught:
        await blobs.put("t/a/x", b"x")
    assert caught.value.code == "blobs_credentials"
    await blobs.close()


async def test_a_dead_object_store_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", S3_USER)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", S3_SECRET)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        blobs = open_s3(f"s3://bucket?endpoint=http://127.0.0.1:{taken.getsockname()[1]}")
        assert await blobs.ready() is False
        with pytest.raises(Unavailable) as caught:
            await blobs.put("t/a/x", b"x")
        assert caught.value.code == "blobs_unavailable"
        await blobs.close()


def test_the_process_ends_cleanly_right_after_a_call(s3_url: str) -> None:
    code = f"""
import asyncio
from voiceagent.adapters.blobs.s3 import open_blobs
async def main():
    blobs = open_blobs({s3_url!r})
    await blobs.put("t/exit/x", b"x")
    await blobs.close()
asyncio.run(main())
"""
    for _ in range(3):
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert (run.returncode, run.stderr) == (0, "")
