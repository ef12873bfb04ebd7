"""A small OpenID Connect provider on loopback: one person, real signatures, and knobs for every lie that a test needs."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from joserfc import jws
from joserfc.jwk import RSAKey

from voiceagent.kit.crypto import random_token


@dataclass
class Provider:
    """`claims` go over those of a good token, `headers` over its header, `key` signs, `issuer_told` stands in the metadata."""

    issuer: str = ""
    issuer_told: str = ""
    client_id: str = "voiceagent-test"
    claims: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1"}))
    signer: RSAKey | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    key_fetches: int = 0

    def approve(self, url: str) -> dict[str, str]:
        """What the provider's page would do: the query with which the browser goes back."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = random_token(8)
        self.codes[code] = query
        return {"code": code, "state": query["state"]}

    async def metadata(self, _: web.Request) -> web.Response:
        told = self.issuer_told or self.issuer
        ends = {name: f"{self.issuer}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
        return web.json_response({"issuer": told, **ends})

    async def keys(self, _: web.Request) -> web.Response:
        self.key_fetches += 1
        return web.json_response({"keys": [self.key.as_dict(private=False) | {"kid": "k1"}]})

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        begun = self.codes.pop(str(form.get("code")), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(str(form.get("code_verifier")).encode()).digest())
        if begun is None or begun["code_challenge"] != challenge.rstrip(b"=").decode():
            return web.json_response({"error": "invalid_grant"}, status=400)
        if form.get("redirect_uri") != begun["redirect_uri"] or form.get("client_secret") != "held":
            return web.json_response({"error": "invalid_client"}, status=401)
        return web.json_response({"id_token": self.signed(begun["nonce"]), "token_type": "Bearer"})

    def signed(self, nonce: str) -> str:
        good = {"iss": self.issuer, "aud": self.client_id, "sub": "s-1", "iat": time(), "exp": time() + 300}
        claims = good | {"nonce": nonce, "email": "ada@example.org", "email_verified": True} | self.claims
        header = {"alg": "RS256", "kid": "k1"} | self.headers
        payload = json.dumps({name: value for name, value in claims.items() if value is not None})
        return jws.serialize_compact(header, payload, self.signer or self.key, algorithms=["RS256", "RS384"])


@asynccontextmanager
async def oidc_provider() -> AsyncIterator[Provider]:
    """A running provider."""
    provider = Provider()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", provider.metadata)
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
