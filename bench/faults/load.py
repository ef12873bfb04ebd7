"""Callers of a stand: spoken calls, requests and uploads without end, with what each had to wait for and what was acknowledged to it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import math
import struct
from dataclasses import dataclass, field
from typing import Any

import aiohttp

RATE_HZ = 24_000
TONE = base64.b64encode(
    b"".join(struct.pack("<h", round(9_000 * math.sin(2 * math.pi * 300 * at / RATE_HZ))) for at in range(RATE_HZ // 5))
).decode()
MANUAL = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
PATIENCE_S = 25.0
"""A caller waits no longer than this for anything."""
GATEWAY_PATIENCE_S = 2.5
"""Without a word for so long while it waits for one, a client goes to the other address of the gateway."""
_TAKEN_UP_S = 0.5
"""A call that goes on hears the answer that it still owes within this."""
ERRORS = (aiohttp.ClientError, OSError, TimeoutError, ConnectionError)


@dataclass
class Seen:
    """What callers met. waits: (seconds, for what) of every silence of a call.  turns: acknowledged ones by conversation."""

    waits: list[tuple[float, str]] = field(default_factory=list)
    rest_waits: list[tuple[float, str]] = field(default_factory=list)
    turns: list[tuple[str, str]] = field(default_factory=list)
    documents: list[tuple[str, str]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    completed: int = 0
    taken_up: int = 0

    def longest(self) -> tuple[float, str]:
        """The longest silence of a call."""
        return max(self.waits, default=(0.0, ""))


class TurnFailed(Exception):
    """The call was told that this turn came to nothing."""


class Call:
    """One client on the realtime socket. waits: where its silences go.  patience_s: the longest that it takes."""

    def __init__(self, client: aiohttp.ClientSession, seen: Seen, *, patience_s: float = PATIENCE_S) -> None:
        self._client = client
        self._seen = seen
        self._patience_s = patience_s
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self.conversation_id = ""

    @property
    def is_open(self) -> bool:
        return self._socket is not None and not self._socket.closed

    async def connect(self, gateway: str) -> None:
        """Open the socket, in the conversation of the one before if there was one."""
        resumed = f"&conversation_id={self.conversation_id}" if self.conversation_id else ""
        url = f"{gateway.replace('http', 'ws', 1)}/v1/realtime?model=voiceagent&extensions=1{resumed}"
        with self._waiting("connect"):
            async with asyncio.timeout(self._patience_s):
                self._socket = await self._client.ws_connect(url, max_msg_size=2**24)
                created = await self._event()
        self.conversation_id = str(created["session"]["voiceagent"]["conversation_id"])
        if resumed:
            await self._taken_up()
        await self._socket.send_json({"type": "session.update", "session": MANUAL})

    async def _taken_up(self) -> None:
        """What was asked before the call broke is answered now, if it never was."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TAKEN_UP_S):
                while (await self._event())["type"] != "response.created":
                    pass
            async with asyncio.timeout(self._patience_s):
                while (await self._event())["type"] != "response.done":
                    pass
            self._seen.taken_up += 1

    async def turn(self) -> str:
        """Say something, take the answer; returns what was understood. Raises TurnFailed, or OSError when the call is over."""
        assert self._socket is not None
        await self._socket.send_json({"type": "input_audio_buffer.append", "audio": TONE})
        await self._socket.send_json({"type": "input_audio_buffer.commit"})
        await self._socket.send_json({"type": "response.create"})
        understood, sound, failed = "", 0, ""
        last = "commit"
        while True:
            with self._waiting(f"after {last}"):
                async with asyncio.timeout(self._patience_s):
                    event = await self._event()
            last = str(event["type"])
            if last == "conversation.item.input_audio_transcription.completed":
                understood = str(event["transcript"])
            elif last == "response.output_audio.delta":
                sound += len(event["delta"])
            elif last == "error":
                failed = failed or str(event["error"]["code"])
            elif last == "response.done":
                status = event["response"]["status"]
                if status != "completed" or failed or not sound or not understood:
                    raise TurnFailed(failed or f"{status} {event['response'].get('status_details')}"[:120])
                return understood

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()

    async def _event(self) -> dict[str, Any]:
        assert self._socket is not None
        message = await self._socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionResetError(f"closed {self._socket.close_code}")
        told: dict[str, Any] = json.loads(message.data)
        return told

    def _waiting(self, what: str) -> _Wait:
        return _Wait(self._seen, what)


class _Wait:
    """Measures one silence."""

    def __init__(self, seen: Seen, what: str) -> None:
        self._seen, self._what = seen, what

    def __enter__(self) -> None:
        self._from_s = asyncio.get_running_loop().time()

    def __exit__(self, *_: object) -> None:
        self._seen.waits.append((asyncio.get_running_loop().time() - self._from_s, self._what))


async def calls(
    client: aiohttp.ClientSession, gateways: tuple[str, ...], seen: Seen, *, first: int, patience_s: float
) -> None:
    """A call without end: what is cut off goes on at the next gateway, in the same conversation. Runs until cancelled."""
    call = Call(client, seen, patience_s=patience_s)
    at = first
    try:
        while True:
            try:
                if not call.is_open:
                    await call.connect(gateways[at % len(gateways)])
                understood = await call.turn()
                seen.turns.append((call.conversation_id, understood))
                seen.completed += 1
                await asyncio.sleep(0.4)
            except TurnFailed as failure:
                seen.failed.append(f"turn: {failure}")
                await asyncio.sleep(0.25)
            except (*ERRORS, TypeError, ValueError) as failure:
                seen.failed.append(f"call at {at % len(gateways)}: {failure!r}"[:120])
                await call.close()
                at += 1
                await asyncio.sleep(0.25)
    finally:
        await call.close()


async def requests(client: aiohttp.ClientSession, gateways: tuple[str, ...], seen: Seen) -> None:
    """Reads and chat completions, turn about. Runs until cancelled."""
    loop = asyncio.get_running_loop()
    for number in itertools.count():
        begun_s, gateway = loop.time(), gateways[number % len(gateways)]
        try:
            if number % 2:
                await chatted(client, gateway)
            else:
                await listed(client, gateway)
            seen.completed += 1
        except ERRORS as failure:
            seen.failed.append(f"request: {failure!r}"[:120])
        seen.rest_waits.append((loop.time() - begun_s, "request"))
        await asyncio.sleep(0.5)


async def uploads(client: aiohttp.ClientSession, gateways: tuple[str, ...], seen: Seen) -> None:
    """Small documents. Runs until cancelled."""
    loop = asyncio.get_running_loop()
    for number in itertools.count():
        begun_s = loop.time()
        word = f"keeper{int(begun_s * 1000)}"
        try:
            document_id = await uploaded(client, gateways[number % len(gateways)], word)
            seen.documents.append((document_id, word))
        except ERRORS as failure:
            seen.failed.append(f"upload: {failure!r}"[:120])
        seen.rest_waits.append((loop.time() - begun_s, "upload"))
        await asyncio.sleep(1.5)


async def chatted(client: aiohttp.ClientSession, gateway: str) -> None:
    """A chat completion, or an error."""
    body = {"model": "default", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 16}
    async with client.post(f"{gateway}/v1/chat/completions", json=body) as answer:
        answer.raise_for_status()
        await answer.read()


async def listed(client: aiohttp.ClientSession, gateway: str) -> None:
    """A page of conversations, or an error."""
    async with client.get(f"{gateway}/api/v1/conversations?limit=1") as answer:
        answer.raise_for_status()
        await answer.read()


async def uploaded(client: aiohttp.ClientSession, gateway: str, word: str) -> str:
    """The id of a new document about `word`."""
    form = aiohttp.FormData()
    form.add_field("file", f"The lighthouse is called {word}.".encode(), filename=f"{word}.txt")
    async with client.post(f"{gateway}/api/v1/documents", data=form) as answer:
        answer.raise_for_status()
        return str((await answer.json())["document_id"])


async def found(client: aiohttp.ClientSession, gateway: str, word: str) -> bool:
    """Whether the search finds the document about `word`."""
    async with client.post(f"{gateway}/api/v1/search", json={"query": f"Which lighthouse is called {word}?"}) as answer:
        answer.raise_for_status()
        return word in await answer.text()


async def state(client: aiohttp.ClientSession, gateway: str, document_id: str) -> str:
    """How far the document has come."""
    async with client.get(f"{gateway}/api/v1/documents/{document_id}") as answer:
        answer.raise_for_status()
        return str((await answer.json())["state"])
