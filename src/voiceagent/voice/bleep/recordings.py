"""Bleeps recordings in a folder, one at a time, after their calls: recognises them anew with word times, then writes them once more."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soxr
import structlog

from voiceagent.domain.audio import SAMPLE_BYTES, SPEECH_RATE_HZ, Word
from voiceagent.domain.pii.bleep import Interval, words_to_bleep
from voiceagent.domain.provider import Asker
from voiceagent.domain.recording import ABOUT_FILE, LOG_FILE, RAW_FILE, RecordingAbout, unpacked
from voiceagent.kit.crypto_envelope import WrappingKey
from voiceagent.kit.crypto_frames import SealedFrames, opened_frames
from voiceagent.kit.errors import Problem
from voiceagent.ports.keys import Keys
from voiceagent.ports.speech import SpeechProviders
from voiceagent.ports.stt import SpeechToText
from voiceagent.voice.bleep.spoken import utterances
from voiceagent.voice.bleep.tone import bleeped, shape_of
from voiceagent.voice.routes.long_audio import Hints, transcribe

_log = structlog.get_logger(__name__)

SOUND = ("caller.pcm", "agent.pcm")
AGAIN_S = 60.0
LEFT_BEHIND_S = 3600.0
"""A raw recording that nobody has written to for so long belongs to a process that ended without its last word."""
_FRAME_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class _Files:
    """One recording, opened. rates_hz: of each sound."""

    folder: Path
    about: RecordingAbout
    data: dict[str, bytes]
    rates_hz: dict[str, int]


@dataclass(slots=True)
class Bleeper:
    """Makes the recordings in `folder` final. keys: with which they are encrypted.

    Until then RAW_FILE lies in a recording. It goes on when a process starts again; a recogniser that is away only delays it.
    """

    folder: Path
    speech: SpeechProviders
    keys: Keys | None = None
    now_s: Callable[[], float] = time.time
    _ended: set[str] = field(default_factory=set)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def ended(self, recording_id: str) -> None:
        """The call of this recording is over, all of it is written."""
        self._ended.add(recording_id)
        self._news.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._news.clear()
            await self.run_all()
            try:
                await asyncio.wait_for(self._news.wait(), AGAIN_S)
            except TimeoutError:
                continue

    async def run_all(self) -> int:
        """Bleep what can be bleeped now; how many recordings became final."""
        done = 0
        for path in await asyncio.to_thread(self._due):
            try:
                await self._finish(path)
            except (OSError, ValueError, KeyError, TypeError, Problem) as error:
                _log.warning("recording_not_bleeped", recording_id=path.name, error=type(error).__name__)
                continue
            self._ended.discard(path.name)
            done += 1
        return done

    def _due(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        raw = sorted(path for path in self.folder.iterdir() if (path / RAW_FILE).exists())
        return [path for path in raw if path.name in self._ended or self._is_left_behind(path)]

    def _is_left_behind(self, path: Path) -> bool:
        return self.now_s() - max(file.stat().st_mtime for file in path.iterdir()) > LEFT_BEHIND_S

    async def _finish(self, path: Path) -> None:
        about = unpacked(await asyncio.to_thread((path / ABOUT_FILE).read_bytes))
        keys = await self.keys.of(about.tenant_id) if self.keys is not None else None
        files = await asyncio.to_thread(_read, path, about, keys.keys if keys is not None else {})
        stt = self.speech.hearing(Asker(about.tenant_id))
        for name in SOUND:
            if files.data.get(name):
                intervals = await _intervals(stt, files.data[name], files.rates_hz[name])
                files.data[name] = await asyncio.to_thread(bleeped, files.data[name], intervals, files.rates_hz[name])
        place = ("recording", about.tenant_id, path.name)
        seal = SealedFrames(keys.active, *place) if keys is not None else None
        await asyncio.to_thread(_write, files, seal)


async def _intervals(stt: SpeechToText, pcm: bytes, rate_hz: int) -> tuple[Interval, ...]:
    speech = pcm if rate_hz == SPEECH_RATE_HZ else await asyncio.to_thread(_resampled, pcm, rate_hz)
    words, unheard = await _recognised(stt, speech)
    return (*await asyncio.to_thread(words_to_bleep, words), *unheard)


async def _recognised(stt: SpeechToText, speech: bytes) -> tuple[list[Word], list[Interval]]:
    """The words, and the parts with sound of which no word was understood: nobody can say what is in them."""
    words: list[Word] = []
    unheard: list[Interval] = []
    for start_s, part in await asyncio.to_thread(lambda: list(utterances(speech))):
        async for piece in transcribe(stt, part, Hints(words=True)):
            at_s = start_s + piece.start_s
            if not piece.words:
                if piece.transcript.text.strip():
                    raise ValueError("words without times")
                unheard.append(Interval(at_s, at_s + piece.duration_s, ()))
            words += (Word(word.text, word.start_s + start_s, word.end_s + start_s) for word in piece.words)
    return words, unheard


def _resampled(pcm: bytes, rate_hz: int) -> bytes:
    samples = np.frombuffer(pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES], "<i2")
    return np.asarray(soxr.resample(samples, rate_hz, SPEECH_RATE_HZ), "<i2").tobytes()


def _read(path: Path, about: RecordingAbout, keys: Mapping[str, WrappingKey]) -> _Files:
    place = ("recording", about.tenant_id, path.name)
    data = {
        name: opened_frames((path / name).read_bytes(), keys, name, *place)
        for name in (LOG_FILE, *SOUND)
        if (path / name).exists()
    }
    entries = [json.loads(line) for line in data.get(LOG_FILE, b"").decode().splitlines()]
    rates = {entry["rate_hz"] for entry in entries if entry["kind"] == "sound"}
    if len(rates) > 1:
        raise ValueError("sound of several rates in one file")
    data[LOG_FILE] = b"".join(f"{json.dumps(shape_of(entry), separators=(',', ':'))}\n".encode() for entry in entries)
    return _Files(path, about, data, {"caller.pcm": SPEECH_RATE_HZ, "agent.pcm": (rates or {SPEECH_RATE_HZ}).pop()})


def _write(files: _Files, seal: SealedFrames | None) -> None:
    """Each file anew beside the old one, the old one overwritten; the mark goes last, so that a crash only makes it happen again."""
    for name, data in files.data.items():
        new = files.folder / f"{name}.new"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for at in range(0, len(data), _FRAME_BYTES):
                piece = data[at : at + _FRAME_BYTES]
                file.write(piece if seal is None else seal.appended(name, piece))
            file.flush()
            os.fsync(file.fileno())
        with (files.folder / name).open("r+b") as old:
            size = os.fstat(old.fileno()).st_size
            new.replace(files.folder / name)
            for at in range(0, size, _FRAME_BYTES):
                old.write(bytes(min(_FRAME_BYTES, size - at)))
            old.flush()
            os.fsync(old.fileno())
    (files.folder / RAW_FILE).unlink()
