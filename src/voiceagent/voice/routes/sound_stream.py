"""Encodes speech while it is being made: the first bytes leave before the last word is spoken."""

from __future__ import annotations

import io
import struct

import numpy as np
import soundfile

from voiceagent.domain.audio import SAMPLE_BYTES, WIRE_RATE_HZ
from voiceagent.kit.errors import Unsupported

MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg; codecs=opus",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
_CONTAINERS = {"mp3": ("MP3", "MPEG_LAYER_III"), "opus": ("OGG", "OPUS"), "flac": ("FLAC", "PCM_16")}
_STEADY = {"bitrate_mode": "CONSTANT", "compression_level": 0.6}
"""64 kbit/s: readers of a stream without a header take the length of an MP3 from its first frame and its size."""

_NEEDS_ITS_LENGTH = ("flac",)
"""Readers of these trust the length in the header, so nothing leaves before it is known."""


class _Growing(io.RawIOBase):
    """A file in memory that gives away what was appended.

    Encoders go back to fill in a header when they know the length. What is gone by then stays as it was: players cope.
    """

    def __init__(self) -> None:
        self._place = 0
        self._gone = 0
        self._kept = bytearray()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        end = self._gone + len(self._kept)
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: end}[whence]
        self._place = start + offset
        return self._place

    def tell(self) -> int:
        return self._place

    def write(self, data: object) -> int:
        raw = bytes(data)  # type: ignore[call-overload]
        start, self._place = self._place - self._gone, self._place + len(raw)
        late = raw[max(0, -start) :]
        start = max(0, start)
        self._kept[start : start + len(late)] = late
        return len(raw)

    def take(self) -> bytes:
        """What was appended since the last call."""
        fresh, self._kept = bytes(self._kept), bytearray()
        self._gone += len(fresh)
        return fresh


class SoundStream:
    """Turns s16le mono 24 kHz into the bytes of a file, piece by piece. Not thread-safe: one call at a time."""

    def __init__(self, container: str) -> None:
        """Raises Unsupported `unsupported_response_format`."""
        if container not in MEDIA_TYPES:
            known = ", ".join(sorted(MEDIA_TYPES))
            message = f"This installation cannot make {container}; it can make {known}."
            raise Unsupported("unsupported_response_format", message, param="response_format")
        self._header = _wav_header() if container == "wav" else b""
        self._whole = container in _NEEDS_ITS_LENGTH
        self._file = _Growing()
        self._encoder: soundfile.SoundFile | None = None
        if container in _CONTAINERS:
            form, subtype = _CONTAINERS[container]
            more = _STEADY if container == "mp3" else {}
            self._encoder = soundfile.SoundFile(
                self._file, "w", samplerate=WIRE_RATE_HZ, channels=1, format=form, subtype=subtype, **more
            )

    def push(self, pcm: bytes) -> bytes:
        """What `pcm` adds to the file; may be empty while the encoder collects a frame."""
        if self._encoder is None:
            header, self._header = self._header, b""
            return header + pcm
        self._encoder.write(np.frombuffer(pcm, dtype="<i2"))
        return b"" if self._whole else self._file.take()

    def finish(self) -> bytes:
        """The rest of the file."""
        if self._encoder is not None:
            self._encoder.close()
        return self._file.take()


def _wav_header() -> bytes:
    """The header of a WAV whose length is not known yet: the sizes say "to the end"."""
    unknown, rate = 0xFFFFFFFF, WIRE_RATE_HZ
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * SAMPLE_BYTES, SAMPLE_BYTES, 16)
    return struct.pack("<4sI4s", b"RIFF", unknown, b"WAVE") + form + struct.pack("<4sI", b"data", unknown)
