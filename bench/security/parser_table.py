"""Every parser that is ours, with good input to begin from, and how it is fed. What is done to the input stands in parsers.py."""

from __future__ import annotations

import io
import json
import logging
import struct
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import HTTPConnection

from voiceagent.adapters.tts import spoken_text
from voiceagent.apps.config.layers import load
from voiceagent.documents import formats
from voiceagent.documents.parse import html
from voiceagent.documents.parse.archive import open_package
from voiceagent.documents.parse.blocks import ReadFailure
from voiceagent.documents.parse.clean import clean
from voiceagent.documents.parse.text import decode
from voiceagent.domain.audio import WIRE_PCM, WIRE_PCMA, WIRE_PCMU
from voiceagent.domain.document import Chunk, Passage
from voiceagent.domain.identity import Principal
from voiceagent.domain.pii.find import find
from voiceagent.engine.cite import CitedText
from voiceagent.gateway.identity import breached, guessable, keys, totp
from voiceagent.gateway.identity.callers import address_of
from voiceagent.gateway.passing.headers import check_path, content_length, request_headers, response_headers
from voiceagent.kit.calls import outbound
from voiceagent.kit.errors import InvalidInput, Misconfigured, Unsupported
from voiceagent.kit.redis_link import linked
from voiceagent.voice import codec, files
from voiceagent.voice.speech_out.clause import ClauseCutter
from voiceagent.voice.wire import client
from voiceagent.web.answers.sse import ServerEvent
from voiceagent.web.jwt import TokenKeys
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


async def _archive(raw: bytes) -> None:
    try:
        archive = open_package(raw)
        for name in archive.names():
            archive.xml(name)
    except ReadFailure as failure:
        raise Unsupported(failure.code, "refused") from failure


async def _multipart(raw: bytes) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(raw), 64):
            yield raw[start : start + 64]

    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    headers = Headers({"content-type": "multipart/form-data; boundary=edge"})
    try:
        await MultiPartParser(headers, pieces(), max_files=4, max_fields=16).parse()
    except (MultiPartException, FormParserError) as failure:
        raise InvalidInput("bad_form", "refused") from failure


async def _file_format(raw: bytes) -> None:
    name, kind, head = [*raw.split(b"\0", 2), b"", b""][:3]
    formats.format_of(name.decode("utf-8", "replace"), kind.decode("latin-1"), head)


async def _markup(raw: bytes) -> None:
    try:
        html.blocks_of(raw, Counter())
        clean(decode(raw), Counter())
    except ReadFailure as failure:
        raise Unsupported(failure.code, "refused") from failure


async def _citations(raw: bytes) -> None:
    for spoken in (True, False):
        whole, cut = CitedText(_PASSAGES, spoken=spoken), ClauseCutter()
        text = raw.decode("utf-8", "replace")
        said = [one for at in range(0, len(text), 7) for one in whole.feed(text[at : at + 7])] + whole.end()
        for one in said:
            cut.feed(getattr(one, "text", ""))
        cut.flush()


async def _spoken_text(raw: bytes) -> None:
    spoken_text.spoken(raw.decode("utf-8", "replace"))


async def _outbound(raw: bytes) -> None:
    outbound.Outbound().check(raw.decode("utf-8", "replace"))


async def _address(raw: bytes) -> None:
    address_of(HTTPConnection({"type": "http", "client": (raw.decode("latin-1"), 1), "headers": []}))
    outbound.address_of(raw.decode("utf-8", "replace"))


async def _redis(raw: bytes) -> None:
    try:
        linked(raw.decode("utf-8", "replace"))
    except ValueError as failure:
        raise InvalidInput("bad_url", "refused") from failure


async def _settings(raw: bytes) -> None:
    name, _, value = raw.decode("utf-8", "replace").partition("=")
    try:
        load(environment={}, flags={name: value})
    except Misconfigured as failure:
        raise InvalidInput(failure.code, "refused") from failure


async def _personal(raw: bytes) -> None:
    find(raw.decode("utf-8", "replace"))


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


def _package() -> bytes:
    """A docx that is no more than its parts."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("[Content_Types].xml", "<?xml version='1.0'?><Types/>")
        made.writestr(
            "word/document.xml", "<w:document xmlns:w='w'><w:body><w:p><w:t>hello</w:t></w:p></w:body></w:document>"
        )
    return file.getvalue()


_FORM = (
    b'--edge\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'
    b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nhello\r\n--edge--\r\n'
)
_CHUNK = Chunk(
    "chunk_1", "doc_1", "col_1", 0, 1, 0, 60, "The limit is 20. It was raised to 30 in May. Nobody objected."
)
_PASSAGES = (Passage(_CHUNK, "Limits", 0.9), Passage(_CHUNK, "Limits, again", 0.5))

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
    "archive": Parser(_archive, (_package(),)),
    "multipart": Parser(_multipart, (_FORM,)),
    "file_format": Parser(
        _file_format, (b"a.pdf\0application/pdf\0%PDF-1.7", b"a.docx\0\0PK\x03\x04", b"a.txt\0text/plain\0hello")
    ),
    "markup": Parser(
        _markup,
        (
            b"<html><body><h1>A</h1><p style='display:none'>x</p><table><tr><td>1</td></table>",
            b"# A\n\n- b\n\n```c\n```",
        ),
    ),
    "citations": Parser(
        _citations,
        (b"The limit is 20 [1]. See [2, 3] and **bold** `code` [x](http://y).", b"| a | b |\n|---|---|\n[1][1]"),
    ),
    "spoken_text": Parser(
        _spoken_text,
        (b"<speak>It costs $3.50 on 2026-01-02 at 10:30, see https://a.b/c.</speak>", b"Dr. No. 5 km/h & 50 %!"),
    ),
    "outbound_url": Parser(
        _outbound, (b"https://example.org/x", b"http://[::ffff:127.0.0.1]:80/", b"https://0x7f.1/", b"https://a@b:1")
    ),
    "peer_address": Parser(_address, (b"2001:db8::1", b"127.0.0.1", b"::ffff:10.0.0.1")),
    "redis_url": Parser(
        _redis, (b"redis://u:p@host:6379/0", b"rediss+sentinel://a:1,b:2/primary/3", b"redis+cluster://a,b")
    ),
    "settings": Parser(
        _settings,
        (b"limits.requests_per_s=20.5", b"server.drain_s=1e3", b"tls.minimum=1.3", b"server.allowed_origins=a,b"),
    ),
    "personal_data": Parser(
        _personal,
        (
            b"call me at plus four nine one seven one two three four five six seven",
            b"4111 1111 1111 1111 x@y.org DE89370400440532013000",
        ),
    ),
}
