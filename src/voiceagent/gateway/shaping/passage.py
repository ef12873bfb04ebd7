"""Takes a forwarded call through its rules and hooks on the way in, and its answer on the way out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voiceagent.gateway.shaping.hooks import Call, Hooks
from voiceagent.gateway.shaping.rules import Rule
from voiceagent.kit.errors import InvalidInput, Problem, TooLarge, Unavailable, Unsupported
from voiceagent.web.strict_json import strict_loads

MOST_BYTES = 4 * 1024 * 1024
_LENGTH = b"content-length"
Headers = list[tuple[bytes, bytes]]


async def shaped(hooks: Hooks, call: Call, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """`app`, with what was asked and what it answers changed. What cannot be changed as it should is refused, never passed as it is."""
    asked = hooks.of(call.route, call.tenant_id, "request")
    answered = hooks.of(call.route, call.tenant_id, "response")
    headers = _headers(scope["headers"], asked)
    if _needs_body(hooks, asked) and _has_body(headers):
        body = await _changed_request(hooks, call, headers, receive, asked)
        receive = _whole(body, receive)
        headers = [one for one in headers if one[0] not in (_LENGTH, b"transfer-encoding")]
        headers.append((_LENGTH, str(len(body)).encode()))
    if _needs_body(hooks, answered):
        headers = [one for one in headers if one[0] != b"accept-encoding"]
    out = _Answer(hooks, call, answered, send)
    await app({**scope, "headers": headers}, receive, out.send)


async def _changed_request(
    hooks: Hooks, call: Call, headers: Headers, receive: Receive, rules: Sequence[Rule]
) -> bytes:
    if not _is_json(headers):
        raise Unsupported(
            "hook_needs_json", "This route takes JSON alone, because the operator has rules for its fields."
        )
    raw = await _read(receive)
    return _written(await hooks.changed(call, strict_loads(raw), rules))


async def _read(receive: Receive) -> bytes:
    raw, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise InvalidInput("bad_json", "The body is not whole.")
        raw += message.get("body", b"")
        more = message.get("more_body", False)
        if len(raw) > MOST_BYTES:
            raise TooLarge("hook_body_too_large", "The body is larger than what can be changed on its way.")
    return bytes(raw)


def _whole(body: bytes, receive: Receive) -> Receive:
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


class _Answer:
    """The answer on its way out: passed piece by piece, unless its fields are to be changed."""

    def __init__(self, hooks: Hooks, call: Call, rules: Sequence[Rule], send: Send) -> None:
        self._hooks = hooks
        self._call = Call(call.route, "response", call.method, call.tenant_id, call.subject)
        self._rules = rules
        self._send = send
        self._start: Message | None = None
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._begun(message)
        elif self._start is None:
            await self._send(message)
        else:
            await self._piece(message)

    async def _begun(self, message: Message) -> None:
        headers = _headers(message.get("headers", []), self._rules)
        message = {**message, "headers": headers}
        fields = _needs_body(self._hooks, self._rules) and 200 <= message["status"] < 300 and message["status"] != 204
        if fields and _is_json(headers) and not any(name == b"content-encoding" for name, _ in headers):
            self._start = message
            return
        if fields and not self._passes_streams():
            raise Unavailable("hook_stream", "The operator's rules cannot be kept for an answer of this kind.")
        await self._send(message)

    def _passes_streams(self) -> bool:
        return not self._hooks.plugins and all(rule.streams == "pass" for rule in self._rules if rule.reads_json)

    async def _piece(self, message: Message) -> None:
        self._body += message.get("body", b"")
        if len(self._body) > MOST_BYTES:
            raise Unavailable("hook_stream", "The answer is larger than what can be changed on its way.")
        if message.get("more_body", False) or self._start is None:
            return
        start, self._start = self._start, None
        try:
            body = strict_loads(bytes(self._body)) if self._body else None
        except Problem as error:
            raise Unavailable("hook_stream", "The answer is not the JSON that the operator's rules need.") from error
        changed = _written(await self._hooks.changed(self._call, body, self._rules)) if self._body else b""
        headers = [one for one in start["headers"] if one[0] not in (_LENGTH, b"etag")]
        await self._send({**start, "headers": [*headers, (_LENGTH, str(len(changed)).encode())]})
        await self._send({"type": "http.response.body", "body": changed})


def _headers(raw: Iterable[tuple[bytes, bytes]], rules: Sequence[Rule]) -> Headers:
    headers = list(raw)
    for rule in rules:
        gone = {name.encode() for name in (*rule.remove_headers, *rule.set_headers)}
        headers = [one for one in headers if one[0].lower() not in gone] if gone else headers
        headers += [(name.encode(), value.encode()) for name, value in rule.set_headers.items()]
    return headers


def _needs_body(hooks: Hooks, rules: Sequence[Rule]) -> bool:
    return bool(hooks.plugins) or any(rule.reads_json for rule in rules)


def _has_body(headers: Headers) -> bool:
    return any((name == _LENGTH and value != b"0") or name == b"transfer-encoding" for name, value in headers)


def _is_json(headers: Headers) -> bool:
    kinds = [value.partition(b";")[0].strip().lower() for name, value in headers if name == b"content-type"]
    return len(kinds) == 1 and (kinds[0] == b"application/json" or kinds[0].endswith(b"+json"))


def _written(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
