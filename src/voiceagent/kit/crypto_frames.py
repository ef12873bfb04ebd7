"""Files that grow while they are encrypted: a head with the wrapped key, then each appended piece as a frame that knows its number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from voiceagent.kit.crypto_envelope import WrappingKey, broken, context_of, decrypted, encrypted, fresh_key

MAGIC = b"\x89VAF1\r\n\x00"
_LENGTH_BYTES = 4


class SealedFrames:
    """Encrypts what is appended to the files of one place. place: words that say where they are, such as tenant and id."""

    def __init__(self, wrapping: WrappingKey, *place: str) -> None:
        self._place = place
        self._data_key = fresh_key()
        key_id = wrapping.key_id.encode()
        wrapped = wrapping.wrap(self._data_key, context_of("frames", *place))
        self._head = MAGIC + _sized(key_id) + _sized(wrapped)
        self._numbers: dict[str, int] = {}

    def appended(self, name: str, data: bytes) -> bytes:
        """What to append to the file `name` for `data`; nothing for nothing."""
        if not data:
            return b""
        number = self._numbers.get(name, 0)
        self._numbers[name] = number + 1
        frame = _sized(encrypted(self._data_key, data, context_of("frame", *self._place, name, str(number))))
        return frame if number else self._head + frame


def opened_frames(data: bytes, keys: Mapping[str, WrappingKey], name: str, *place: str) -> bytes:
    """What was appended to the file `name`, without a last frame that was cut off; a file that was never sealed is given back as it is.

    Raises Problem `sealed_data_broken`.
    """
    if not data.startswith(MAGIC):
        return data
    pieces = _pieces(data[len(MAGIC) :])
    wrapping = keys.get(next(pieces, b"").decode("ascii", "replace"))
    if wrapping is None:
        raise broken()
    data_key = wrapping.unwrap(next(pieces, b""), context_of("frames", *place))
    return b"".join(
        decrypted(data_key, frame, context_of("frame", *place, name, str(number)))
        for number, frame in enumerate(pieces)
    )


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(_LENGTH_BYTES) + data


def _pieces(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + _LENGTH_BYTES <= len(data):
        size = int.from_bytes(data[at : at + _LENGTH_BYTES])
        piece = data[at + _LENGTH_BYTES : at + _LENGTH_BYTES + size]
        if len(piece) < size:
            return  # the process or the power ended while it was written
        yield piece
        at += _LENGTH_BYTES + size
