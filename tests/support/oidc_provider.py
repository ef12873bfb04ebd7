"""A small OpenID Connect provider on loopback: one person, real signatures, and knobs for every lie that a test needs."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from aiohttp import web
from joserfc import jws
from joserfc.jwk import RSAKey

from voiceagent.kit.crypto import random_token


@dataclass
class Provider:
    """`claims` go over those of a good token, `headers` over its header, `key` signs, `issuer_told` stands in the metadata.

    ways_in: how the client may tell its secret; None says nothing of it, as only `client_secret_basic` need not be told.
    in_pieces: answers come in several packets.
    """

    issuer: str = ""
    issuer_told: str = ""
    client_id: str = "voiceagent-test"
    claims: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1"}))
    signer: RSAKey | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    key_fetches: int = 0
    ways_in: list[str] | None = None
    in_pieces: bool = False

    def approve(self, url: str) -> dict[str, str]:
        """What the provider's page would do: the query with which the browser goes back."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = random_token(8)
        self.codes[code] = query
        return {"code": code, "state": query["state"]}

    async def page(self, request: web.Request) -> web.Response:
        """Where browsers come: nothing is asked, and they go back at once."""
        back = self.approve(str(request.url))
        raise web.HTTPSeeOther(f"{request.query['redirect_uri']}?{urlencode(back)}")

    async def metadata(self, request: web.Request) -> web.StreamResponse:
        told = self.issuer_told or self.issuer
        ends = {name: f"{self.issuer}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
        ways = {} if self.ways_in is None else {"token_endpoint_auth_methods_supported": self.ways_in}
        whole = {"issuer": told, **ends, **ways}
        return await _slowly(request, whole) if self.in_pieces else web.json_response(whole)

    async def keys(self, _: web.Request) -> web.Response:
        self.key_fetches += 1
        return web.json_response({"keys": [self.key.as_dict(private=False) | {"kid": "k1"}]})

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        begun = self.codes.pop(str(form.get("code")), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(str(form.get("code_verifier")).encode()).digest())
        if begun is None or begun["code_challenge"] != challenge.rstrip(b"=").decode():
            return web.json_response({"error": "invalid_grant"}, status=400)
        posted = "client_secret_post" in (self.ways_in or [])
        told = form.get("client_secret") if posted else _of_basic(request.headers.get("Authorization", ""))
        if form.get("redirect_uri") != begun["redirect_uri"] or told != "held":
            return web.json_response({"error": "invalid_client"}, status=401)
        return web.json_response({"id_token": self.signed(begun["nonce"]), "token_type": "Bearer"})

    def signed(self, nonce: str) -> str:
        good = {"iss": self.issuer, "aud": self.client_id, "sub": "s-1", "iat": time(), "exp": time() + 300}
        claims = good | {"nonce": nonce, "email": "ada@example.org", "email_verified": True} | self.claims
        header = {"alg": "RS256", "kid": "k1"} | self.headers
        payload = json.dumps({name: value for name, value in claims.items() if value is not None})
        return jws.serialize_compact(header, payload, self.signer or self.key, algorithms=["RS256", "RS384"])


def _of_basic(header: str) -> str:
    return base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")[2]


async def _slowly(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    """The answer byte after byte, each in a packet of its own for as long as the other side reads as fast."""
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    await answer.prepare(request)
    for byte in json.dumps(body).encode():
        await answer.write(bytes([byte]))
        await asyncio.sleep(0.001)
    await answer.write_eof()
    return answer


@asynccontextmanager
async def oidc_provider() -> AsyncIterator[Provider]:
    """A running provider."""
    provider = Provider()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", provider.metadata)
    app.router.add_get("/authorization_endpoint", provider.page)
    app.router.add_get("/jwks_uri", provider.keys)
    app.router.add_post("/token_endpoint", provider.token)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    provider.issuer = f"http://{host}:{port}"
    try:
        yield provider
    finally:
        await runner.cleanup()
