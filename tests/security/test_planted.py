"""200 planted values of people and secrets, through calls, uploads and erasures while parts fail: none is in a log line or an error that is told."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy.exc import OperationalError
from starlette.requests import HTTPConnection
from tests.support.documents_kit import pieces
from tests.unit.rights.test_erasure import TENANT, House, house

from voiceagent.apps.privacy import masked_for_logs
from voiceagent.documents.service import Upload
from voiceagent.domain.conversation import Turn
from voiceagent.domain.identity import ROLES, Principal
from voiceagent.kit import log as logs
from voiceagent.kit.ids import new_id
from voiceagent.rights.worker import RightsWorker
from voiceagent.web.problems import problem_of, problem_response

COUNT = 200
ANN = Principal(TENANT, "usr_planted", ROLES["owner"], "user")


def planted(number: int) -> str:
    """A value of a kind that must never be told, each of its own."""
    kinds = (
        f"ann.kowalska{number}@private.example",
        f"+1 415 555 {2000 + number:04d}",
        f"va_sk_{number:04d}Zq8Lx0vRtY7",
        f"diary {number} of Quillfeather",
    )
    return kinds[number % len(kinds)]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """Everything that is logged, as it would stand in the file."""
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", out)
    handlers = list(logging.getLogger().handlers)
    logs.configure_logging(level="debug", format="json", redact=masked_for_logs)
    yield out.getvalue
    logging.getLogger().handlers[:] = handlers
    structlog.reset_defaults()


def told(error: Exception) -> str:
    """What a caller would read of it, on both surfaces."""
    seen = ""
    for path in ("/api/v1/x", "/v1/x"):
        conn = HTTPConnection({"type": "http", "path": path, "headers": [], "query_string": b""})
        seen += bytes(problem_response(conn, problem_of(error)).body).decode()
    return seen


async def tried(act: Any) -> str:
    """What is told of the failure of `act`; nothing when it worked. The failure is logged as an unexpected one, too."""
    try:
        await act
    except Exception as error:  # noqa: BLE001 - every failure that a caller can meet
        structlog.get_logger("test").error("unexpected", exc_info=error, detail=str(error), failure=repr(error))
        return told(error)
    return ""


async def faulty_calls(home: House, monkeypatch: pytest.MonkeyPatch) -> str:
    """Calls and uploads with planted words, with a database, an embedder and files that fail with those words in their errors."""
    seen = ""
    opened = await home.log.open(ANN, "", None, "voice")
    from sqlalchemy.ext.asyncio import AsyncConnection

    real = AsyncConnection.execute
    for number in range(COUNT):
        word = planted(number)

        async def fails(self: Any, statement: Any, values: Any = None, word: str = word, **rest: Any) -> Any:
            if "turns" in str(statement) or "documents" in str(statement):
                raise OperationalError(str(statement), {"asked": word}, RuntimeError(f"cannot store {word}"))
            return await real(self, statement, values, **rest)

        turn = Turn(
            new_id("turn"), opened.conversation.conversation_id, word, word, word, "answered", home.parts.clock.now()
        )
        upload = Upload(f"{word.replace('/', '')}.pdf", "application/pdf", pieces(f"%PDF-1.4 {word}".encode()))
        with monkeypatch.context() as broken:
            if number % 2:
                broken.setattr(AsyncConnection, "execute", fails)
            seen += await tried(home.log.record(ANN, turn))
            if number % 40 < 2:
                seen += await tried(home.documents.add(ANN, upload))
    return seen


async def test_no_planted_value_is_in_a_log_or_an_error(
    tmp_path: Path, lines: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path) as home:
        seen = await faulty_calls(home, monkeypatch)
        while await home.worker.run_one():  # bad documents: each fails, and says why
            pass

        async def erase(_tenant_id: str, document_id: str) -> None:
            raise RuntimeError(f"cannot remove {planted(int(document_id[-1], 36))}")

        await home.person("owner")
        await home.asked(ANN.subject)
        await RightsWorker(replace(home.rights, erase_document=erase)).run_one()
    written = lines()
    assert len([json.loads(line) for line in written.splitlines() if line.startswith("{")]) >= COUNT // 2
    assert "store_unavailable" in seen
    for number in range(COUNT):
        assert planted(number) not in written, planted(number)
        assert planted(number) not in seen, planted(number)
