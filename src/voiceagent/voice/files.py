"""Audio files to the inner format and back. What a file is, its first bytes say, never its name; nothing in it is believed uncounted.

WAV, FLAC, Ogg (Opus, Vorbis) and MP3 through libsndfile; 8 to 192 kHz, up to 8 channels, folded into one. NaN and infinity become 0.
A WAV or MP3 that breaks off is taken as far as it goes; a broken FLAC or Ogg is `bad_audio`. Streams of frames: see codec.py.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from voiceagent.domain.audio import SAMPLE_BYTES, SPEECH_RATE_HZ
from voiceagent.kit.errors import InvalidInput, TooLarge, Unsupported
from voiceagent.kit.offload import Offload
from voiceagent.kit.resample import StreamResampler

LONGEST_S = 4 * 3600.0
LARGEST_FILE_BYTES = 2 << 30
MOST_SAMPLES = int(LONGEST_S * 48_000 * 2)
"""Decoded samples of all channels together: four hours of stereo at 48 kHz. Bounds the work that a small file can ask for."""
RATES_HZ = (8_000, 192_000)
MOST_CHANNELS = 8
_BLOCK_FRAMES = 1 << 16
_WRITE_FRAMES = 1 << 14
"""The Vorbis and Opus encoders of libsndfile overflow their stack on very long single writes."""

_POOL = Offload("files", threads=2, queue=64)

_FORMATS = {
    b"RIFF": {"WAV", "WAVEX"},
    b"RIFX": {"WAV", "WAVEX"},
    b"RF64": {"RF64"},
    b"fLaC": {"FLAC"},
    b"OggS": {"OGG"},
    b"ID3": {"MP3", "FLAC"},
}
_SUBTYPES = frozenset(
    "PCM_S8 PCM_U8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE ULAW ALAW VORBIS OPUS MPEG_LAYER_I MPEG_LAYER_II MPEG_LAYER_III".split()
)
_FOREIGN = {4: (b"ftyp",), 0: (b"\x1aE\xdf\xa3", b"FORM", b"#!AMR", b"\x30\x26\xb2\x75", b"caff", b".snd")}
_WRITERS = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "opus": ("OGG", "OPUS"),
}
_OPUS_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
Floats = NDArray[np.float32]


async def decode(data: bytes | Path, *, max_s: float = LONGEST_S) -> bytes:
    """The sound of a file as s16le mono at 16 kHz: 32,000 bytes a second. The loop is never held up.

    Raises InvalidInput `bad_audio` or `audio_empty`, TooLarge `audio_too_long` (counted while decoding) or `audio_too_large`,
    Unsupported `unsupported_audio`.
    """
    made = io.BytesIO()  # grows without copies, unlike a join of hundreds of megabytes, which would hold up the loop
    async for block in blocks(data, max_s=max_s):
        made.write(block)
    return made.getvalue()


async def blocks(data: bytes | Path, *, max_s: float = LONGEST_S) -> AsyncIterator[bytes]:
    """As `decode`, in pieces of a second or two, each decoded when it is asked for: a long file never lies in memory decoded."""
    file = await _POOL.run(_AudioFile, data, max_s)
    while (block := await _POOL.run(file.read)) is not None:
        if block:
            yield block


def encode(pcm: bytes, rate_hz: int, container: str) -> bytes:
    """A file with s16le mono `pcm`. container: wav, flac, mp3, opus (in Ogg), or pcm, which is `pcm` itself. Blocking.

    Raises Unsupported `unsupported_response_format`.
    """
    if container == "pcm":
        return pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES]
    if container not in _WRITERS:
        known = ", ".join([*_WRITERS, "pcm"])
        raise Unsupported(
            "unsupported_response_format", f"{container} cannot be made here, only {known}", param="response_format"
        )
    samples = np.frombuffer(pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES], "<i2").astype(np.int16)
    if container == "opus" and rate_hz not in _OPUS_RATES_HZ:
        resampler = StreamResampler(rate_hz, 24_000)
        samples, rate_hz = np.concatenate([resampler.push(samples), resampler.flush()]), 24_000
    return _written(samples, rate_hz, container)


def _written(samples: NDArray[np.int16], rate_hz: int, container: str) -> bytes:
    made = io.BytesIO()
    kind, subtype = _WRITERS[container]
    try:
        with soundfile.SoundFile(made, "w", rate_hz, 1, subtype, format=kind) as file:
            for at in range(0, len(samples), _WRITE_FRAMES):
                file.write(samples[at : at + _WRITE_FRAMES])
    except (soundfile.SoundFileError, ValueError) as error:
        message = f"{container} cannot be made at {rate_hz} Hz"
        raise Unsupported("unsupported_response_format", message, param="response_format") from error
    return made.getvalue()


class _AudioFile:
    """An open file. Its calls run in the pool, one after the other; forgotten half-way it closes itself."""

    def __init__(self, data: bytes | Path, max_s: float) -> None:
        source = _source(data)
        allowed = _allowed(source.read(12))
        source.seek(0)
        try:
            self._file = soundfile.SoundFile(source)
        except soundfile.SoundFileError as error:
            raise InvalidInput("bad_audio", "the file cannot be read as audio", param="file") from error
        _check_kind(self._file, allowed)
        self._left_samples = MOST_SAMPLES
        self._left_out = int(min(max_s, LONGEST_S) * SPEECH_RATE_HZ)
        self._max_s = min(max_s, LONGEST_S)
        self._heard = False
        self._over = False
        self._resampler = soxr.ResampleStream(self._file.samplerate, SPEECH_RATE_HZ, 1, dtype="float32", quality="HQ")

    def read(self) -> bytes | None:
        """The next piece (b"" when the resampler holds it back), None after the last."""
        if self._over:
            return None
        frames = self._frames()
        self._over = not len(frames)
        if self._over and not self._heard:
            raise InvalidInput("audio_empty", "the file holds no sound", param="file")
        self._heard = True
        samples = self._resampler.resample_chunk(_mono(frames), last=self._over)
        self._left_out -= len(samples)
        if self._left_out < 0:
            raise self._too_long()
        return _pcm(samples)

    def _frames(self) -> Floats:
        """The next decoded frames, float32 [frames, channels]; none at the end."""
        try:
            frames: Floats = self._file.read(_BLOCK_FRAMES // self._file.channels, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise InvalidInput("bad_audio", "the file is damaged or breaks off", param="file") from error
        self._left_samples -= frames.size
        if self._left_samples < 0:
            raise self._too_long()
        return frames

    def _too_long(self) -> TooLarge:
        return TooLarge("audio_too_long", f"the audio is longer than {self._max_s:g} s", param="file")


def _source(data: bytes | Path) -> io.BufferedIOBase:
    size = len(data) if isinstance(data, bytes) else _size(data)
    if size == 0:
        raise InvalidInput("audio_empty", "the file is empty", param="file")
    if size > LARGEST_FILE_BYTES:
        raise TooLarge("audio_too_large", f"the file is larger than {LARGEST_FILE_BYTES >> 20} MiB", param="file")
    return io.BytesIO(data) if isinstance(data, bytes) else data.open("rb")


def _size(path: Path) -> int:
    try:
        if not path.is_file():
            raise InvalidInput("bad_audio", "there is no such file", param="file")
        return path.stat().st_size
    except OSError as error:
        raise InvalidInput("bad_audio", "the file cannot be opened", param="file") from error


def _allowed(head: bytes) -> set[str]:
    """The formats that a file with these first bytes may turn out to be."""
    for magic, formats in _FORMATS.items():
        if head.startswith(magic):
            return formats
    if any(head[at:].startswith(mark) for at, marks in _FOREIGN.items() for mark in marks):
        raise Unsupported(
            "unsupported_audio", "this kind of file is not read; send WAV, FLAC, Ogg or MP3", param="file"
        )
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return {"MP3"}
    raise InvalidInput("bad_audio", "this is not an audio file; send WAV, FLAC, Ogg or MP3", param="file")


def _check_kind(file: soundfile.SoundFile, allowed: set[str]) -> None:
    if file.format not in allowed:
        raise InvalidInput("bad_audio", "the file is not what its first bytes say", param="file")
    if file.subtype not in _SUBTYPES:
        raise Unsupported("unsupported_audio", f"the coding {file.subtype} is not read", param="file")
    if not RATES_HZ[0] <= file.samplerate <= RATES_HZ[1]:
        raise Unsupported("unsupported_audio", f"{file.samplerate} Hz is not read; 8 to 192 kHz are", param="file")
    if not 1 <= file.channels <= MOST_CHANNELS:
        raise Unsupported(
            "unsupported_audio", f"{file.channels} channels are not read; 1 to {MOST_CHANNELS} are", param="file"
        )


def _mono(frames: Floats) -> Floats:
    """Finite, within full scale, channels averaged: float32 [frames]."""
    clean = np.clip(np.nan_to_num(frames, nan=0.0, posinf=0.0, neginf=0.0), -1.0, 1.0)
    mean: Floats = clean[:, 0] if clean.shape[1] == 1 else clean.mean(axis=1, dtype=np.float32)
    return np.ascontiguousarray(mean)


def _pcm(samples: Floats) -> bytes:
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes()
