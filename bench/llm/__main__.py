"""Figures of the bundled model on this machine: load, memory, first token cold and warm, tokens a second, and ten answers to read.

python -m bench.llm [--threads 1] [--model llamacpp:///...]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import psutil

from voiceagent.adapters.llm.llamacpp import LlamaCppLlm, open_llm
from voiceagent.adapters.store.sql import open_store
from voiceagent.domain.agent import Agent
from voiceagent.domain.conversation import Message
from voiceagent.domain.reply import ReplyDone, ReplyRequest, ReplyText
from voiceagent.engine.reply import EngineParts, EngineService
from voiceagent.engine.routing.router import Router
from voiceagent.models.store import ModelStore, default_root
from voiceagent.ports.llm import ChatDone, ChatRequest, TextDelta

QUESTIONS = (
    "Hello, how are you?",
    "What is your name?",
    "What is the capital of France?",
    "Can you help me?",
    "Tell me a joke.",
    "What can you do?",
    "Thank you very much.",
    "What is two plus two?",
    "I would like to order a coffee.",
    "Good night.",
)


@dataclass
class Timed:
    first_ms: float
    clause_ms: float | None
    tokens_a_s: float
    text: str
    done: ChatDone | None = None


async def call(llm: LlamaCppLlm, messages: tuple[Message, ...], tokens: int = 40) -> Timed:
    """One call of the model, timed."""
    began = time.perf_counter()
    times: list[float] = []
    text, done = "", None
    async with aclosing(llm.stream(ChatRequest(messages, tokens, deadline_s=60))) as deltas:
        async for delta in deltas:
            if isinstance(delta, TextDelta):
                times.append(time.perf_counter() - began)
                text += delta.text
            elif isinstance(delta, ChatDone):
                done = delta
    rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0
    return Timed(times[0] * 1000, None, rate, text, done)


async def figures(llm: LlamaCppLlm) -> None:
    """Load time, memory, and the first token by what the prefix cache holds."""
    began = time.perf_counter()
    while not await llm.ready():
        await asyncio.sleep(0.01)
    process = psutil.Process(llm.child_pid or 0)
    print(f"load {time.perf_counter() - began:.2f} s, resident {process.memory_info().rss / 1e6:.0f} MB")
    cold, warm, rates, chunks = [], [], [], []
    for number in range(5):
        system = Message("system", f"Call {number}. {Agent().instructions}")
        question = Message("user", "What is the best way to learn to play the piano?")
        first = await call(llm, (system, question))
        cold.append(first.first_ms)
        rates.append(first.tokens_a_s)
        await llm.warm((system, Message("user", "Where do people like to go in the")))
        warm.append((await call(llm, (system, Message("user", "Where do people like to go in the summer?")))).first_ms)
        assert first.done is not None
        chunks.append(first.done.usage.prompt_tokens / first.first_ms * 1000)
    print(
        f"first token: cold prompt of ~60 tokens {statistics.median(cold):.0f} ms, warmed {statistics.median(warm):.0f} ms"
    )
    print(f"prompt {statistics.median(chunks):.0f} tokens/s, answer {statistics.median(rates):.0f} tokens/s")
    print(f"resident after {process.memory_info().rss / 1e6:.0f} MB, threads {process.num_threads()}")
    before = sum(process.cpu_times()[:2])
    await asyncio.sleep(2)
    print(f"idle: {(sum(process.cpu_times()[:2]) - before) / 2 * 100:.1f} % of a core")


async def answers(llm: LlamaCppLlm) -> None:
    """Ten questions through the engine as a voice turn asks them: prepared while they are spoken."""
    store = open_store("sqlite://")
    await store.migrate()
    engine = EngineService(EngineParts(store, Router({"small": llm})))
    firsts, clauses = [], []
    for question in QUESTIONS:
        request = ReplyRequest("ten", "usr", Agent(), (Message("user", question),))
        await engine.prepare(ReplyRequest("ten", "usr", Agent(), (Message("user", question[: len(question) // 2]),)))
        began, text, first, clause = time.perf_counter(), "", None, None
        async for event in engine.reply(request):
            if isinstance(event, ReplyText):
                text += event.text
                now = (time.perf_counter() - began) * 1000
                first = first or now
                clause = clause or (now if any(mark in text for mark in ".!?,;:") else None)
            elif isinstance(event, ReplyDone):
                total = (time.perf_counter() - began) * 1000
                print(
                    f"  {first or 0:4.0f} / {clause or 0:5.0f} / {total:5.0f} ms  {question}  ->  {text!r} ({event.finish_reason})"
                )
        firsts.append(first or 0.0)
        clauses.append(clause or total)
    print(f"first token p50 {statistics.median(firsts):.0f} ms, first clause p50 {statistics.median(clauses):.0f} ms")
    await store.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--model", default="llamacpp:///")
    options = parser.parse_args()
    local = Path(__file__).parents[2] / ".cache" / "models"
    models = ModelStore(local if local.exists() else default_root())
    llm = open_llm(f"{options.model}?threads={options.threads}", models=models)
    try:
        await figures(llm)
        await answers(llm)
    finally:
        await llm.close()


if __name__ == "__main__":
    asyncio.run(main())
