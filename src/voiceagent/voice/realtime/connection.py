"""One client on the realtime socket: reads its events, performs them on the session, writes what the session tells. Knows no model."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from voiceagent.domain.audio import SPEECH_RATE_HZ, pcm_seconds
from voiceagent.kit.errors import Problem, TooLarge, Unsupported
from voiceagent.voice.realtime.contract import Session
from voiceagent.voice.realtime.patience import Patience
from voiceagent.voice.realtime.sound import Incoming, Outgoing, recording
from voiceagent.voice.wire import client
from voiceagent.voice.wire.config import SessionConfig
from voiceagent.voice.wire.encode import WireEncoder

_log = structlog.get_logger(__name__)


class Ending(Enum):
    """Why a connection is over, and the close code that the client gets (clients of the protocol reconnect on 1001 to 1013)."""

    CLIENT_GONE = None
    SESSION_OVER = 1000
    EXPIRED = 1001
    CRASHED = 1011
    CLIENT_DOES_NOT_READ = 1013


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """max_session_s: a connection is closed after that long.  write_s: a client that takes nothing for so long is let go."""

    max_session_s: float = 3_600.0
    write_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Terms:
    """How a connection is served. recognise: words of s16le mono 16 kHz.  extensions: the client wants events of ours, too."""

    opened_at: datetime
    recognise: Callable[[bytes], Awaitable[str]]
    extensions: bool = False
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)


class _Stalled(Exception):
    """The client does not read."""


class Connection:
    """Owns the socket from session.created to the close."""

    def __init__(self, socket: WebSocket, session: Session, config: SessionConfig, terms: Terms) -> None:
        self._socket = socket
        self._session = session
        self._config = config
        self._limits = terms.limits
        self._recognise = terms.recognise
        self._expires_at = int(terms.opened_at.timestamp() + terms.limits.max_session_s)
        self._incoming = Incoming(config.input_format)
        self._outgoing = Outgoing(lambda: self._config.output_format)
        self._encoder = WireEncoder(
            self._response_settings, self._outgoing.push, last=self._outgoing.last, extensions=terms.extensions
        )
        self._writing = asyncio.Lock()
        self._patience = Patience(lambda: session.owes, self._working) if terms.extensions else None

    async def run(self) -> None:
        """Talk until one side ends it. The session is closed in every case."""
        ending = Ending.CLIENT_GONE
        try:
            ending = await self._talk()
        finally:
            await self._session.close(ending.name.lower())
            if ending.value is not None:
                await self._close_socket(ending.value)

    async def _talk(self) -> Ending:
        await self._send(self._session_event("session.created"))
        tasks: set[asyncio.Task[Any]] = {
            asyncio.create_task(self._read(), name="read"),
            asyncio.create_task(self._write(), name="write"),
        }
        if self._patience is not None:
            tasks.add(asyncio.create_task(self._patience.run(), name="patience"))
        try:
            done, _ = await asyncio.wait(tasks, timeout=self._limits.max_session_s, return_when=asyncio.FIRST_COMPLETED)
            return await self._ending(done)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ending(self, done: set[asyncio.Task[Ending]]) -> Ending:
        if not done:
            expired = Problem("session_expired", "the session has reached its longest duration")
            with contextlib.suppress(_Stalled, WebSocketDisconnect):
                await self._send(self._encoder.error(expired))
            return Ending.EXPIRED
        failures = [failure for task in done if (failure := task.exception()) is not None]
        if not failures:
            return next(iter(done)).result()
        if isinstance(failures[0], _Stalled):
            return Ending.CLIENT_DOES_NOT_READ
        if isinstance(failures[0], WebSocketDisconnect):
            return Ending.CLIENT_GONE
        place = _place(failures[0])
        _log.error(
            "connection_crashed", session_id=self._session.session_id, error=type(failures[0]).__name__, where=place
        )
        return Ending.CRASHED

    async def _read(self) -> Ending:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return Ending.CLIENT_GONE
            await self._take(message)
            await asyncio.sleep(0)  # a client that never pauses must not keep the loop from the others

    async def _write(self) -> Ending:
        async for event in self._session.events():
            for message in self._encoder.encode(event):
                await self._send(message)
        return Ending.SESSION_OVER

    async def _take(self, message: Any) -> None:
        """Perform one frame: text is an event, binary is sound. A bad one is answered with an error event."""
        event_id: str | None = None
        try:
            text = message.get("text")
            if text is None:
                await self._append(message.get("bytes") or b"")
                return
            parsed = client.parse(text)
            event_id = client.event_id_of(parsed)
            await self._perform(client.decode(parsed, self._session.items.get))
        except Problem as problem:
            await self._send(self._encoder.error(problem, client_event_id=event_id))
        except (_Stalled, WebSocketDisconnect):
            raise
        except Exception as error:  # noqa: BLE001 the boundary: one event that we fail on must not end a call
            place = _place(error)
            _log.error("event_failed", session_id=self._session.session_id, error=type(error).__name__, where=place)
            internal = Problem("internal", "something went wrong inside")
            await self._send(self._encoder.error(internal, client_event_id=event_id))

    async def _perform(self, event: client.ClientEvent) -> None:
        session = self._session
        match event:
            case client.AppendAudio():
                await self._append(event.audio)
            case client.UpdateSession():
                await self._update(event.change)
            case client.CommitAudio():
                session.commit_audio()
            case client.ClearAudio():
                session.clear_audio()
            case client.AddItem():
                await self._add(event)
            case client.DeleteItem():
                session.delete_item(event.item_id)
            case client.RetrieveItem():
                session.retrieve_item(event.item_id)
            case client.TruncateItem():
                session.truncate_item(event.item_id, event.audio_end_ms)
            case client.CreateResponse():
                self._check_response(event)
                session.create_response(event.options)
            case client.CancelResponse():
                session.cancel_response(event.response_id)
            case client.Playback():
                session.played(event.item_id, event.played_ms)

    async def _add(self, event: client.AddItem) -> None:
        """Add an item; sound becomes words first. What the client sends next waits, so that the order holds."""
        item = event.item
        if event.sound is not None:
            pcm = await recording(event.sound, self._config.input_format)
            audio_ms = round(pcm_seconds(pcm, SPEECH_RATE_HZ) * 1000)
            item = replace(item, text=await self._recognise(pcm), audio_ms=audio_ms)
        self._session.add_item(item, event.previous_item_id)

    async def _append(self, audio: bytes) -> None:
        if len(audio) > client.MAX_EVENT_BYTES:
            raise TooLarge("event_too_large", "a frame may be 15 MiB at most")
        for pcm in self._incoming.slices(audio):
            self._session.on_frame(pcm)
            await asyncio.sleep(0)

    async def _update(self, change: object) -> None:
        config = self._config.updated(change, audio_was_produced=self._encoder.audio_was_produced)
        self._session.update(config.settings())
        self._config = config
        self._incoming.use(config.input_format)
        await self._send(self._session_event("session.updated"))

    def _check_response(self, event: client.CreateResponse) -> None:
        if self._config.transcription_only:
            raise Unsupported("unsupported_event", "a transcription session gives no answers", param="type")
        output = self._config.document["audio"]["output"]
        if event.voice not in (None, output["voice"]):
            message = "one answer cannot have a voice of its own; set session.audio.output.voice"
            raise Unsupported("unsupported_response_voice", message, param="response.audio.output.voice")
        if event.format not in (None, self._config.output_format):
            message = "one answer cannot have a format of its own; set session.audio.output.format"
            raise Unsupported("unsupported_response_format", message, param="response.audio.output.format")

    async def _working(self) -> None:
        """Nothing was said for a while, and the caller waits."""
        await self._send(self._encoder.stamped({"type": "voiceagent.working"}))

    def _session_event(self, kind: str) -> dict[str, Any]:
        extension = {"conversation_id": self._session.conversation_id}
        session = self._config.rendered(self._session.session_id, self._expires_at, extension)
        return self._encoder.stamped({"type": kind, "session": session})

    def _response_settings(self) -> dict[str, Any]:
        document = self._config.document
        output = document["audio"]["output"]
        return {
            "conversation_id": self._session.conversation_id,
            "max_output_tokens": document["max_output_tokens"],
            "audio": {"output": {"format": output["format"], "voice": output["voice"]}},
        }

    async def _send(self, message: dict[str, Any]) -> None:
        if self._patience is not None:
            self._patience.sent()
        try:
            async with asyncio.timeout(self._limits.write_s):
                async with self._writing:
                    await self._socket.send_text(json.dumps(message, ensure_ascii=False, separators=(",", ":")))
        except TimeoutError as error:
            raise _Stalled from error

    async def _close_socket(self, code: int) -> None:
        # It may be gone already, or still not read: a close is worth a second, no more.
        with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
            async with asyncio.timeout(1.0):
                await self._socket.close(code)


def _place(error: BaseException) -> str:
    """Module and line where `error` was raised; its text may hold what people said and stays out of the log."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace is not None else ""
