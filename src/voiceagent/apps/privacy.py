"""Which sinks get words without personal data, as the settings have it: composes domain/pii with logs, models and the store."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from voiceagent.adapters.embed.private import PrivateEmbedder
from voiceagent.adapters.llm.private import PrivateModel
from voiceagent.adapters.rerank.private import PrivateReranker
from voiceagent.apps.first_start import write_secret
from voiceagent.apps.settings import Settings
from voiceagent.domain.erasure import SubjectNames
from voiceagent.domain.pii.replace import replace
from voiceagent.domain.pii.spans import STRUCTURED, Kind
from voiceagent.engine.privacy import TurnPseudonyms
from voiceagent.kit.calls.outbound import is_loopback
from voiceagent.kit.crypto import random_token
from voiceagent.kit.errors import Misconfigured
from voiceagent.ports.llm import LanguageModel

SECRET_FILE = "privacy-secret"  # noqa: S105 - a file's name
_LEAST_SECRET_CHARS = 32
_LOG_KINDS: frozenset[Kind] = STRUCTURED - {"ip", "mac"}
"""Names are left out because log lines are full of words with capitals, addresses of machines because operators look for them."""
_LOG_SCORE = 0.85
_MAY_HOLD = re.compile(
    r"@|[?&]\w{1,16}+=|\d(?:[ .\-/()]{0,3}+\d){5}|(?<!\w)[A-Za-z]{6}\d\d|(?<!\w)(?:[13]|0x|bc1|tb1)\w{25}"
)
"""Most of what is logged is names and ids of ours: they cost a microsecond each and never meet the recognisers."""


def log_redaction(settings: Settings) -> Callable[[str], str] | None:
    """What text fields of logs go through, or None."""
    return masked_for_logs if "logs" in settings.privacy.redact else None


def masked_for_logs(text: str) -> str:
    """`text` with a mask for each card, account, telephone number, e-mail address and the like that is beyond doubt."""
    if not _MAY_HOLD.search(text):
        return text
    return replace(text, "mask", kinds=_LOG_KINDS, minimum=_LOG_SCORE).text


def masked(text: str) -> str:
    """`text` with a mask for everything personal that is found in it."""
    return replace(text, "mask").text


def subject_names(settings: Settings) -> SubjectNames:
    """Makes keyed hashes of people. Raises Misconfigured `weak_secret` or `settings_unreadable`."""
    return SubjectNames(_secret(settings).encode())


def private_model(settings: Settings, model: LanguageModel) -> LanguageModel:
    """The model, behind pseudonyms when prompts are to be redacted and it is not on this machine."""
    return PrivateModel(model) if "prompts" in settings.privacy.redact and not model.capabilities.local else model


def private_part(settings: Settings, kind: str, url: str, part: Any) -> Any:
    """What `url` opened; when prompts are to be redacted and it is not on this machine, behind pseudonyms (language models) or masks
    (embeddings, reranking). Recognition and speech are not prompts: they hear and say what they must."""
    if kind == "llm":
        return private_model(settings, part)
    if "prompts" not in settings.privacy.redact or not _is_elsewhere(url):
        return part
    if kind == "embed":
        return PrivateEmbedder(part)
    return PrivateReranker(part) if kind == "rerank" else part


def _is_elsewhere(url: str) -> bool:
    parts = urlsplit(url)
    passes_on = parse_qs(parts.query).get("local") == ["0"]
    return "+http" in parts.scheme and (passes_on or not is_loopback(parts.hostname or ""))


def turn_pseudonyms(settings: Settings) -> TurnPseudonyms | None:
    """What turns go through before they are stored, or None. Raises Misconfigured `weak_secret` or `settings_unreadable`."""
    if "transcripts" not in settings.privacy.redact:
        return None
    return TurnPseudonyms(_secret(settings).encode())


def _secret(settings: Settings) -> str:
    file = settings.data.dir.expanduser() / SECRET_FILE
    secret = settings.privacy.secret.get_secret_value()
    try:
        if not secret and not file.exists():
            write_secret(file, random_token(48))
        secret = secret or file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Misconfigured("settings_unreadable", f"cannot read {file}: {error.strerror}") from error
    if len(secret) < _LEAST_SECRET_CHARS:
        raise Misconfigured("weak_secret", "privacy.secret has fewer than 32 characters", param="privacy.secret")
    return secret
