"""Sound of a connection between the wire's format and ours. Keeps the converters; decides nothing about the conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from voiceagent.domain.audio import AudioFormat
from voiceagent.voice.codec import Decoder, Encoder
from voiceagent.voice.messages import ReplySound

SLICE_S = 0.5
"""Longest sound converted in one go: about 1 ms of work, so that a large append does not hold up other calls."""


class Incoming:
    """The caller's sound: whatever a client appends, as s16le mono 16 kHz."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._format = audio_format
        self._decoder = Decoder(audio_format)

    def use(self, audio_format: AudioFormat) -> None:
        """From now on the client sends this format."""
        if audio_format != self._format:
            self._format, self._decoder = audio_format, Decoder(audio_format)

    def slices(self, audio: bytes) -> Iterator[bytes]:
        """The sound in pieces of at most SLICE_S seconds."""
        step = int(self._format.bytes_per_second * SLICE_S)
        for start in range(0, len(audio), step):
            yield self._decoder.push(audio[start : start + step])

    def rest(self) -> bytes:
        """What the converter still holds; after it a new stream begins."""
        return self._decoder.flush()


async def recording(audio: bytes, audio_format: AudioFormat) -> bytes:
    """A whole recording of a client, as s16le mono 16 kHz. Lets others run in between."""
    incoming, pieces = Incoming(audio_format), list[bytes]()
    for piece in incoming.slices(audio):
        pieces.append(piece)
        await asyncio.sleep(0)
    return b"".join([*pieces, incoming.rest()])


class Outgoing:
    """The sound of answers in the client's format; an answer keeps the format that it began with."""

    def __init__(self, audio_format: Callable[[], AudioFormat]) -> None:
        self._format = audio_format
        self._encoders: dict[str, Encoder] = {}

    def push(self, event: ReplySound) -> bytes:
        """The next piece of an answer."""
        encoder = self._encoders.get(event.response_id)
        if encoder is None:
            encoder = self._encoders[event.response_id] = Encoder(event.rate_hz, self._format())
        return encoder.push(event.pcm)

    def last(self, response_id: str) -> bytes:
        """What the converter still holds of an answer that is over."""
        encoder = self._encoders.pop(response_id, None)
        return encoder.flush() if encoder else b""
