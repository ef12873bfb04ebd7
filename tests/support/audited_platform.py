"""A running platform whose audit log can be made to fail, for one kind of record, by a trigger in its database; and people who use it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import multiprocessing
import os
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from bench.security.stage import Stage

from voiceagent.apps import cli
from voiceagent.apps.cli import GROUPS, PLAIN
from voiceagent.apps.custody import rotation
from voiceagent.domain.identity import SCOPES

PASSWORD = "kangaroo under my piano"
_UNSTEADY = {"audit", "idempotency", "jobs", "outbox", "model_usage"}
"""Tables that others write meanwhile, or that hold answers and not effects."""

_UNSTEADY_COLUMNS = {"last_used_at", "last_seen_at", "updated_at", "progress", "state", "refreshed_at"}


_BESIDE = multiprocessing.get_context("forkserver")
_BESIDE.set_forkserver_preload(["voiceagent.apps.all", *PLAIN.values(), *GROUPS.values()])
"""Each command runs in a process of its own, that begins where one has read all the code: reading it is most of what a command takes."""


def _run(words: tuple[str, ...], variables: dict[str, str], said: str) -> None:
    """In the new process: the command, as `voiceagent` runs it."""
    os.environ.clear()
    os.environ.update(variables)
    told = os.open(said, os.O_WRONLY | os.O_CREAT, 0o600)
    for stream in (1, 2):
        os.dup2(told, stream)
    rotation.KNOWN_EVERYWHERE_S = 0.0
    sys.exit(cli.run(list(words)))


@dataclass
class Answer:
    """status: of HTTP, or 500 for a command that failed.  body: text."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Platform:
    """The doors of the platform as somebody with every right uses them."""

    def __init__(self, on: Stage, settings: Mapping[str, str]) -> None:
        self.on = on
        self.settings = settings
        self._database = on.data_dir / "voiceagent.db"
        self.key = ""
        self._hosts = itertools.cycle(range(2, 250))

    async def call(self, method: str, path: str, body: Any = None, *, key: str | None = None, **more: Any) -> Answer:
        bearer = self.key if key is None else key
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        timeout = aiohttp.ClientTimeout(total=60)
        if body is not None:
            more["json"] = body
        from_address = (f"127.0.0.{next(self._hosts)}", 0)  # one address may not sign in as often as this
        connector = aiohttp.TCPConnector(local_addr=from_address)
        async with (
            aiohttp.ClientSession(self.on.url, timeout=timeout, connector=connector) as client,
            client.request(method, path, headers=headers, **more) as answer,
        ):
            return Answer(answer.status, await answer.text(errors="replace"), dict(answer.headers))

    async def command(self, *words: str) -> Answer:
        """`voiceagent ...` on the machine, beside the platform. It waits for nobody to learn of new keys: nobody uses them meanwhile."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith("VOICEAGENT_")}
        variables |= {f"VOICEAGENT_{name}": value for name, value in self.settings.items()}
        variables["VOICEAGENT_DATA__DIR"] = str(self.on.data_dir)
        said = self.on.data_dir.parent / f"said{time.monotonic_ns()}"
        process = _BESIDE.Process(target=_run, args=(words, variables, str(said)))
        process.start()
        try:
            await asyncio.to_thread(process.join, 120)
            assert process.exitcode is not None, f"still at it: {words}"
        finally:
            process.kill()
        return Answer(200 if process.exitcode == 0 else 500, said.read_text())

    async def made(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """What a call that has to succeed answers."""
        answer = await self.call(method, path, body, **more)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.body[:300]}"
        return answer.json if answer.body else None

    async def arrive(self) -> None:
        done = await self.command("keys", "create", "all", "--scopes", ",".join(SCOPES))
        assert done.status == 200, done.body
        self.key = done.body.strip().splitlines()[-1]

    async def person(self, role: str = "owner") -> tuple[str, str]:
        """E-mail address and id of somebody new."""
        email = f"somebody{time.monotonic_ns()}@example.org"
        made = await self.made("POST", "/api/v1/users", {"email": email, "password": PASSWORD, "role": role})
        return email, made["user_id"]

    async def sign_in(self, email: str, **more: Any) -> Any:
        """The tokens of a fresh session."""
        return await self.made("POST", "/api/v1/auth/login", {"email": email, "password": PASSWORD, **more}, key="")

    async def document(self, text: str = "A story of a harbour and its boats.") -> str:
        """A document that is ready."""
        form = aiohttp.FormData()
        form.add_field("file", text.encode(), filename=f"s{time.monotonic_ns()}.txt")
        made = await self.made("POST", "/api/v1/documents", data=form)
        document_id = str(made.get("document", made)["document_id"])
        async with asyncio.timeout(60):
            while (await self.made("GET", f"/api/v1/documents/{document_id}"))["state"] != "ready":
                await asyncio.sleep(0.2)
        return document_id

    async def conversation(self, words: str = "good morning to you") -> str:
        """A conversation of one turn, by its id; its recording is closed."""
        timeout = aiohttp.ClientTimeout(total=60)
        known = {one["conversation_id"] for one in await self.conversations()}
        async with (
            aiohttp.ClientSession(self.on.url, timeout=timeout) as client,
            client.ws_connect("/v1/realtime?model=m", headers={"Authorization": f"Bearer {self.key}"}) as socket,
        ):
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]}
            await socket.send_json({"type": "conversation.item.create", "item": item})
            await socket.send_json({"type": "response.create", "response": {"output_modalities": ["text"]}})
            async for message in socket:
                if '"response.done"' in str(message.data):
                    break
        async with asyncio.timeout(60):
            while not (fresh := {one["conversation_id"] for one in await self.conversations()} - known):
                await asyncio.sleep(0.2)
        return str(fresh.pop())

    async def conversations(self) -> list[Any]:
        found: list[Any] = (await self.made("GET", "/api/v1/conversations"))["conversations"]
        return found

    async def quiet(self) -> None:
        """Wait until no job is left that would change something by itself."""
        async with asyncio.timeout(120):
            while self._jobs():
                await asyncio.sleep(0.1)

    def _jobs(self) -> int:
        with self.database() as connection:
            sql = "SELECT count(*) FROM jobs WHERE state = 'running' OR (state = 'queued' AND attempt = 0)"
            return int(connection.execute(sql).fetchone()[0])

    async def until_said(self, event: str) -> None:
        """Wait until the platform has logged this."""
        async with asyncio.timeout(120):
            while f'"event": "{event}"' not in self.on.log.read_text():
                await asyncio.sleep(0.1)

    def end_lease(self, subject_id: str) -> None:
        """Whoever worked on the job about this has left it: the next try is due at once."""
        with self.database() as connection:
            connection.execute("UPDATE jobs SET due_at = 0 WHERE subject_id = ?", (subject_id,))

    # --- what stands in the database ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._database, timeout=60, isolation_level=None)
        try:
            yield connection
        finally:
            connection.close()

    @contextlib.asynccontextmanager
    async def audit_failing(self, action: str) -> AsyncIterator[None]:
        """No record of this kind can be written."""
        with self.database() as connection:
            connection.execute(
                f"CREATE TRIGGER refuse BEFORE INSERT ON audit WHEN NEW.action = '{action}' BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        try:
            yield
        finally:
            with self.database() as connection:
                connection.execute("DROP TRIGGER refuse")

    def records(self, action: str) -> int:
        with self.database() as connection:
            return int(connection.execute("SELECT count(*) FROM audit WHERE action = ?", (action,)).fetchone()[0])

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that stands in the database but records, answers kept for repeats, and what changes by itself."""
        found = {}
        with self.database() as connection:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in sorted(set(names) - _UNSTEADY):
                columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
                steady = ", ".join(f'"{name}"' for name in columns if name not in _UNSTEADY_COLUMNS)
                found[table] = sorted(connection.execute(f"SELECT {steady} FROM {table}").fetchall(), key=repr)
        return found

    def grow_old(self, conversation_id: str) -> None:
        """Make a conversation two years old."""
        with self.database() as connection:
            for table, columns in (("conversations", ("created_at", "updated_at")), ("turns", ("created_at",))):
                older = ", ".join(f"{name} = {name} - 63072000000000" for name in columns)
                connection.execute(f"UPDATE {table} SET {older} WHERE conversation_id = ?", (conversation_id,))

    def recordings(self) -> list[Path]:
        """Folders of recordings that are closed."""
        return sorted(one for one in (self.on.data_dir / "recordings").iterdir() if one.is_dir())
