"""The flight recorder: each session as an event log with its audio, from which `replay` drives the turn machine again.

Not the system of record: losing a recording loses no turn. Recordings hold what people said: files are for the owner only.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import IO, Any

import structlog

from voiceagent.domain.recording import ABOUT_FILE, LOG_FILE, RecordingAbout, packed
from voiceagent.kit.crypto_frames import SealedFrames
from voiceagent.kit.errors import InvalidInput, Problem
from voiceagent.kit.offload import Offload
from voiceagent.voice import turn_words
from voiceagent.voice.messages import ReplySound, SessionEvent
from voiceagent.voice.turn import step
from voiceagent.voice.turn_words import TurnEffect, TurnEvent, TurnRules, TurnState

_log = structlog.get_logger(__name__)

FORMAT = 1
FLUSH_EVERY = 50
"""Entries kept in memory before they are handed to the writing thread."""
_WORDS: dict[str, type[Any]] = {
    name: word
    for name, word in vars(turn_words).items()
    if isinstance(word, type) and name not in ("TurnRules", "TurnState")
}


class Recorder:
    """Writes one session into `folder`: `events.jsonl`, `caller.pcm` (s16le 16 kHz), `agent.pcm` (s16le at the voice's rate).

    seal: encrypts all three; None leaves them as they are.  about: whose it is, in a file of its own, so that it can be found and erased.
    """

    def __init__(
        self,
        folder: Path,
        rules: TurnRules,
        writer: Offload,
        seal: SealedFrames | None = None,
        about: RecordingAbout | None = None,
    ) -> None:
        self._seal = seal
        folder.mkdir(parents=True, mode=0o700)
        if about is not None:
            with _open_private(folder / ABOUT_FILE) as file:
                file.write(packed(about))
        self.folder = folder
        self._writer = writer
        self._lines: list[str] = []
        self._caller = bytearray()
        self._agent = bytearray()
        self._writing: asyncio.Task[None] | None = None
        self._note({"kind": "recording", "format": FORMAT, "rules": asdict(rules)})

    def caller(self, pcm: bytes) -> None:
        """Sound of the caller, in order."""
        self._caller += pcm

    def stepped(self, event: TurnEvent, effects: Iterable[TurnEffect]) -> None:
        """One step of the turn machine: what happened and what it wanted."""
        self._note({"kind": "step", "event": _packed(event), "effects": [_packed(effect) for effect in effects]})

    def told(self, at_s: float, event: SessionEvent) -> None:
        """What the client was told. Sound goes into its own file, its place into the log."""
        if isinstance(event, ReplySound):
            self._agent += event.pcm
            self._note(
                {
                    "kind": "sound",
                    "at_s": at_s,
                    "item_id": event.item_id,
                    "bytes": len(event.pcm),
                    "rate_hz": event.rate_hz,
                }
            )
        else:
            self._note({"kind": "told", "at_s": at_s, "event": _packed(event)})

    async def close(self, reason: str) -> None:
        """Write what is left. Idempotent."""
        self._note({"kind": "closed", "reason": reason})
        if self._writing is not None:
            await asyncio.wait({self._writing})
        await self._flush_safely()

    def _note(self, entry: dict[str, Any]) -> None:
        self._lines.append(json.dumps(entry, ensure_ascii=False, separators=(",", ":")))
        idle = self._writing is None or self._writing.done()
        if len(self._lines) >= FLUSH_EVERY and idle:
            self._writing = asyncio.get_running_loop().create_task(self._flush_safely())

    async def _flush_safely(self) -> None:
        """A full disk costs the recording, never the call."""
        try:
            await self._flush()
        except (OSError, Problem) as error:
            _log.warning("recording_lost", error=type(error).__name__)

    async def _flush(self) -> None:
        pieces: list[tuple[str, bytes]] = [
            (LOG_FILE, "".join(f"{line}\n" for line in self._lines).encode()),
            ("caller.pcm", bytes(self._caller)),
            ("agent.pcm", bytes(self._agent)),
        ]
        self._lines.clear()
        self._caller.clear()
        self._agent.clear()
        await self._writer.run(_append, self.folder, pieces, self._seal)


def _append(folder: Path, pieces: list[tuple[str, bytes]], seal: SealedFrames | None) -> None:
    for name, data in pieces:
        with _open_private(folder / name) as file:
            file.write(data if seal is None else seal.appended(name, data))


def _open_private(path: Path) -> IO[bytes]:
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def replay(folder: Path) -> Iterator[tuple[TurnEvent, tuple[TurnEffect, ...], tuple[TurnEffect, ...]]]:
    """Drive the turn machine through a recording: (event, effects now, effects then), step by step.

    Raises InvalidInput `bad_recording` when the log is not one of ours.
    """
    lines = (folder / LOG_FILE).read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    if not entries or entries[0].get("format") != FORMAT:
        raise InvalidInput("bad_recording", "this is not a recording of a session, or of another version")
    state = TurnState(rules=TurnRules(**entries[0]["rules"]))
    for entry in entries:
        if entry["kind"] == "step":
            event = _unpacked(entry["event"])
            state, effects = step(state, event)
            yield event, effects, tuple(_unpacked(effect) for effect in entry["effects"])


def _packed(word: Any) -> dict[str, Any]:
    return {"is": type(word).__name__, **asdict(word)}


def _unpacked(packed: dict[str, Any]) -> Any:
    word = _WORDS[packed["is"]]
    values = {field.name: packed[field.name] for field in fields(word)}
    if "rules" in values:
        values["rules"] = TurnRules(**values["rules"])
    return word(**values)
