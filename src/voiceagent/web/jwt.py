"""Signed tokens as we make and read them: one algorithm (Ed25519), known keys only, every claim required, size checked before parsing."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.crypto import random_token, sha256_hex
from voiceagent.kit.errors import InvalidInput, Misconfigured, Unauthenticated
from voiceagent.web.strict_json import strict_loads

ALGORITHM = "Ed25519"  # RFC 9864: names the curve, which "EdDSA" does not
MAX_TOKEN_BYTES = 8 * 1024
LEEWAY_S = 30
MIN_SECRET_BYTES = 32
KEYS_READ_EVERY_S = 30.0

_log = structlog.get_logger(__name__)
_SHAPE = re.compile(r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$")
_SAMPLE_WORDS = (
    "changeme",
    "change-me",
    "change_me",
    "secret",
    "password",
    "example",
    "default",
    "voiceagent",
    "insecure",
)
_REGISTRY = jws.JWSRegistry(algorithms=[ALGORITHM])


@dataclass(frozen=True, slots=True)
class DatedSecret:
    """A secret from which a signing key is derived, and from when on it signs (seconds since 1970); it verifies at once."""

    secret: str
    signs_from_s: float = 0.0


class TokenKeys:
    """Signing keys by `kid`: one signs, all verify, so that a key can be replaced without a gap.

    Keys that come from a source are read again every 30 s at most; each is shown for longer than that before it signs, so that every replica knows it in time.
    """

    def __init__(
        self,
        private_keys: list[Ed25519PrivateKey],
        *,
        source: Callable[[], Sequence[DatedSecret]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._source = source
        self._read_at_s = self._clock.monotonic_s()
        self._keys = [(_named(key), 0.0) for key in private_keys]
        if source is not None:
            self._keys = _dated(source())

    @classmethod
    def random(cls) -> TokenKeys:
        """A key that lives as long as this process: for the embedded profile."""
        return cls([Ed25519PrivateKey.generate()])

    @classmethod
    def from_secrets(cls, *secrets: str) -> TokenKeys:
        """Keys derived from secrets that the services share, the signing one first. Raises Misconfigured `weak_secret`."""
        if not secrets:
            raise Misconfigured("weak_secret", "A token secret is needed when the services run apart.")
        return cls([_derived(refuse_weak(secret)) for secret in secrets])

    @classmethod
    def rotating(cls, source: Callable[[], Sequence[DatedSecret]], *, clock: Clock | None = None) -> TokenKeys:
        """Keys that may change while we run. source: short and local, such as a small file. Raises Misconfigured `weak_secret`."""
        return cls([], source=source, clock=clock)

    @property
    def signing(self) -> OKPKey:
        """The youngest key whose time has come."""
        self._read_again()
        now_s = self._clock.now().timestamp()
        ready = [(signs_from_s, key) for key, signs_from_s in self._keys if signs_from_s <= now_s]
        return max(ready, key=lambda one: one[0])[1] if ready else self._keys[0][0]

    def _read_again(self) -> None:
        now_s = self._clock.monotonic_s()
        if self._source is None or now_s - self._read_at_s < KEYS_READ_EVERY_S:
            return
        self._read_at_s = now_s
        try:
            self._keys = _dated(self._source())
        except Misconfigured as problem:  # what was good a moment ago goes on; the next start will refuse
            _log.error("token_keys_not_read", code=problem.code)

    def public(self) -> dict[str, list[dict[str, Any]]]:
        """The public halves as a JWK set (RFC 7517), for those who verify our tokens themselves."""
        self._read_again()
        return {"keys": [dict(key.as_dict(private=False)) for key, _ in self._keys]}

    def verifying(self, kid: object) -> OKPKey | None:
        """The key with this id, None when it is not one of ours."""
        self._read_again()
        return next((key for key, _ in self._keys if key.kid == kid), None)


def _dated(secrets: Sequence[DatedSecret]) -> list[tuple[OKPKey, float]]:
    if not secrets:
        raise Misconfigured("weak_secret", "There is no token secret.")
    return [(_named(_derived(refuse_weak(one.secret))), one.signs_from_s) for one in secrets]


def refuse_weak(secret: str) -> bytes:
    """The secret's bytes. Raises Misconfigured `weak_secret` for less than 32 bytes, repetitions and words of samples."""
    raw = secret.strip().encode()
    sample = any(word in secret.lower() for word in _SAMPLE_WORDS)
    if len(raw) < MIN_SECRET_BYTES or len(set(raw)) < 12 or sample:
        raise Misconfigured("weak_secret", "The token secret is too weak; make one with: openssl rand -base64 48")
    return raw


def _derived(secret: bytes) -> Ed25519PrivateKey:
    seed = HKDF(SHA256(), 32, salt=None, info=b"voiceagent token signing ed25519").derive(secret)
    return Ed25519PrivateKey.from_private_bytes(seed)


def _named(key: Ed25519PrivateKey) -> OKPKey:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    kid = sha256_hex(key.public_key().public_bytes_raw())[:16]
    return OKPKey.import_key(pem, {"kid": kid, "use": "sig", "alg": ALGORITHM})


class Tokens:
    """Makes and reads the tokens of one purpose: `typ` and `issuer` keep purposes apart."""

    def __init__(self, keys: TokenKeys, *, typ: str, issuer: str, max_life_s: int, clock: Clock | None = None) -> None:
        self._keys = keys
        self._typ = typ
        self._issuer = issuer
        self._max_life_s = max_life_s
        self._clock = clock or SystemClock()

    def now_s(self) -> int:
        return int(self._clock.now().timestamp())

    def sign(self, audience: str, claims: Mapping[str, object]) -> str:
        """A token with `claims` (at least `sub`) for `audience`, good for the longest life that this purpose allows."""
        now_s = self.now_s()
        header = {"alg": ALGORITHM, "typ": self._typ, "kid": self._keys.signing.kid}
        payload = {"iss": self._issuer, "aud": audience, "iat": now_s, "exp": now_s + self._max_life_s}
        payload |= {"jti": random_token(12), **claims}
        return jws.serialize_compact(header, _json_bytes(payload), self._keys.signing, registry=_REGISTRY)

    def read(self, token: str, audience: str) -> dict[str, Any]:
        """The claims of a token that holds. Raises Unauthenticated `bad_token`, or `token_expired` when only its time is over."""
        try:
            return self._read(token, audience)
        except (JoseError, InvalidInput, ValueError, TypeError) as error:
            raise _bad() from error

    def _read(self, token: str, audience: str) -> dict[str, Any]:
        if len(token) > MAX_TOKEN_BYTES or not _SHAPE.match(token):
            raise _bad()
        parts = [_decoded(part) for part in token.split(".")]
        header = strict_loads(parts[0])
        if not isinstance(header, dict) or header.keys() != {"alg", "typ", "kid"}:
            raise _bad()
        key = self._keys.verifying(header["kid"])
        if header["alg"] != ALGORITHM or header["typ"] != self._typ or key is None:
            raise _bad()
        jws.deserialize_compact(token, key, registry=_REGISTRY)
        claims = strict_loads(parts[1])
        self._check(claims, audience)
        return dict(claims)

    def _check(self, claims: Any, audience: str) -> None:
        if not isinstance(claims, dict) or claims.get("iss") != self._issuer or claims.get("aud") != audience:
            raise _bad()
        issued, expires, now_s = claims.get("iat"), claims.get("exp"), self.now_s()
        if type(issued) is not int or type(expires) is not int:
            raise _bad()
        if not all(isinstance(claims.get(name), str) and claims[name] for name in ("sub", "jti")):
            raise _bad()
        if issued > now_s + LEEWAY_S or not 0 < expires - issued <= self._max_life_s:
            raise _bad()
        if expires <= now_s - LEEWAY_S:
            raise Unauthenticated("token_expired", "The access token has expired.")


def _bad() -> Unauthenticated:
    return Unauthenticated("bad_token", "The access token is not valid.")


def _decoded(part: str) -> bytes:
    raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        raise _bad()  # one token, one spelling
    return raw


def _json_bytes(payload: Mapping[str, object]) -> bytes:
    return json.dumps(payload, separators=(",", ":")).encode()
