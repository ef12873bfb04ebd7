"""Reads the URL of an OpenAI-compatible model server, Azure's too: where to call, with which key, what is known of the model. No calls."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from voiceagent.kit.calls.outbound import Outbound, is_loopback
from voiceagent.kit.errors import Misconfigured
from voiceagent.ports.llm import LlmCapabilities

_KNOWN = {"model", "key_env", "key_file", "context", "tools", "concurrency", "local"}
_AZURE = _KNOWN - {"model"} | {"deployment", "api_version"}


@dataclass(frozen=True, slots=True)
class OpenAiServer:
    """Where to call and what is known of the model. base_url ends in /v1 or alike; api_key is "" when the server wants none.

    api_version: of Azure's API, which also takes its key in another header; "" for everybody else.
    outbound: where calls may go; None leaves it to the operator who wrote the URL.
    """

    base_url: str
    capabilities: LlmCapabilities
    api_key: str = ""
    keep_alive: bool = True
    extra: tuple[tuple[str, Any], ...] = ()
    api_version: str = ""
    outbound: Outbound | None = None

    def credentials(self) -> dict[str, str]:
        """The headers with the key."""
        if not self.api_key:
            return {}
        return {"api-key": self.api_key} if self.api_version else {"Authorization": f"Bearer {self.api_key}"}


def server_at(url: str, *, api_key: str = "", outbound: Outbound | None = None) -> OpenAiServer:
    """`openai+http[s]://host/v1?model=NAME[&key_env=VAR|&key_file=PATH][&context=N][&tools=1][&concurrency=N][&local=0]`, or Azure's
    `azure+https://NAME.openai.azure.com?deployment=NAME&api_version=2024-10-21` with the same options.

    local=0: the server is on this machine, but passes on what it is told (a proxy of models elsewhere).
    api_key: instead of key_env and key_file. outbound: an address that it refuses raises InvalidInput `address_refused`.
    Raises Misconfigured `llm_url` or `llm_credentials`.
    """
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    kind, _, scheme = parts.scheme.partition("+")
    known = _AZURE if kind == "azure" else _KNOWN
    if parts.username or parts.password or not parts.hostname or set(query) - known:
        raise Misconfigured("llm_url", f"an LLM URL has a host, no password, and of {sorted(known)} what it needs")
    base_url = f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    if outbound is not None:
        outbound.check(base_url)
    model = query.get("deployment" if kind == "azure" else "model", "")
    version = query.get("api_version", "")
    if not model or (kind == "azure" and not version.replace("-", "").isalnum()):
        wanted = "?deployment=NAME&api_version=DATE" if kind == "azure" else "?model=NAME"
        raise Misconfigured("llm_url", f"the LLM URL lacks {wanted}")
    if kind == "azure":
        base_url += f"/openai/deployments/{quote(model, safe='')}"
    capabilities = LlmCapabilities(
        model=model,
        context_tokens=_number(query, "context", 8192),
        tools=query.get("tools", "0") == "1",
        local=is_loopback(parts.hostname) and query.get("local") != "0",
        concurrency=_number(query, "concurrency", 16),
    )
    key = api_key or api_key_of(query)
    return OpenAiServer(base_url, capabilities, key, api_version=version, outbound=outbound)


def _number(query: dict[str, str], name: str, default: int) -> int:
    value = query.get(name, str(default))
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise Misconfigured("llm_url", f"{name} in the LLM URL must be a positive number")
    return int(value)


def api_key_of(query: dict[str, str]) -> str:
    """The key that `key_env` or `key_file` names, "" where none is named. Raises Misconfigured `llm_credentials`."""
    if variable := query.get("key_env"):
        key = os.environ.get(variable, "").strip()
        if not key:
            raise Misconfigured("llm_credentials", f"the environment variable {variable} with the API key is empty")
        return key
    if not (path := query.get("key_file")):
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured("llm_credentials", "the file with the API key (key_file) cannot be read") from error
