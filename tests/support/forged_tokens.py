"""Forged tokens: a good one of some purpose, and some two hundred that differ from it in one thing each."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from voiceagent.web.jwt import TokenKeys


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged_tokens(keys: TokenKeys, purpose: dict[str, Any], typ: str) -> dict[str, str]:
    """Tokens that must not open anything, by name; each differs from `GOOD` in one thing.

    purpose: the claims `aud`, `sub`, `tid` and whatever else a good token of this purpose has.  typ: its header's.
    """
    private: Any = keys.signing.get_op_key("sign")
    public: Any = private.public_key()
    now_s = int(datetime.now(UTC).timestamp())
    kid = keys.signing.kid
    header = {"alg": "Ed25519", "typ": typ, "kid": kid}
    claims: dict[str, Any] = {
        "iss": "voiceagent", "iat": now_s, "exp": now_s + (900 if typ == "at+jwt" else 300), "jti": "j", "scp": ["talk"], "knd": "user",
    }  # fmt: skip
    claims |= purpose

    def made(head: Any = header, body: Any = claims, key: Any = private) -> str:
        head_raw = head if isinstance(head, bytes) else json.dumps(head).encode()
        body_raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = f"{b64(head_raw)}.{b64(body_raw)}"
        return f"{signed}.{b64(key.sign(signed.encode()))}"

    def hmac_signed(alg: str, secret: bytes) -> str:
        signed = f"{b64(json.dumps(header | {'alg': alg}).encode())}.{b64(json.dumps(claims).encode())}"
        return f"{signed}.{b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"

    good = made()
    head, body, signature = good.split(".")
    other = Ed25519PrivateKey.generate()
    raw_public = public.public_bytes_raw()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(other.public_key().public_bytes_raw())}
    forged = {
        "GOOD": good,
        "other key": made(key=other),
        "other purpose": made(header | {"typ": "at+jwt" if typ != "at+jwt" else "va-service+jwt"}),
    }
    for alg in (
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "HS256",
        "HS384",
        "HS512",
        "RS256",
        "PS256",
        "ES256",
        "ES256K",
        "EdDSA",
        "Ed448",
        "ed25519",
        7,
        None,
    ):
        forged[f"alg {alg!r} same signature"] = f"{b64(json.dumps(header | {'alg': alg}).encode())}.{body}.{signature}"
        forged[f"alg {alg!r} signed"] = made(header | {"alg": alg})
        forged[f"alg {alg!r} no signature"] = f"{b64(json.dumps(header | {'alg': alg}).encode())}.{body}."
    for name, secret in (
        ("pem", pem),
        ("der", der),
        ("raw", raw_public),
        ("jwk", json.dumps(jwk).encode()),
        ("empty", b""),
    ):
        for alg in ("HS256", "Ed25519"):
            forged[f"hmac {alg} with public {name}"] = hmac_signed(alg, secret)
    extras: dict[str, Any] = {
        "jwk": jwk, "jku": "http://127.0.0.1/k", "x5u": "http://127.0.0.1/c", "x5c": ["AA=="], "crit": ["exp"],
        "b64": False, "zip": "DEF", "cty": "JWT", "enc": "A256GCM", "x5t": "AA", "nonce": "1",
    }  # fmt: skip
    for name, value in extras.items():
        forged[f"header {name}"] = made(header | {name: value})
        forged[f"header {name} other key"] = made(header | {name: value}, key=other)
    for kid_value in ("", "../../etc/passwd", "0", None, 7, ["x"], {"x": 1}, "' OR 1=1 --", kid + "x", "x" * 4000):
        forged[f"kid {str(kid_value)[:20]!r}"] = made(header | {"kid": kid_value})
        forged[f"kid {str(kid_value)[:20]!r} other"] = made(header | {"kid": kid_value}, key=other)
    for typ in ("JWT", "jwt", "", None, "AT+JWT", "application/at+jwt"):
        forged[f"typ {typ!r}"] = made(header | {"typ": typ})
    for name in ("alg", "typ", "kid"):
        forged[f"header without {name}"] = made({key: value for key, value in header.items() if key != name})
    for name in claims:
        forged[f"without {name}"] = made(body={key: value for key, value in claims.items() if key != name})
        forged[f"{name} null"] = made(body=claims | {name: None})
        forged[f"{name} empty"] = made(body=claims | {name: [] if name == "aud" else ""})
    changes: dict[str, dict[str, Any]] = {
        "expired": {"iat": now_s - 1000, "exp": now_s - 31}, "future": {"iat": now_s + 3_600, "exp": now_s + 3_840},
        "too long": {"exp": now_s + 901}, "negative": {"exp": now_s - 900, "iat": now_s}, "float": {"exp": now_s + 1.5},
        "text": {"exp": str(now_s + 9)}, "true": {"exp": True}, "huge": {"exp": 10**30}, "aud list": {"aud": [claims["aud"]]},
        "aud elsewhere": {"aud": "dashboard"}, "iss": {"iss": "evil"}, "scope unknown": {"scp": ["root"]},
        "scope text": {"scp": "talk"}, "kind": {"knd": "service"}, "kind key": {"knd": "key"}, "tenant list": {"tid": ["ten_a"]},
        "other tenant": {"tid": "ten_b"}, "other user": {"sub": "usr_nobody"}, "sub list": {"sub": [claims["sub"]]},
    }  # fmt: skip
    for name, change in changes.items():
        forged[f"claims {name}"] = made(body=claims | change)
    for name, raw in {
        "array": b"[]", "text": b'"x"', "number": b"1", "empty": b"", "broken": b"{", "nan": b'{"exp": NaN}',
        "twice": json.dumps(claims).encode()[:-1] + b', "sub": "usr_x"}', "latin": b'{"a": "\xff"}', "deep": b"[" * 2000,
    }.items():  # fmt: skip
        forged[f"payload {name}"] = made(body=raw)
        forged[f"header raw {name}"] = made(raw)
    flipped = base64.urlsafe_b64decode(signature + "==")
    for position in (0, 31, 32, 63):
        broken = bytes(byte ^ (1 if at == position else 0) for at, byte in enumerate(flipped))
        forged[f"signature bit {position}"] = f"{head}.{body}.{b64(broken)}"
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = int.from_bytes(flipped[32:], "little") + order
    forged["signature malleable"] = f"{head}.{body}.{b64(flipped[:32] + scalar.to_bytes(32, 'little'))}"
    forged["signature zero"] = f"{head}.{body}.{b64(bytes(64))}"
    forged["signature short"] = f"{head}.{body}.{signature[:40]}"
    forged["signature empty"] = f"{head}.{body}."
    forged["signature of another"] = f"{head}.{b64(json.dumps(claims | {'scp': ['keys:write']}).encode())}.{signature}"
    forged["padding"] = good + "="
    forged["other spelling"] = good[:-1] + ("B" if good[-1] == "A" else chr(ord(good[-1]) + 1))
    forged["standard alphabet"] = good.replace("-", "+").replace("_", "/") + "+"
    forged["two parts"] = f"{head}.{body}"
    forged["four parts"] = good + ".x"
    forged["jwe"] = f"{head}....{body}"
    forged["json form"] = json.dumps({"payload": body, "signatures": [{"protected": head, "signature": signature}]})
    forged["too long"] = f"{head}.{'A' * 9000}.{signature}"
    forged["nothing"] = ".."
    return forged
