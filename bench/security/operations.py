"""Every operation that the platform's OpenAPI descriptions name, and bodies that fit them."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import MagicMock

from fastapi import FastAPI

from voiceagent.gateway.parts import GatewayParts
from voiceagent.gateway.server import create_gateway
from voiceagent.web.jwt import TokenKeys

SERVICES = ("engine", "voice", "documents")
ID_LIKE = re.compile(r"(^|_)(ids?|before|after|file|name)$")
_KNOWN = {
    "email": "probe@example.org", "role": "viewer", "scopes": ["talk"], "messages": [{"role": "user", "content": "the code word?"}],
    "input": "the code word?", "model": "chat", "query": "code word of the project", "question": "what is the code word?",
    "language": "en", "name": "probe", "password": "violet engines hum slowly", "voice": "", "response_format": "wav", "stream": False,
}  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """method and path template; params and queries: names.  body: the JSON schema's properties, None without.  form: multipart."""

    method: str
    path: str
    params: tuple[str, ...]
    queries: tuple[str, ...]
    body: dict[str, Any] | None
    form: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def apps() -> Iterator[FastAPI]:
    """The gateway and the three services, on parts that nothing calls."""
    nowhere = {name: ["http://127.0.0.1:9"] for name in SERVICES}
    yield create_gateway(GatewayParts(MagicMock(), MagicMock(), nowhere, TokenKeys.random(), TokenKeys.random()))
    for name in SERVICES:
        module = importlib.import_module(f"voiceagent.{name}.server")
        yield getattr(module, f"create_{name}")(MagicMock(), auth=MagicMock())


def documents() -> dict[str, dict[str, Any]]:
    """The OpenAPI documents of the gateway and the services, by name."""
    return {app.state.name: app.openapi() for app in apps()}


def operations() -> list[Operation]:
    """Each once, in the order of the descriptions."""
    found: dict[str, Operation] = {}
    for app in apps():
        described = app.openapi()
        for path, methods in described["paths"].items():
            for method, operation in methods.items():
                one = _operation(described, method.upper(), path, operation)
                found.setdefault(one.name, one)
    return list(found.values())


def _operation(described: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> Operation:
    parameters = operation.get("parameters", [])
    content = operation.get("requestBody", {}).get("content", {})
    form = content.get("multipart/form-data")
    return Operation(
        method,
        path,
        tuple(one["name"] for one in parameters if one["in"] == "path"),
        tuple(one["name"] for one in parameters if one["in"] == "query"),
        _properties(described, content["application/json"]["schema"]) if "application/json" in content else None,
        tuple(_properties(described, form["schema"])) if form else (),
    )


def _properties(described: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    schema = _resolved(described, schema)
    required = set(schema.get("required", ()))
    return {
        name: _value(described, name, _resolved(described, inner))
        for name, inner in schema.get("properties", {}).items()
        if name in required or ID_LIKE.search(name)
    }


def _resolved(described: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for choice in schema.get("anyOf", schema.get("oneOf", ())):
        if choice.get("type") != "null":
            return _resolved(described, choice)
    return schema


def _value(described: dict[str, Any], name: str, schema: dict[str, Any]) -> Any:
    if name in _KNOWN:
        return _KNOWN[name]
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kind = schema.get("type", "string")
    if kind == "object":
        return _properties(described, schema)
    if kind == "array":
        return [_value(described, name.removesuffix("s"), _resolved(described, schema.get("items", {})))]
    return {"integer": 1, "number": 0.5, "boolean": False}.get(kind, "x")
