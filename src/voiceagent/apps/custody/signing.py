"""The key that signs the audit log's anchors, and the anchors of this installation."""

from __future__ import annotations

import hashlib
from pathlib import Path

from voiceagent.apps.first_start import write_secret
from voiceagent.apps.settings import Settings
from voiceagent.kit.crypto import random_token
from voiceagent.kit.crypto_signing import Signer
from voiceagent.kit.errors import Misconfigured

KEY_FILE = "audit-signing-key"
SECRET_BYTES = 32


def audit_signer(settings: Settings) -> Signer:
    """The key given by the operator, or the one that is drawn once and kept in the data folder. Raises Misconfigured `weak_secret` or `settings_unreadable`."""
    secret = settings.anchors.signing_key.get_secret_value() or _kept(settings.data.dir.expanduser() / KEY_FILE)
    if len(secret.encode()) < SECRET_BYTES:
        raise Misconfigured(
            "weak_secret", f"anchors.signing_key needs {SECRET_BYTES} bytes", param="anchors.signing_key"
        )
    return Signer(hashlib.sha256(b"voiceagent audit anchors\0" + secret.encode()).digest())


def _kept(file: Path) -> str:
    try:
        if not file.exists():
            write_secret(file, random_token(48))
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured("settings_unreadable", f"cannot read {file}: {type(error).__name__}") from error
