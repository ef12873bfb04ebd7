"""The keys that sign tokens: given by the operator, or drawn here and kept as long as they must last."""

from __future__ import annotations

from pathlib import Path

from voiceagent.apps.first_start import write_secret
from voiceagent.apps.settings import Settings
from voiceagent.kit.crypto import random_token
from voiceagent.kit.errors import Misconfigured
from voiceagent.web.jwt import TokenKeys

TOKEN_FILE = "token-secret"  # noqa: S105 - a file's name


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
    secret = settings.identity.token_secret.get_secret_value() or _kept(settings.data.dir.expanduser() / TOKEN_FILE)
    return TokenKeys.from_secrets(secret)


def _kept(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        write_secret(file, random_token(48))
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Misconfigured("settings_unreadable", f"cannot read {file}: {error.strerror}") from error
