"""The recordings of sessions in a folder: whose they are, how old they are, and their removal. Who writes them is the voice module."""

from __future__ import annotations

import shutil
import wave
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path

from voiceagent.domain.recording import ABOUT_FILE, RAW_FILE, RecordingAbout, unpacked
from voiceagent.kit.crypto_envelope import WrappingKey
from voiceagent.kit.crypto_frames import opened_frames

CALLER_HZ = 16_000
AGENT_HZ = 24_000


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded session."""

    folder: Path
    about: RecordingAbout

    @property
    def recording_id(self) -> str:
        return self.folder.name

    @property
    def is_final(self) -> bool:
        """Whether it may be given away: its personal data is bleeped, or need not be."""
        return not (self.folder / RAW_FILE).exists()


class Recordings:
    """Blocking work: call it off the event loop. folder: None where nothing is recorded."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def all(self, tenant_id: str) -> list[Recording]:
        """The recordings of a tenant, oldest first. Those that do not say whose they are belong to nobody, and go by their age on disk."""
        return [one for one in self._found() if one.about.tenant_id == tenant_id]

    def of(self, tenant_id: str, subject: str) -> list[Recording]:
        """The recordings of one person."""
        return [one for one in self.all(tenant_id) if one.about.subject == subject]

    def unowned_before(self, at: datetime) -> list[Path]:
        """Folders without a word about whose they are, written before `at`."""
        return [path for path in self._folders() if _about(path) is None and path.stat().st_mtime < at.timestamp()]

    def _found(self) -> Iterator[Recording]:
        for path in self._folders():
            about = _about(path)
            if about is not None:
                yield Recording(path, about)

    def _folders(self) -> list[Path]:
        if self._folder is None or not self._folder.is_dir():
            return []
        return sorted(path for path in self._folder.iterdir() if path.is_dir() and path.name.startswith("rec_"))


def removed(folder: Path) -> bool:
    """Overwrite the files of a recording and remove it; False when it was gone."""
    if not folder.is_dir():
        return False
    for path in folder.iterdir():
        size = path.stat().st_size
        with path.open("r+b") as file:
            for at in range(0, size, 1 << 20):
                file.write(bytes(min(1 << 20, size - at)))
    shutil.rmtree(folder, ignore_errors=True)
    return True


def opened(recording: Recording, keys: Mapping[str, WrappingKey]) -> dict[str, bytes]:
    """The files of a recording as people use them: sound as WAV, the log as it is. Raises Problem `sealed_data_broken`."""
    place = ("recording", recording.about.tenant_id, recording.recording_id)
    files = {}
    for path in sorted(recording.folder.iterdir()):
        data = path.read_bytes()
        if path.name != ABOUT_FILE:
            data = opened_frames(data, keys, path.name, *place)
        if path.suffix == ".pcm":
            rate_hz = CALLER_HZ if path.stem == "caller" else AGENT_HZ
            files[f"{path.stem}.wav"] = _wav(data, rate_hz)
        else:
            files[path.name] = data
    return files


def _about(folder: Path) -> RecordingAbout | None:
    try:
        return unpacked((folder / ABOUT_FILE).read_bytes())
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _wav(pcm: bytes, rate_hz: int) -> bytes:
    out = BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm[: len(pcm) // 2 * 2])
    return out.getvalue()
