"""The keys that sign tokens: given by the operator, or drawn here and kept as long as they must last."""

from __future__ import annotations

from pathlib import Path

from voiceagent.apps.first_start import write_secret
from voiceagent.apps.settings import Settings
from voiceagent.kit.crypto import random_token
from voiceagent.kit.errors import Conflict, Misconfigured
from voiceagent.web.jwt import KEYS_READ_EVERY_S, DatedSecret, TokenKeys
from voiceagent.web.tokens import ACCESS_LIFE_S

TOKEN_FILE = "token-secret"  # noqa: S105 - a file's name
ROTATION_LEAD_S = 3 * KEYS_READ_EVERY_S
"""So long a new key is shown before it signs."""


def service_keys(settings: Settings, *, apart: bool) -> TokenKeys:
    """What signs the calls between services. apart: they run in processes of their own, so that the operator must give them one secret.

    Raises Misconfigured `service_secret_missing` or `weak_secret`.
    """
    secret = settings.services.secret.get_secret_value()
    if not secret and apart:
        raise Misconfigured(
            "service_secret_missing",
            "services that run apart need one services.secret: 32 random bytes or more",
            param="services.secret",
        )
    return TokenKeys.from_secrets(secret) if secret else TokenKeys.random()


def access_keys(settings: Settings) -> TokenKeys:
    """What signs the tokens of signed-in people; valid beyond a restart. Raises Misconfigured `weak_secret` or `settings_unreadable`."""
    identity = settings.identity
    given = [
        secret
        for field in (identity.token_secret, identity.token_secret_previous)
        if (secret := field.get_secret_value())
    ]
    if given:
        return TokenKeys.from_secrets(*given)
    file = _token_file(settings)
    return TokenKeys.rotating(lambda: _kept(file))


def rotate(settings: Settings, now_s: float) -> DatedSecret:
    """Draw a new key for tokens: running gateways show it within 30 s and sign with it after 90 s; the one before stays valid.

    Raises Misconfigured `token_secret_given`, Conflict `rotation_too_soon`.
    """
    if settings.identity.token_secret.get_secret_value():
        raise Misconfigured(
            "token_secret_given",
            "identity.token_secret is set: put it into identity.token_secret_previous, and a new one in its place",
            param="identity.token_secret",
        )
    file = _token_file(settings)
    latest = max(_kept(file), key=lambda one: one.signs_from_s)
    if now_s < latest.signs_from_s + ACCESS_LIFE_S + ROTATION_LEAD_S:
        raise Conflict("rotation_too_soon", "the key before the last one may still be in use; try again in 20 minutes")
    new = DatedSecret(random_token(48), now_s + ROTATION_LEAD_S)
    write_secret(file, "\n".join(f"{one.signs_from_s:.0f} {one.secret}" for one in (new, latest)))
    return new


def _token_file(settings: Settings) -> Path:
    return settings.data.dir.expanduser() / TOKEN_FILE


def _kept(file: Path) -> list[DatedSecret]:
    """The secrets of the file, one a line after the second from which it signs; a new file on the first start."""
    try:
        if not file.exists():
            write_secret(file, f"0 {random_token(48)}")
        lines = file.read_text(encoding="utf-8").split("\n")
        return [_read(line.split()) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not what was written"
        raise Misconfigured("settings_unreadable", f"cannot read {file}: {reason}") from error


def _read(words: list[str]) -> DatedSecret:
    return DatedSecret(words[0]) if len(words) == 1 else DatedSecret(words[1], float(words[0]))
