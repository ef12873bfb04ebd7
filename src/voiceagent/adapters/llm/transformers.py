"""A model folder in Hugging Face's format: `transformers serve` in a child process, called through the OpenAI client next door."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from voiceagent.adapters.llm.child import Child, ModelProcess
from voiceagent.adapters.llm.estimate import estimate_prompt
from voiceagent.adapters.llm.openai import OpenAiLlm, OpenAiServer
from voiceagent.domain.conversation import Message
from voiceagent.kit.crypto import random_token
from voiceagent.kit.errors import InvalidInput, Misconfigured
from voiceagent.ports.llm import ChatDelta, ChatRequest, LlmCapabilities

_PACKAGES = ("transformers", "torch", "accelerate", "fastapi", "uvicorn", "openai")
_CONTEXT_TOKENS = 4096
"""When neither the URL nor the model says."""
_MOST_CONTEXT_TOKENS = 1 << 20
_START_S = 600.0
"""Longest wait for a child to load its model: several gigabytes from a slow disk, after torch itself."""
_OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
"""Nothing is fetched and nothing told: the folder has all there is."""


def open_llm(url: str) -> TransformersLlm:
    """`transformers:///abs/folder[?context=N][&tools=1]`. Inside an event loop the child begins to load at once.

    Raises Misconfigured `llm_url`, `model_missing`, `model_corrupt`, or `adapter_not_installed` without the extra `transformers`.
    """
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    folder = Path(unquote(parts.path))
    context = query.get("context", "")
    if parts.netloc or parts.path in ("", "/") or set(query) - {"context", "tools"} or not _counted(context):
        raise Misconfigured(
            "llm_url", "a transformers URL is transformers:///absolute/folder[?context=N&tools=1], N a number of tokens"
        )
    config = _config(folder)
    _check_installed()
    llm = TransformersLlm(folder, int(context or _own_context(config)), tools=query.get("tools") == "1")
    with suppress(RuntimeError):  # without a running loop the first call starts it
        asyncio.get_running_loop()
        llm.start()
    return llm


class TransformersLlm:
    """Implements ports.llm.LanguageModel. Belongs to the event loop of its first call. The server answers one call at a time."""

    def __init__(self, folder: Path, context_tokens: int, *, tools: bool = False) -> None:
        key = random_token()
        capabilities = LlmCapabilities(folder.name, context_tokens, tools, local=True, concurrency=1)
        server = OpenAiServer(base_url="", capabilities=capabilities, api_key=key, extra=(("model", "."),))
        self._client = OpenAiLlm(server)
        child = Child(
            "voiceagent.adapters.llm.transformers_server",
            {"model": str(folder), "api_key": key},
            threads=max((os.cpu_count() or 1) - 1, 1),
            start_s=_START_S,
            environment=_OFFLINE,
        )
        self._child = ModelProcess(child, self._connect)

    @property
    def capabilities(self) -> LlmCapabilities:
        return self._client.capabilities

    def start(self) -> None:
        """Begin to load the model now instead of at the first call. Needs the event loop. Idempotent."""
        self._child.start()

    @property
    def child_pid(self) -> int | None:
        """The process that holds the model, while it runs."""
        return self._child.pid

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """Raises also InvalidInput `context_too_long` by an estimate: the server itself would read on past what the model knows."""
        if estimate_prompt([message.text for message in request.messages]) > self.capabilities.context_tokens:
            raise InvalidInput("context_too_long", "the conversation is longer than the model's context")
        await self._child.wait(request.deadline_s)
        async with aclosing(self._client.stream(request)) as deltas:
            async for delta in deltas:
                yield delta

    async def warm(self, messages: tuple[Message, ...]) -> None:
        """Begins to load the model; the server keeps no prefix from one call to the next."""
        self._child.start()

    async def count_tokens(self, text: str) -> int:
        return await self._client.count_tokens(text)

    async def ready(self) -> bool:
        """Also starts the child, the first time."""
        self._child.start()
        return self._child.pid is not None and await self._client.ready()

    async def close(self) -> None:
        await self._child.close()
        await self._client.close()

    def _connect(self, address: str) -> None:
        self._client.move_to(f"{address}/v1")


def _check_installed() -> None:
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise Misconfigured(
            "adapter_not_installed",
            f"llm.url transformers:// needs {', '.join(missing)}: install the extra, pip install 'voiceagent[transformers]'",
            param="llm.url",
        )


def _config(folder: Path) -> dict[str, Any]:
    """The model's own description."""
    try:
        found = json.loads((folder / "config.json").read_bytes())
    except OSError as error:
        raise Misconfigured("model_missing", f"the model folder {folder.name} has no config.json to read") from error
    except ValueError as error:
        raise Misconfigured("model_corrupt", f"the config.json of the model {folder.name} is not JSON") from error
    if not isinstance(found, dict):
        raise Misconfigured("model_corrupt", f"the config.json of the model {folder.name} is not an object")
    return found


def _own_context(config: dict[str, Any]) -> int:
    text = config.get("text_config")
    found = (text if isinstance(text, dict) else config).get("max_position_embeddings")
    return found if isinstance(found, int) and 0 < found <= _MOST_CONTEXT_TOKENS else _CONTEXT_TOKENS


def _counted(value: str) -> bool:
    return value == "" or (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= _MOST_CONTEXT_TOKENS)
