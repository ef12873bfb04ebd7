"""Asks the servers of models that the settings name whether they answer and take the key. No model is asked anything, so that nothing is spent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from urllib.parse import parse_qs, urlsplit

import aiohttp

from voiceagent.adapters.llm.openai_url import api_key_of
from voiceagent.apps.diagnosis.finding import WITHIN_S, Look
from voiceagent.apps.settings import Settings
from voiceagent.kit.errors import Misconfigured, Unavailable

_CONNECT_S = 2.0
_SPOKEN = ("openai", "azure", "rerank", "tei")
_KEY_ENV = {"stt": "OPENAI_API_KEY", "tts": "OPENAI_API_KEY", "embed": "OPENAI_API_KEY"}
"""The variable with the key where the URL names none; the others have none."""


def looks_at_servers(settings: Settings) -> Iterator[Look]:
    """A look at each server of models that the settings name."""
    for setting, url in _urls(settings):
        if urlsplit(url).scheme.partition("+")[0] in _SPOKEN and "+" in urlsplit(url).scheme:
            kind = setting.partition(".")[0]
            advice = f"is the server up, and {setting} right?"
            yield Look(setting, partial(_server, url, _KEY_ENV.get(kind, "")), advice)


def _urls(settings: Settings) -> Iterator[tuple[str, str]]:
    for kind in ("llm", "stt", "tts", "embed", "rerank"):
        area = getattr(settings, kind)
        for name in ("url", "fallback_url", "previous_url"):
            if url := getattr(area, name, ""):
                yield f"{kind}.{name}", settings.filled(url)
    for url in settings.routing.providers:
        yield "routing.providers", settings.filled(url)


async def _server(url: str, key_env: str) -> str:
    """Which server answered. Raises Misconfigured `llm_credentials` or `llm_url`, Unavailable `llm_unavailable`."""
    parts = urlsplit(url)
    kind, _, scheme = parts.scheme.partition("+")
    headers = _credentials(parts.query, kind, key_env)
    base = f"{scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
    told = aiohttp.ClientTimeout(total=WITHIN_S - 0.5, connect=_CONNECT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=told) as http,
            http.get(base + ("/models" if kind == "openai" else ""), headers=headers, allow_redirects=False) as answer,
        ):
            status = answer.status
    except ValueError as failure:
        raise Misconfigured("llm_url", f"{base} is no address") from failure
    except (aiohttp.ClientError, TimeoutError, OSError) as failure:
        raise Unavailable("llm_unavailable", f"{base} does not answer ({type(failure).__name__})") from failure
    if kind == "openai" and status in (401, 403):
        raise Misconfigured("llm_credentials", f"{base} refuses the key ({status}): look at key_env or key_file")
    if status >= 500:
        raise Unavailable("llm_unavailable", f"{base} answers with {status}")
    return f"{base} answers"


def _credentials(query: str, kind: str, key_env: str) -> dict[str, str]:
    options = {name: values[-1] for name, values in parse_qs(query).items()}
    key = api_key_of(options)
    if not key and key_env and "key_env" not in options:
        key = os.environ.get(key_env, "").strip()
    if not key:
        return {}
    return {"api-key": key} if kind == "azure" else {"Authorization": f"Bearer {key}"}
