"""A GGUF model on this machine: llama.cpp's server in a child process, called through the OpenAI client next door."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import aiohttp

from voiceagent.adapters.llm.child import Child, ModelProcess
from voiceagent.adapters.llm.estimate import estimate_tokens
from voiceagent.adapters.llm.openai import OpenAiLlm, OpenAiServer
from voiceagent.domain.conversation import Message
from voiceagent.kit.crypto import random_token
from voiceagent.kit.errors import Misconfigured, Problem
from voiceagent.ports.llm import ChatDelta, ChatRequest, LlmCapabilities
from voiceagent.ports.models import ModelPaths

BUNDLED = "smollm2-135m-instruct"
_CONTEXT_TOKENS = 2048
"""Of one conversation. Small on purpose: 2,048 tokens of the bundled model hold 47 MB, and take 10 s to read on one core."""
_PARALLEL = 2
_MAX_THREADS = 8
_WARM_S = 10.0
_COUNT_S = 1.0
_START_S = 120.0
"""Longest wait for a child to load its model; a 135M model takes about 1 s."""


@dataclass(frozen=True, slots=True)
class ChildSettings:
    """What the child is told on its stdin. context_tokens: of each of the `parallel` slots. threads: for reading and writing."""

    model: str
    context_tokens: int
    parallel: int
    threads: int
    api_key: str = field(default_factory=random_token, repr=False)


def open_llm(url: str, *, models: ModelPaths) -> LlamaCppLlm:
    """`llamacpp:///` for the bundled model, `llamacpp:///abs/file.gguf[?context=N][&threads=N][&parallel=N][&tools=1]` for another.

    Inside an event loop the child begins to load at once. Raises Misconfigured `llm_url`, `model_missing`, `model_corrupt`.
    """
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    if parts.netloc or set(query) - {"context", "threads", "parallel", "tools"}:
        raise Misconfigured(
            "llm_url", "a llamacpp URL is llamacpp:///[absolute path][?context=N&threads=N&parallel=N&tools=1]"
        )
    path = unquote(parts.path)
    bundled = path in ("", "/")
    file = gguf_at(models.path(BUNDLED) if bundled else Path(path))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    settings = ChildSettings(
        model=str(file),
        context_tokens=_number(query, "context", _CONTEXT_TOKENS),
        parallel=_number(query, "parallel", _PARALLEL),
        threads=_number(query, "threads", min(max(cores - 1, 1), _MAX_THREADS)),
    )
    llm = LlamaCppLlm(BUNDLED if bundled else file.stem, settings, tools=query.get("tools") == "1")
    with suppress(RuntimeError):  # without a running loop the first call starts it
        asyncio.get_running_loop()
        llm.start()
    return llm


def _number(query: dict[str, str], name: str, default: int) -> int:
    value = query.get(name, str(default))
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 1 << 20:
        raise Misconfigured("llm_url", f"{name} in the llamacpp URL must be a positive number")
    return int(value)


class LlamaCppLlm:
    """Implements ports.llm.LanguageModel. Belongs to the event loop of its first call."""

    def __init__(self, name: str, settings: ChildSettings, *, tools: bool = False) -> None:
        capabilities = LlmCapabilities(
            name, settings.context_tokens, tools, local=True, concurrency=settings.parallel, small=name == BUNDLED
        )
        server = OpenAiServer(
            base_url="",
            capabilities=capabilities,
            api_key=settings.api_key,
            keep_alive=False,  # llama.cpp closes a connection after a streamed answer without saying so
            extra=(("return_progress", True), ("cache_prompt", True)),
        )
        self._client = OpenAiLlm(server)
        child = Child("voiceagent.adapters.llm.llamacpp_server", asdict(settings), settings.threads, _START_S)
        self._child = ModelProcess(child, self._connect)
        self._warming: asyncio.Task[None] | None = None

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
        self._stop_warming()
        await self._child.wait(request.deadline_s)
        async with aclosing(self._client.stream(request)) as deltas:
            async for delta in deltas:
                yield delta

    async def warm(self, messages: tuple[Message, ...]) -> None:
        """Read `messages` into a slot, at most for 10 s. A `stream` that starts meanwhile ends it: what was read so far stays of use."""
        self._stop_warming()
        self._warming = task = asyncio.ensure_future(self._read_in(messages))
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()

    async def _read_in(self, messages: tuple[Message, ...]) -> None:
        try:
            async with asyncio.timeout(_WARM_S):
                await self._child.wait(_WARM_S)
                async with aclosing(self._client.stream(ChatRequest(messages, max_output_tokens=1))) as deltas:
                    async for _ in deltas:
                        pass
        except (Problem, TimeoutError):
            return  # only the head start is lost; the reply itself will tell

    def _stop_warming(self) -> None:
        task, self._warming = self._warming, None
        if task is not None:
            task.cancel()

    async def count_tokens(self, text: str) -> int:
        """Exact while the child runs, an estimate otherwise."""
        if self._child.pid is None:
            return estimate_tokens(text)
        try:
            async with asyncio.timeout(_COUNT_S):
                return len((await self._client.ask("/../tokenize", {"content": text}))["tokens"])
        except (Problem, TimeoutError, aiohttp.ClientError, OSError, KeyError, TypeError, ValueError):
            return estimate_tokens(text)

    async def ready(self) -> bool:
        """Also starts the child, the first time."""
        self._child.start()
        return self._child.pid is not None and await self._client.ready()

    async def close(self) -> None:
        self._stop_warming()
        await self._child.close()
        await self._client.close()

    def _connect(self, address: str) -> None:
        self._client.move_to(f"{address}/v1")


def gguf_at(file: Path) -> Path:
    """`file`, or the one GGUF file in that folder. Raises Misconfigured `model_missing` or `model_corrupt`."""
    try:
        if file.is_dir():
            file = next(iter(sorted(file.glob("*.gguf"))), file)
        with file.open("rb") as opened:
            magic = opened.read(4)
    except OSError as error:
        raise Misconfigured("model_missing", f"the model file {file.name} cannot be read") from error
    if magic != b"GGUF":
        raise Misconfigured("model_corrupt", f"{file.name} is not a GGUF model file")
    return file
