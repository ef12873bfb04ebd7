"""All realtime sessions of this process: admits them, gives them their recorder, ends them when the process drains."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from voiceagent.domain.identity import Principal
from voiceagent.domain.recording import RAW_FILE, RecordingAbout
from voiceagent.kit.crypto_frames import SealedFrames
from voiceagent.kit.errors import Unavailable
from voiceagent.kit.ids import new_id
from voiceagent.kit.offload import Offload
from voiceagent.ports.keys import Keys
from voiceagent.voice import metrics
from voiceagent.voice.bleep.recordings import Bleeper
from voiceagent.voice.messages import SessionSettings
from voiceagent.voice.recorder import Recorder
from voiceagent.voice.rules import rules_of
from voiceagent.voice.session import VoiceSession
from voiceagent.voice.stage import VoiceParts


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """live: sessions at a time; more are refused, those that run lose nothing.  recordings_bytes: oldest go first over this."""

    live: int = 32
    recordings_bytes: int = 1 << 30


class Sessions:
    """Opens and counts sessions. recordings: folder of the flight recorder, None for no recordings.  keys: encrypt them.

    bleeper: is told when a recording can be bleeped; None: they stay as they were heard.
    """

    def __init__(
        self,
        parts: VoiceParts,
        *,
        recordings: Path | None = None,
        limits: SessionLimits | None = None,
        keys: Keys | None = None,
        bleeper: Bleeper | None = None,
    ) -> None:
        self._keys = keys
        self._bleeper = bleeper
        self._parts = parts
        self._recordings = recordings
        self._limits = limits or SessionLimits()
        self._live: dict[str, VoiceSession] = {}
        self._opening = 0
        self._draining = False
        self._empty: asyncio.Event | None = None  # set when the last session has ended
        self._writer = Offload("recorder", threads=1)

    def __len__(self) -> int:
        return len(self._live)

    async def open(
        self, principal: Principal, settings: SessionSettings, conversation_id: str | None, agent_id: str
    ) -> VoiceSession:
        """A new session, in a new conversation or in the one named.

        Raises Unavailable `voice_full` or `draining` (both retryable), NotFound `conversation_not_found` or `agent_not_found`.
        """
        if self._draining:
            raise Unavailable("draining", "this server is about to stop", retry_after_s=5.0)
        if len(self._live) + self._opening >= self._limits.live:
            raise Unavailable("voice_full", "as many calls as this server takes are under way", retry_after_s=5.0)
        self._opening += 1
        try:
            opened = await self._parts.engine.open_conversation(
                principal, agent_id=agent_id, conversation_id=conversation_id, channel="voice"
            )
            recorder = await self._recorder(principal, opened.conversation.conversation_id, settings)
        except BaseException:
            self._opening -= 1
            self._tell_empty()
            raise
        self._opening -= 1
        session = VoiceSession(self._parts, principal, opened, settings, recorder)
        session.on_close(lambda: self._forget(session, recorder))
        self._live[session.session_id] = session
        metrics.SESSIONS.set(len(self._live))
        return session

    async def drain(self, *, within_s: float) -> None:
        """Take no more sessions, let those that run go on for `within_s` seconds, then end them, each stored."""
        self._draining = True
        if self._live or self._opening:
            self._empty = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), within_s)
        await asyncio.gather(*(session.close("draining") for session in tuple(self._live.values())))
        self._writer.close()

    def _forget(self, session: VoiceSession, recorder: Recorder | None) -> None:
        self._live.pop(session.session_id, None)
        if recorder is not None and self._bleeper is not None:
            self._bleeper.ended(recorder.folder.name)
        self._tell_empty()
        metrics.SESSIONS.set(len(self._live))

    def _tell_empty(self) -> None:
        if not self._live and not self._opening and self._empty is not None:
            self._empty.set()

    async def _recorder(self, principal: Principal, conversation_id: str, settings: SessionSettings) -> Recorder | None:
        if self._recordings is None:
            return None
        await self._writer.run(_make_room, self._recordings, self._limits.recordings_bytes)
        tenant_id, recording_id, seal = principal.tenant_id, new_id("rec"), None
        about = RecordingAbout(tenant_id, principal.subject, conversation_id, datetime.now(UTC))
        if self._keys is not None:
            seal = SealedFrames((await self._keys.of(tenant_id)).active, "recording", tenant_id, recording_id)
        recorder = Recorder(self._recordings / recording_id, rules_of(settings), self._writer, seal, about)
        if self._bleeper is not None:
            (recorder.folder / RAW_FILE).touch(mode=0o600)
        return recorder


def _make_room(recordings: Path, most_bytes: int) -> None:
    """Remove the oldest recordings until the rest is within `most_bytes`. Ids sort by time of birth."""
    recordings.mkdir(parents=True, mode=0o700, exist_ok=True)
    sizes = [(folder, _size_bytes(folder)) for folder in sorted(recordings.iterdir()) if folder.is_dir()]
    surplus = sum(size for _, size in sizes) - most_bytes
    for folder, size in sizes:
        if surplus <= 0:
            return
        shutil.rmtree(folder, ignore_errors=True)
        surplus -= size


def _size_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())
