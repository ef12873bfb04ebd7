"""Every door of a running platform for planted values, and every place where they may be looked for afterwards."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import tempfile
import time
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bench.security.disk_scan import _command, key_of, speech
from bench.security.planted_values import Planted
from bench.security.stage import Stage

SCRAPE_TOKEN = "a token of those who read metrics here"
SCRAPE = {"Authorization": f"Bearer {SCRAPE_TOKEN}"}
LINES = 40
CALL_S = 25.0
BLEEPED_S = 240.0
OPENED = 4
"""Recordings that are opened by the command; the others are in the export."""
READ_S = 240.0


def spoken_lines(planted: Planted) -> str:
    """What the recogniser will hear."""
    planted.door = "said"
    return json.dumps([planted.sentence() for _ in range(LINES)])


def error_in(line: str) -> str:
    """What an event tells of a failure; what was said before it stands in the same event, for the same caller, and is none of it."""
    with contextlib.suppress(ValueError):
        event = json.loads(line.removeprefix("data:"))
        if isinstance(event, dict):
            failed = (event.get("response") or {}).get("status_details")
            return "".join(json.dumps(one, ensure_ascii=False) for one in (event.get("error"), failed) if one)
    return ""


class Doors:
    """Somebody with every right, who tells the platform what it must not tell on. refusals: every answer of 4xx and 5xx, and every error on a socket.

    strict: a refusal of what should work is an error of this program.
    """

    def __init__(self, on: Stage, client: aiohttp.ClientSession, planted: Planted, told: Mapping[str, str]) -> None:
        self.on = on
        self.client = client
        self.told = told
        self.strict = True
        self.refusals: list[str] = []
        self.calls = 0
        self._planted = planted

    @classmethod
    @asynccontextmanager
    async def opened(cls, on: Stage, planted: Planted, told: Mapping[str, str]) -> AsyncIterator[Doors]:
        headers = await asyncio.to_thread(key_of, on, told)
        timeout = aiohttp.ClientTimeout(total=CALL_S)
        async with aiohttp.ClientSession(on.url, timeout=timeout, headers=headers) as client:
            yield cls(on, client, planted, told)

    async def all(self) -> None:
        """Fresh values through every door, side by side."""
        doors = (self.typed, self.asked, self.talked, self.spoke, self.uploaded, self.people, self.odd, self.machines)
        await asyncio.gather(*(self._through(door) for door in doors))

    async def _through(self, door: Callable[[], Awaitable[None]]) -> None:
        try:
            await door()
        except (aiohttp.ClientError, TimeoutError) as error:
            if self.strict:
                raise
            self.refusals.append(f"{type(error).__name__}")  # of our own client: nothing was answered

    def _next(self, door: str) -> Planted:
        self._planted.door = door
        return self._planted

    async def send(self, method: str, path: str, *good: int, **body: Any) -> str:
        self.calls += 1
        async with self.client.request(method, path, **body) as answer:
            text = await answer.text(errors="replace")
            if answer.status >= 400:
                self.refusals.append(f"{dict(answer.headers)} {text}")
            else:  # a stream that begins well
                self.refusals += [told for line in text.splitlines() if (told := error_in(line))]
            assert not self.strict or not good or answer.status in good, f"{path}: {answer.status} {text[:300]}"
            return text

    async def typed(self) -> None:
        for stream in (False, True):
            said = self._next("chat").sentence()
            body = {"model": "chat", "stream": stream, "messages": [{"role": "user", "content": said}]}
            await self.send("POST", "/v1/chat/completions", 200, json=body)
        text = self._next("embeddings").sentence()
        await self.send("POST", "/v1/embeddings", 200, json={"model": "far-embed", "input": text})

    async def asked(self) -> None:
        opened = json.loads(
            await self.send("POST", "/api/v1/ask", json={"question": self._next("ask").sentence()}) or "{}"
        )
        more = {"conversation_id": opened["conversation_id"]} if opened.get("conversation_id") else {}
        await self.send("POST", "/api/v1/ask", json={"question": self._next("ask").sentence(), **more})
        await self.send("POST", "/api/v1/search", json={"query": self._next("search").sentence()})

    async def talked(self) -> None:
        item = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": self._next("realtime").sentence()}],
        }
        await self._socket([
            {"type": "session.update", "session": {"type": "realtime", "instructions": self._next("instructions").sentence()}},
            {"type": "conversation.item.create", "item": item},
            {"type": "response.create", "response": {"output_modalities": ["text"]}},
        ])  # fmt: skip
        await self._socket(
            [
                {"type": "session.update", "session": self._next("bad event").sentence()},
                {"type": self._next("bad event").word()},
            ]
        )

    async def spoke(self) -> None:
        sound = speech(self.calls)
        pieces = [base64.b64encode(sound[at : at + 4800]).decode() for at in range(0, len(sound), 4800)]
        await self._socket([{"type": "input_audio_buffer.append", "audio": piece} for piece in pieces], pace_s=0.05)

    async def _socket(self, events: list[dict[str, Any]], *, pace_s: float = 0.0) -> None:
        async with self.client.ws_connect("/v1/realtime?model=m") as socket:
            for event in events:
                await socket.send_json(event)
                await asyncio.sleep(pace_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(10 if not self.strict else 20):
                    async for message in socket:
                        text = str(message.data)
                        if told := error_in(text):
                            self.refusals.append(told)
                        if '"response.done"' in text or '"unknown' in text:
                            break

    async def uploaded(self) -> None:
        planted = self._next("document")
        text = "\n\n".join(f"Chapter {at}. {planted.sentence()}" for at in range(3))
        form = aiohttp.FormData()
        form.add_field(
            "file",
            f"Letter of {planted.personal()}\n\n{text}".encode(),
            filename=f"{self._next('file name').word()}.txt",
        )
        await self.send("POST", "/api/v1/documents", 202, data=form)
        bad = aiohttp.FormData()
        bad.add_field(
            "file",
            f"%PDF-1.7 {self._next('broken file').sentence()}".encode(),
            filename=f"{self._next('broken file').word()}.pdf",
        )
        await self.send("POST", "/api/v1/documents", data=bad)

    async def people(self) -> None:
        email, password = self._next("person").email(), self._next("person").secret()
        person = {"email": email, "role": "viewer", "password": password}
        await self.send("POST", "/api/v1/users", 201, json=person)
        await self.send("POST", "/api/v1/users", json=person)  # once more
        await self.send("POST", "/api/v1/auth/login", json={"email": email, "password": self._next("sign-in").secret()})
        await self.send(
            "POST", "/api/v1/auth/login", json={"email": self._next("sign-in").email(), "password": password}
        )
        await self.send("POST", "/api/v1/auth/refresh", json={"refresh_token": self._next("refresh").secret()})
        await self.send("POST", "/api/v1/privacy/exports", json={"subject": self._next("export").email()})
        await self.send("POST", "/api/v1/privacy/erasures", json={"subject": self._next("erasure").email()})

    async def odd(self) -> None:
        """What does not belong where it is sent."""
        planted = self._next("odd places")
        await self.send(
            "POST",
            "/api/v1/ask",
            data=f'{{"question": "{planted.sentence()}',
            headers={"Content-Type": "application/json"},
        )
        await self.send(
            "POST", "/v1/chat/completions", json={"model": planted.sentence(), "messages": planted.sentence()}
        )
        await self.send("GET", f"/api/v1/conversations/{planted.secret()}")
        await self.send("GET", "/api/v1/conversations", params={"cursor": planted.secret(), "q": planted.personal()})
        await self.send("GET", "/api/v1/me", headers={"Authorization": f"Bearer {planted.secret()}"})
        await self.send(
            "GET",
            "/api/v1/me",
            headers={
                "X-Request-Id": planted.personal(),
                "X-Forwarded-For": planted.word(),
                "User-Agent": planted.word(),
            },
        )
        await self.send("PUT", f"/api/v1/{planted.word()}", json={planted.word(): planted.secret()})

    async def machines(self) -> None:
        """Agents and providers: instructions, keys."""
        planted = self._next("agent")
        agent = {"name": planted.word(), "instructions": planted.sentence(), "greeting": planted.sentence()}
        await self.send("POST", "/api/v1/agents", json=agent)
        planted = self._next("provider")
        url = self.told["LLM__URL"].partition("?")[0] + "?model=other&local=0"
        name = f"p{time.monotonic_ns()}"
        await self.send(
            "POST",
            "/api/v1/providers",
            201,
            json={"name": name, "url": url, "api_key": planted.secret(), "enabled": False},
        )
        await self.send("POST", f"/api/v1/providers/{name}/test", json={})
        bad = f"openai+https://user:{planted.secret()}@models.example.org/v1?model={planted.word()}"
        await self.send("POST", "/api/v1/providers", json={"name": name + "b", "url": bad})


async def collected(doors: Doors) -> dict[str, str]:
    """Where values could come out, once everything is well again: text by place."""
    await _settled(doors)
    doors.strict = True
    metrics = [await _metrics(doors, url) for url in doors.on.urls.values()]
    turns, index = [], []
    listed = json.loads(await doors.send("GET", "/api/v1/conversations", params={"limit": "200"}))
    for one in listed["conversations"]:
        turns.append(json.dumps(one, ensure_ascii=False))
        turns.append(await doors.send("GET", f"/api/v1/conversations/{one['conversation_id']}/turns"))
    for query in ("chapter letter", "card number", "phone", "name", "e-mail address", "IBAN", "social security number"):
        index.append(await doors.send("POST", "/api/v1/search", json={"query": query, "limit": 50}))
    me = json.loads(await doors.send("GET", "/api/v1/me"))
    return {
        "metrics": "\n".join(metrics),
        "errors": "\n".join(doors.refusals),
        "stored turns": "\n".join(turns),
        "index": "\n".join(index),
        "audit log": await doors.send("GET", "/api/v1/audit/export", params={"format": "jsonl"}),
        "export": await _export(doors, str(me.get("subject") or me.get("id"))),
        "logs of recordings": await _recordings(doors),
    }


async def _settled(doors: Doors) -> None:
    """Every document read or given up, so that the index holds what it will hold."""
    ends_at_s = time.monotonic() + READ_S
    while time.monotonic() < ends_at_s:
        listed = json.loads(await doors.send("GET", "/api/v1/documents", 200, params={"limit": "200"}))
        states = [one["state"] for one in listed["items"]]
        if all(state in ("ready", "failed") for state in states):
            print(f"    documents: {states.count('ready')} ready, {states.count('failed')} failed")
            return
        await asyncio.sleep(1.0)
    raise TimeoutError("documents are still being read")


async def _metrics(doors: Doors, url: str) -> str:
    async with aiohttp.ClientSession() as client, client.get(f"{url}/metrics", headers=SCRAPE) as answer:
        assert answer.status == 200, url
        return await answer.text()


async def _export(doors: Doors, subject: str) -> str:
    async with doors.client.post("/api/v1/privacy/exports", json={"subject": subject}) as answer:
        data = await answer.read()
        assert answer.status == 200, data[:300]
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return "\n".join(
            file.read(name).decode(errors="replace") for name in file.namelist() if not name.endswith(".wav")
        )


async def _recordings(doors: Doors) -> str:
    """The event logs of recordings, opened; those that are still to be bleeped are waited for."""
    folder = Path(doors.told["RECORDINGS__DIR"])
    ends_at_s = time.monotonic() + BLEEPED_S
    while time.monotonic() < ends_at_s and any(folder.glob("rec_*/*raw*")):
        await asyncio.sleep(1.0)
    found = []
    with tempfile.TemporaryDirectory() as name:
        for one in sorted(folder.glob("rec_*"))[:OPENED]:
            with contextlib.suppress(AssertionError):
                to = Path(name) / one.name
                await asyncio.to_thread(
                    _command, doors.on, doors.told, "encryption", "open-recording", str(one), str(to)
                )
                found += [
                    path.read_text(errors="replace") for path in to.iterdir() if path.suffix not in (".wav", ".pcm")
                ]
    print(f"    recordings opened: {len(found)} files")
    return "\n".join(found)
