"""The fork server: what it is given, that no child harms it, that it is replaced when it dies and leaves nothing when the service dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.support.documents_kit import PATIENT, pieces

from voiceagent.documents.formats import FORMATS
from voiceagent.documents.parsed import ParsedDocument
from voiceagent.documents.reading.forks import ForkServer
from voiceagent.documents.sandbox import ParseFailed, Sandbox
from voiceagent.kit.errors import Unavailable

_ENDLESS = b"<p>" * 500_000
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="missing: Linux (/proc)")


@pytest.fixture
def forks() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


async def words(forks: ForkServer, text: str = "Lighthouses stand.") -> str:
    return (await Sandbox(ocr="", forks=forks, limits=PATIENT).read(pieces(text.encode()), FORMATS["txt"])).text


def server_of(forks: ForkServer) -> psutil.Process:
    assert forks.process_id is not None
    return psutil.Process(forks.process_id)


async def endless_child(forks: ForkServer) -> tuple[asyncio.Future[ParsedDocument], psutil.Process]:
    """A reading that goes on and on, and its process."""
    reading = asyncio.ensure_future(
        Sandbox(ocr="", forks=forks, limits=PATIENT).read(pieces(_ENDLESS), FORMATS["html"])
    )
    while True:
        await asyncio.sleep(0.01)
        assert not reading.done()
        if forks.process_id is not None and (children := server_of(forks).children()):
            return reading, children[0]


async def gone(process: psutil.Process) -> bool:
    for _ in range(6_000):
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        await asyncio.sleep(0.01)
    return False


async def test_one_server_forks_for_many_files(forks: ForkServer) -> None:
    texts = await asyncio.gather(*[words(forks, f"Document {number}.") for number in range(20)])
    assert texts == [f"Document {number}." for number in range(20)]
    assert server_of(forks).children() == []


async def test_a_server_that_died_is_replaced(forks: ForkServer) -> None:
    await words(forks)
    first = server_of(forks)
    first.kill()
    assert await words(forks) == "Lighthouses stand."
    assert forks.process_id != first.pid


async def test_a_server_that_dies_while_it_reads_says_nothing_about_the_file(forks: ForkServer) -> None:
    reading, child = await endless_child(forks)
    first = server_of(forks)
    first.kill()
    while forks.process_id in (None, first.pid):
        await asyncio.sleep(0.01)
    assert not reading.done()  # another server's child reads the file again
    if sys.platform.startswith("linux"):
        assert await gone(child)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


async def test_a_child_that_dies_harms_nobody(forks: ForkServer) -> None:
    reading, child = await endless_child(forks)
    server = forks.process_id
    child.send_signal(signal.SIGSEGV)
    with pytest.raises(ParseFailed) as caught:
        await reading
    assert caught.value.code == "parser_crashed"
    assert await words(forks) == "Lighthouses stand."
    assert forks.process_id == server


async def test_a_cancelled_reading_ends_its_child(forks: ForkServer) -> None:
    reading, child = await endless_child(forks)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert await gone(child)
    assert server_of(forks).children() == []


async def test_without_processes_a_file_waits(forks: ForkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(subprocess, "Popen", refused)
    with pytest.raises(Unavailable) as caught:
        await words(forks)
    assert caught.value.code == "sandbox_unavailable"


_SERVICE = """
import asyncio, sys
from voiceagent.documents.formats import FORMATS
from voiceagent.documents.parse.blocks import Limits
from voiceagent.documents.reading.forks import shared
from voiceagent.documents.sandbox import Sandbox

async def pieces():
    yield b"<p>" * 500_000

async def main():
    reading = asyncio.ensure_future(Sandbox(ocr="", limits=Limits(wall_s=400.0)).read(pieces(), FORMATS["html"]))
    while shared().process_id is None:
        await asyncio.sleep(0.01)
    print(shared().process_id, flush=True)
    await reading

asyncio.run(main())
"""


async def test_nothing_is_left_of_a_service_that_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", _SERVICE], stdout=subprocess.PIPE) as service:
        assert service.stdout is not None
        server = psutil.Process(int(service.stdout.readline()))
        while not (children := server.children()):
            await asyncio.sleep(0.01)
        service.kill()
    assert await gone(server)
    assert await gone(children[0])


@linux_only
async def test_the_server_holds_nothing_of_the_service(
    forks: ForkServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VOICEAGENT_SECRET", "a-secret-of-the-service")
    with open(tmp_path / "store.sqlite3", "w") as kept:
        os.set_inheritable(kept.fileno(), True)
        await words(forks, "A tenant's words.")
        server = server_of(forks)
        assert set(server.environ()) <= {"PATH", "OMP_THREAD_LIMIT", "LC_CTYPE"}
        assert "secret" not in " ".join(server.cmdline())
        opened = [os.readlink(f"/proc/{server.pid}/fd/{name}") for name in os.listdir(f"/proc/{server.pid}/fd")]
        assert all(one.startswith(("socket:", "anon_inode:", "/dev/null")) for one in opened), opened
        assert server.num_threads() == 1
        told = Path(f"/proc/{server.pid}/status").read_text()
        assert "NoNewPrivs:\t1" in told


@linux_only
async def test_a_child_holds_nothing_but_its_file_and_its_line(forks: ForkServer) -> None:
    first, _ = await endless_child(forks)
    second = asyncio.ensure_future(Sandbox(ocr="", forks=forks, limits=PATIENT).read(pieces(_ENDLESS), FORMATS["html"]))
    while len(children := server_of(forks).children()) < 2:
        await asyncio.sleep(0.01)
    for child in children:
        while len(os.listdir(f"/proc/{child.pid}/fd")) > 3:  # it lets go of the server's first
            await asyncio.sleep(0.01)
    for reading in (first, second):
        reading.cancel()
    await asyncio.gather(first, second, return_exceptions=True)


async def test_a_password_is_in_no_command_line(forks: ForkServer) -> None:
    reading = asyncio.ensure_future(
        Sandbox(ocr="", forks=forks, limits=PATIENT).read(pieces(_ENDLESS), FORMATS["html"], password="open-sesame")
    )
    while forks.process_id is None or not (children := server_of(forks).children()):
        await asyncio.sleep(0.01)
    told = [" ".join(process.cmdline()) for process in (server_of(forks), *children)]
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert not any("open-sesame" in one for one in told)


async def test_a_request_that_no_service_of_ours_makes_harms_nobody(forks: ForkServer) -> None:
    await words(forks)
    server = forks.process_id
    with tempfile.TemporaryFile() as file:
        child = forks.fork(file)
        child.line.send(b"not JSON\n")
        code, _ = await child.end()
    assert code in (1, -signal.SIGKILL)
    assert await words(forks) == "Lighthouses stand."
    assert forks.process_id == server
