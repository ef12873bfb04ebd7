"""Random and bent input for every parser that is ours, for as long as told: a value, or a problem with a 4xx status, is right; all else is a crash.

`python -m bench.security.parsers [--seconds 20]` (for each). Prints cases, refusals and crashes by parser, and its slowest case.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import struct
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from voiceagent.domain.audio import WIRE_PCM, WIRE_PCMA, WIRE_PCMU
from voiceagent.domain.identity import Principal
from voiceagent.gateway.passing.headers import check_path, content_length, request_headers, response_headers
from voiceagent.gateway.identity import breached, guessable, keys, totp
from voiceagent.kit.errors import Problem
from voiceagent.voice import codec, files
from voiceagent.voice.wire import client
from voiceagent.web.jwt import TokenKeys
from voiceagent.web.sse import ServerEvent
from voiceagent.web.strict_json import strict_loads
from voiceagent.web.tokens import AccessTokens, ServiceTokens

Parse = Callable[[bytes], Awaitable[None]]
_KEYS = TokenKeys.random()
_CALLER = Principal("ten_a", "user_1", frozenset({"talk"}), "user")
_SECRET = totp.new_secret()


@dataclass(frozen=True)
class Parser:
    """parse: raises a Problem for what it refuses.  seeds: good input, to be bent."""

    parse: Parse
    seeds: tuple[bytes, ...]


async def _json(raw: bytes) -> None:
    strict_loads(raw)


async def _realtime(raw: bytes) -> None:
    client.decode(client.parse(raw.decode("utf-8", "replace")), lambda _id: None)


async def _headers(raw: bytes) -> None:
    pairs = [line.partition(b":")[::2] for line in raw.split(b"\n")]
    request_headers(pairs)
    response_headers(pairs)
    content_length([(name.lower(), value.strip()) for name, value in pairs])


async def _path(raw: bytes) -> None:
    check_path(raw)


async def _access_token(raw: bytes) -> None:
    AccessTokens(_KEYS).verify(raw.decode("latin-1"))


async def _service_token(raw: bytes) -> None:
    ServiceTokens(_KEYS).verify(raw.decode("latin-1"), "engine")


async def _code(raw: bytes) -> None:
    totp.step_of(_SECRET, raw.decode("utf-8", "replace"), 1_800_000_000)
    totp.recovery_sha256(raw.decode("utf-8", "replace"))


async def _key(raw: bytes) -> None:
    assert not keys.is_well_formed(raw.decode("latin-1")) or raw.decode("latin-1") == _GOOD_KEY


async def _password(raw: bytes) -> None:
    text = raw.decode("utf-8", "replace")[:128]
    breached.is_breached(text)
    guessable.is_guessable(text)


async def _wire_audio(raw: bytes) -> None:
    for wire in (WIRE_PCM, WIRE_PCMU, WIRE_PCMA):
        decoder = codec.Decoder(wire)
        middle = len(raw) // 2
        decoder.push(raw[:middle])
        decoder.push(raw[middle:])
        decoder.flush()


async def _audio_file(raw: bytes) -> None:
    await files.decode(raw, max_s=60.0)


async def _event(raw: bytes) -> None:
    """Our events have one reader: what is written must come out as one event, whatever stands in its fields."""
    text = raw.decode("utf-8", "replace")
    frame = ServerEvent(text, event=text, event_id=text).encoded()
    assert frame.endswith(b"\n\n") and b"\n\n" not in frame[:-2]


def _sound() -> bytes:
    return struct.pack("<400h", *(1000 * (number % 17) - 8000 for number in range(400)))


_GOOD_KEY = keys.new_secret()
_EVENTS = (
    {"type": "input_audio_buffer.append", "audio": "AAAA", "event_id": "e1"},
    {"type": "session.update", "session": {"type": "realtime", "instructions": "x", "tools": []}},
    {
        "type": "conversation.item.create",
        "previous_item_id": None,
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]},
    },
    {"type": "conversation.item.truncate", "item_id": "item_1", "content_index": 0, "audio_end_ms": 1},
    {"type": "response.create", "response": {"output_modalities": ["text"], "tool_choice": "auto", "metadata": {}}},
    {"type": "response.cancel", "response_id": "resp_1"},
    {"type": "voiceagent.playback", "item_id": "item_1", "played_ms": 20},
)
PARSERS = {
    "strict_json": Parser(_json, (b'{"a": [1, 2.5e3, "\\u00e9", null, true], "b": {"c": -1}}', b'["\\ud83d\\ude00"]')),
    "realtime_events": Parser(_realtime, tuple(json.dumps(event).encode() for event in _EVENTS)),
    "headers": Parser(_headers, (b"content-length: 12\nconnection: x-a, close\nx-a: 1", b"transfer-encoding: chunked")),
    "path": Parser(_path, (b"/v1/files/file_01/content", b"/api/v1/agents/%C3%A9")),
    "access_token": Parser(_access_token, (AccessTokens(_KEYS).issue(_CALLER, "ses_1").encode(),)),
    "service_token": Parser(_service_token, (ServiceTokens(_KEYS).issue(_CALLER, "engine").encode(),)),
    "totp": Parser(_code, (b"123456", b"abcde-fghjk")),
    "api_key": Parser(_key, (_GOOD_KEY.encode(),)),
    "password": Parser(_password, (b"violet engines hum slowly", b"Passw0rd2024!!!!")),
    "wire_audio": Parser(_wire_audio, (_sound(),)),
    "audio_file": Parser(
        _audio_file, tuple(files.encode(_sound(), 16_000, container) for container in ("wav", "flac", "mp3", "opus"))
    ),
    "server_events": Parser(_event, (b"a line", b"two\nlines\r\n\r\n")),
}


def bent(chance: random.Random, seed: bytes) -> bytes:
    """Good input with a few places changed, cut, doubled or joined with others."""
    raw = bytearray(seed)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(raw) + 1)
        match chance.randrange(5):
            case 0 if raw:
                raw[min(at, len(raw) - 1)] = chance.randrange(256)
            case 1:
                del raw[at : at + chance.randrange(1, 9)]
            case 2:
                raw[at:at] = raw[at : at + chance.randrange(1, 64)] * chance.randrange(1, 4)
            case 3:
                raw[at:at] = chance.choice(_BITS)
            case _:
                raw[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 5)))
    return bytes(raw)


_BITS = (b"\0", b"\xff\xfe", b'"', b"{", b"[" * 40, b"}", b"\\u0000", b"\\ud800", b"NaN", b"1e999", b"-0", b"9" * 5000, b"\r\n", b"\x7f\xff\xff\xff",
         b"null", b".", b"..", b"=", "\u2028".encode(), b'{"type":' * 8)  # fmt: skip


@dataclass
class Findings:
    """Of one parser."""

    cases: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    crashes: Counter[str] = field(default_factory=Counter)


async def tried(parser: Parser, seconds: float, seed: int) -> Findings:
    """Bend and feed for so long."""
    found, chance, ends_at_s = Findings(), random.Random(seed), time.monotonic() + seconds
    while time.monotonic() < ends_at_s:
        raw = (
            bent(chance, chance.choice(parser.seeds))
            if chance.random() < 0.9
            else chance.randbytes(chance.randrange(300))
        )
        started_s = time.perf_counter()
        try:
            await parser.parse(raw)
        except Problem as problem:
            found.refused += 1
            if problem.status >= 500:
                found.crashes[f"{problem!r} for {raw[:200]!r}"] += 1
        except Exception as error:  # noqa: BLE001 - what is looked for
            found.crashes[f"{type(error).__name__}: {error} for {raw[:200]!r}"] += 1
        found.slowest_s = max(found.slowest_s, time.perf_counter() - started_s)
        found.cases += 1
    return found


def main() -> int:
    """Print the findings; 0 without a crash."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=20.0, help="for each parser")
    options.add_argument("--seed", type=int, default=1)
    chosen, crashed = options.parse_args(), 0
    for name, parser in PARSERS.items():
        found = asyncio.run(tried(parser, chosen.seconds, chosen.seed))
        crashed += found.crashes.total()
        print(f"{name:16} {found.cases:9} cases {found.refused:9} refused  slowest {found.slowest_s * 1000:7.1f} ms  "
              f"crashes {found.crashes.total()}", *list(found.crashes)[:5], sep="\n    " if found.crashes else "")  # fmt: skip
    return 1 if crashed else 0


if __name__ == "__main__":
    sys.exit(main())
