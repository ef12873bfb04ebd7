"""The OpenAPI description of the whole management API as the gateway offers it: its own routes, and those that it passes on.

python -m tests.support.public_api dashboard/openapi.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

from fastapi import FastAPI
from tests.support.service_apps import SERVICES, service_app

from voiceagent.adapters.cache.memory import open_cache
from voiceagent.adapters.store.sql import open_store
from voiceagent.apps.custody.rights import routes
from voiceagent.apps.settings import Settings
from voiceagent.gateway.parts import GatewayParts
from voiceagent.gateway.routes_proxied import FORWARDED
from voiceagent.gateway.server import create_gateway
from voiceagent.kit.errors import Unauthenticated
from voiceagent.web.jwt import TokenKeys

PREFIX = "/api/v1/"
_REF = "#/components/schemas/"
Json = dict[str, Any]


def public_api() -> Json:
    """Paths under /api/v1 with the schemas that they name; nothing is called, so the apps stand on empty parts."""
    whole: Json = _of(_gateway())
    for service in SERVICES:
        app = service_app(service, _nobody)
        if service == "documents":
            app.include_router(routes(MagicMock(), Settings()))
        below = tuple(row.path for row in FORWARDED if row.service == service)
        _join(whole, _renamed(_of(app), whole, service), below)
    whole["components"]["schemas"] = _needed(whole)
    whole["info"] = {"title": "voiceagent", "version": "1"}
    return whole


def as_text() -> str:
    return json.dumps(public_api(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


async def _nobody(_conn: object) -> None:
    raise Unauthenticated("nobody", "This app only describes itself.")


def _gateway() -> FastAPI:
    services = {name: ["http://127.0.0.1:1"] for name in SERVICES}
    parts = GatewayParts(
        open_store("sqlite://"), open_cache("memory://"), services, TokenKeys.random(), TokenKeys.random()
    )
    return create_gateway(parts)


def _of(app: FastAPI) -> Json:
    told: Json = app.openapi()
    told["paths"] = {path: what for path, what in told["paths"].items() if path.startswith(PREFIX)}
    told.setdefault("components", {}).setdefault("schemas", {})
    return told


def _renamed(told: Json, whole: Json, service: str) -> Json:
    """Schemas of the same name that are not the same get the name of their service in front."""
    known = whole["components"]["schemas"]
    text = json.dumps(told)
    for name, schema in told["components"]["schemas"].items():
        if name in known and known[name] != schema:
            other = service.capitalize() + name
            text = text.replace(f'"{_REF}{name}"', f'"{_REF}{other}"').replace(f'"{name}": {{', f'"{other}": {{')
    renamed: Json = json.loads(text)
    return renamed


def _join(whole: Json, told: Json, below: tuple[str, ...]) -> None:
    paths = {path: what for path, what in told["paths"].items() if path.startswith(below)}
    whole["paths"] |= paths
    whole["components"]["schemas"] |= told["components"]["schemas"]


def _needed(whole: Json) -> Json:
    schemas: Json = whole["components"]["schemas"]
    found: set[str] = set()
    texts = [json.dumps(whole["paths"])]
    while texts:
        text = texts.pop()
        for name in schemas.keys() - found:
            if f'"{_REF}{name}"' in text:
                found.add(name)
                texts.append(json.dumps(schemas[name]))
    return {name: schemas[name] for name in sorted(found)}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(as_text())
