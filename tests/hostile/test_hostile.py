"""No hostile file hangs, restarts, calls out or leaves a trace: each ends ready or failed with a stable code, and good ones go on."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.hostile.corpus import GOOD_PDF, hostile_files
from tests.support.documents_kit import PATIENT, pieces

from voiceagent.documents.formats import FORMATS, HEAD_BYTES, format_of
from voiceagent.documents.parse.blocks import Limits
from voiceagent.documents.sandbox import ParseFailed, Sandbox
from voiceagent.documents.split import split
from voiceagent.kit.errors import Unsupported

CODES = {
    "archive_too_large", "archive_unsafe", "damaged", "doctype_forbidden", "empty_file", "encoding_forbidden", "no_text", "not_text",
    "parser_crashed", "part_missing", "password_needed", "time_limit", "too_complex", "too_many_pages", "too_much_text", "type_mismatch",
    "wrong_password", "ocr_failed",
}  # fmt: skip
FILES = dict(hostile_files("http://127.0.0.1:9/canary"))


def test_the_corpus_is_large_enough() -> None:
    assert len(FILES) >= 150


@pytest.fixture(scope="module")
def canary() -> Iterator[socket.socket]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    yield listener
    listener.close()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.timeout(300)
async def test_ends_ready_or_failed_with_a_stable_code(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = FILES[name]
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sandbox = Sandbox(ocr="", limits=Limits(cpu_s=5, wall_s=20.0))
    started_s = time.monotonic()
    try:
        document = await sandbox.read(pieces(data), format_of(name, "", data[:HEAD_BYTES]))
    except Unsupported as refused:
        assert refused.code in ("type_mismatch", "unsupported_type")
    except ParseFailed as failed:
        assert failed.code in CODES, failed.code
    else:
        assert document.text.strip()
        for piece in split(document):
            assert document.text[piece.start : piece.end] == piece.text
    assert time.monotonic() - started_s < 100  # 20 s by its limits; the rest is a busy machine's
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("archives-bomb.docx", "archive_too_large"),
        ("archives-bomb-of-markup.docx", "archive_too_large"),
        ("archives-many-small-bombs.docx", "archive_too_large"),
        ("archives-too-many-parts.docx", "archive_too_large"),
        ("archives-lies-about-its-size.docx", "damaged"),
        ("archives-part-twice.docx", "archive_unsafe"),
        ("archives-part-twice-in-capitals.docx", "archive_unsafe"),
        ("archives-parts-overlap.docx", "archive_unsafe"),
        ("archives-encrypted-part.docx", "password_needed"),
        *[(f"names-name-{number}.docx", "archive_unsafe") for number in range(9)],
        *[
            (name, "doctype_forbidden")
            for name in FILES
            if name.startswith("entities-") and "utf-7" not in name and "ebcdic" not in name
        ],
        ("entities-utf-7.docx", "encoding_forbidden"),
        ("entities-ebcdic.docx", "encoding_forbidden"),
        ("books-laughs.epub", "doctype_forbidden"),
    ],
)
async def test_is_refused_for_the_right_reason(name: str, code: str) -> None:
    with pytest.raises(ParseFailed) as caught:
        await Sandbox(ocr="", limits=PATIENT).read(pieces(FILES[name]), FORMATS[name.rpartition(".")[2]])
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("name", "kinds", "gone"),
    [
        ("word-hidden-words.docx", {"vanish"}, "ignore all rules"),
        ("pages-hidden.html", {"invisible"}, "ignore all rules"),
        ("texts-hidden-orders.txt", {"tags"}, "\U000e0069"),
        ("texts-turned-around.txt", {"bidi"}, "\u202e"),
    ],
)
async def test_hidden_words_are_taken_out_and_counted(name: str, kinds: set[str], gone: str) -> None:
    document = await Sandbox(ocr="", limits=PATIENT).read(pieces(FILES[name]), FORMATS[name.rpartition(".")[2]])
    assert kinds <= set(document.hidden)
    assert gone not in document.text


async def test_nothing_calls_out(canary: socket.socket) -> None:
    url = f"http://127.0.0.1:{canary.getsockname()[1]}"
    pointing = {
        name: data
        for name, data in hostile_files(url)
        if url.encode() in data or "outside" in name or "entities" in name
    }
    assert len(pointing) > 15
    for name, data in pointing.items():
        try:
            await Sandbox(ocr="", limits=PATIENT).read(pieces(data), format_of(name, "", data[:HEAD_BYTES]))
        except (ParseFailed, Unsupported):
            continue
    with pytest.raises(BlockingIOError):
        canary.accept()


async def test_a_good_file_is_read_beside_eight_hostile_ones() -> None:
    sandbox = Sandbox(parallel=9, ocr="", limits=Limits(cpu_s=4, wall_s=400.0))
    names = [name for name in FILES if name.startswith("pdf_streams")][:8]
    hostile = [asyncio.ensure_future(sandbox.read(pieces(FILES[name]), FORMATS["pdf"])) for name in names]
    document = await sandbox.read(pieces(GOOD_PDF), FORMATS["pdf"])
    assert "harmless" in document.text
    for one in hostile:
        one.cancel()
    await asyncio.gather(*hostile, return_exceptions=True)


_ESCAPES = {
    "socket": "import socket; socket.socket()",
    "resolve": "import socket; socket.getaddrinfo('localhost', 80)",
    "read": "open('/etc/passwd').read()",
    "write": "open('/tmp/voiceagent-escape', 'w').write('x')",
    "list": "import os; os.listdir('/')",
    "program": "import os; os.execv('/bin/true', ['true'])",
    "child": "import os; os.fork()",
    "signal": "import os; os.kill(os.getppid(), 0)",
    "memory": "x = bytearray(2_000_000_000)",
    "priority": "import os; os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
    "limits": "import resource, os; resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (0, 0))",
    "processors": "import os; os.sched_setaffinity(os.getppid(), {0})",
    "group": "import os; os.setpgid(0, os.getpgid(os.getppid()))",
    "shared memory": "import ctypes\nif ctypes.CDLL(None, use_errno=True).shmget(1, 4096, 0o1666) < 0: raise OSError",
    "trace": "import ctypes, os\nif ctypes.CDLL(None, use_errno=True).ptrace(16, os.getppid(), 0, 0) < 0: raise OSError",
}
_PROGRAM = """
import asyncio, ctypes, os, resource, socket
from voiceagent.documents.parse import jail
from voiceagent.documents.parse.blocks import Limits
locks = jail.enter(Limits())
if not (locks.landlock and locks.seccomp):
    print("open")
    raise SystemExit
try:
    exec({escape!r})
except (OSError, MemoryError, LookupError):
    print("held")
else:
    print("escaped")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="missing: Linux (Landlock and seccomp)")
@pytest.mark.parametrize("escape", _ESCAPES)
def test_the_jail_holds(escape: str) -> None:
    program = _PROGRAM.format(escape=_ESCAPES[escape])
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=300)
    if done.stdout.strip() == "open":
        pytest.skip("missing: Landlock or seccomp in this kernel")
    assert done.stdout.strip() == "held", done.stderr
