"""Signing in with another identity provider: OpenID Connect, authorization code with PKCE, in the few steps that it takes.

Built on the HTTP client and the JOSE library that are here anyway: a framework would bring a second client and a session store of its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import aiohttp
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from voiceagent.kit.calls.bodies import read_up_to
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.crypto import random_token, same_secret, sha256_hex
from voiceagent.kit.errors import InvalidInput, Misconfigured, Unauthenticated, Unavailable
from voiceagent.ports.cache import Cache
from voiceagent.web.strict_json import strict_loads

BEGUN_LIFE_S = 600
LEEWAY_S = 30
_WITHIN = aiohttp.ClientTimeout(total=10, sock_connect=3)
_ANSWER_BYTES = 256 * 1024
_METADATA_LIFE_S = 3600.0
_KEYS_EVERY_S = 30.0
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]
"""Asymmetric ones alone: with HMAC the client's secret could sign."""

_REGISTRY = jws.JWSRegistry(algorithms=_ALGORITHMS, strict_check_header=False)


@dataclass(frozen=True, slots=True)
class OidcOptions:
    """A provider and our place at it. role: of people whom we do not know yet, "" to refuse them.  return_to: the dashboard."""

    issuer: str
    client_id: str
    client_secret: str
    role: str
    redirect_uri: str
    return_to: str


@dataclass(frozen=True, slots=True)
class External:
    """Who somebody is at the provider. email: "" unless the provider has verified it."""

    issuer: str
    subject: str
    email: str

    @property
    def sha256(self) -> str:
        return sha256_hex(f"{self.issuer}\0{self.subject}".encode())


class OidcClient:
    """Sends browsers to the provider and reads what they bring back. Each start ends once, in the browser that began it."""

    def __init__(self, options: OidcOptions, cache: Cache, *, clock: Clock | None = None) -> None:
        self.options = options
        self._cache = cache
        self._clock = clock or SystemClock()
        self._metadata: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def begin(self) -> tuple[str, str]:
        """(where the browser goes, the secret that its cookie keeps meanwhile). Raises Unavailable `oidc_unavailable`."""
        metadata = await self._discovered()
        state, nonce, verifier, browser = (random_token(24) for _ in range(4))
        kept = {"nonce": nonce, "verifier": verifier, "browser": sha256_hex(browser.encode())}
        await self._cache.put(_key(state), json.dumps(kept).encode(), ttl_s=BEGUN_LIFE_S)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self.options.client_id,
            "redirect_uri": self.options.redirect_uri,
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = metadata["authorization_endpoint"]
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}", browser

    async def finish(self, answer: dict[str, str], browser: str) -> External:
        """Who came back. answer: the query of the redirect.  Raises Unauthenticated `oidc_failed`, Unavailable `oidc_unavailable`."""
        raw = await self._cache.take(_key(answer.get("state", "")))
        kept = json.loads(raw) if raw else None
        if kept is None or not same_secret(kept["browser"], sha256_hex(browser.encode())):
            raise _failed()
        if answer.get("iss", self.options.issuer) != self.options.issuer or not answer.get("code"):
            raise _failed()  # RFC 9207: the answer of another provider, or a refusal
        token = await self._exchanged(answer["code"], kept["verifier"])
        return await self._read(token, kept["nonce"])

    async def _exchanged(self, code: str, verifier: str) -> str:
        metadata = await self._discovered()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.options.redirect_uri,
            "client_id": self.options.client_id,
            "code_verifier": verifier,
        }
        headers = {}
        if self.options.client_secret and "client_secret_post" in _ways_in(metadata):
            form["client_secret"] = self.options.client_secret
        elif self.options.client_secret:
            headers["Authorization"] = _basic(self.options.client_id, self.options.client_secret)
        tokens = await self._asked("POST", metadata["token_endpoint"], form, headers)
        token = tokens.get("id_token")
        if not isinstance(token, str) or len(token) > 16_384:
            raise _failed()
        return token

    async def _read(self, token: str, nonce: str) -> External:
        try:
            header = strict_loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
            keys = await self._signers(header.get("kid"))
            read = jws.deserialize_compact(token, keys, algorithms=_ALGORITHMS, registry=_REGISTRY)
            claims = strict_loads(read.payload)
        except (JoseError, ValueError, TypeError, AttributeError) as error:
            raise _failed() from error
        self._check(claims, nonce)
        verified = claims.get("email_verified") in (True, "true") and isinstance(claims.get("email"), str)
        return External(self.options.issuer, str(claims["sub"]), str(claims["email"]) if verified else "")

    def _check(self, claims: Any, nonce: str) -> None:
        """OpenID Connect Core, 3.1.3.7."""
        now_s = self._clock.now().timestamp()
        if not isinstance(claims, dict) or claims.get("iss") != self.options.issuer:
            raise _failed()
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        ours = (
            self.options.client_id in audiences and claims.get("azp", self.options.client_id) == self.options.client_id
        )
        issued, expires, subject = claims.get("iat"), claims.get("exp"), claims.get("sub")
        timely = (
            isinstance(issued, int | float)
            and isinstance(expires, int | float)
            and expires > now_s - LEEWAY_S
            and now_s - BEGUN_LIFE_S - LEEWAY_S < issued < now_s + LEEWAY_S
        )
        told = isinstance(claims.get("nonce"), str) and same_secret(claims["nonce"], nonce)
        if not (ours and timely and told and isinstance(subject, str) and 0 < len(subject) <= 255):
            raise _failed()

    async def _discovered(self) -> dict[str, Any]:
        now_s = self._clock.monotonic_s()
        if self._metadata is None or now_s - self._metadata[0] > _METADATA_LIFE_S:
            url = f"{self.options.issuer.rstrip('/')}/.well-known/openid-configuration"
            metadata = await self._asked("GET", url)
            if metadata.get("issuer") != self.options.issuer:
                raise Misconfigured(
                    "oidc_issuer", "The identity provider calls itself otherwise than identity.oidc_issuer."
                )
            self._metadata = (now_s, metadata)
        return self._metadata[1]

    async def _signers(self, kid: object) -> KeySet:
        now_s = self._clock.monotonic_s()
        known = self._keys is not None and any(key.kid == kid for key in self._keys[1].keys)
        if self._keys is None or (not known and now_s - self._keys[0] > _KEYS_EVERY_S):
            metadata = await self._discovered()
            found: Any = await self._asked("GET", metadata["jwks_uri"])
            self._keys = (now_s, KeySet.import_key_set(found))
        return self._keys[1]

    async def _asked(
        self, method: str, url: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        _refuse_open_text(url)
        try:
            async with (
                aiohttp.ClientSession(timeout=_WITHIN, cookie_jar=aiohttp.DummyCookieJar()) as client,
                client.request(method, url, data=form, headers=headers, allow_redirects=False) as answer,
            ):
                raw = await read_up_to(answer.content, _ANSWER_BYTES)
                if 400 <= answer.status < 500 and method == "POST":
                    raise _failed()
                if answer.status != 200:
                    raise _unavailable()
            body = strict_loads(raw)
        except (aiohttp.ClientError, TimeoutError, OSError, InvalidInput) as error:
            raise _unavailable() from error
        if not isinstance(body, dict):
            raise _unavailable()
        return body


def _ways_in(metadata: dict[str, Any]) -> list[str]:
    """How the provider takes the client's secret; OpenID Connect Discovery, 3, names what goes without saying."""
    told = metadata.get("token_endpoint_auth_methods_supported")
    return told if isinstance(told, list) else ["client_secret_basic"]


def _basic(client_id: str, secret: str) -> str:
    """RFC 6749, 2.3.1: both are form-encoded before they are joined."""
    joined = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return f"Basic {base64.b64encode(joined.encode()).decode()}"


def _refuse_open_text(url: str) -> None:
    parts = urlsplit(url)
    here = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not here:
        raise Misconfigured("oidc_issuer", "The identity provider must be reached by https.")


def _key(state: str) -> str:
    return f"oidc:{sha256_hex(state.encode())}"


def _failed() -> Unauthenticated:
    return Unauthenticated("oidc_failed", "Signing in with the identity provider did not work; begin again.")


def _unavailable() -> Unavailable:
    return Unavailable("oidc_unavailable", "The identity provider does not answer.", retry_after_s=5.0)
