"""From a request to the call of a model: window, passages, limits. Fetches nothing but token counts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from voiceagent.domain.conversation import Message
from voiceagent.domain.document import Passage
from voiceagent.domain.reply import ReplyRequest
from voiceagent.engine import prompt
from voiceagent.engine.context import cost, split_current, window
from voiceagent.engine.counting import TokenCounts
from voiceagent.kit.errors import InvalidInput
from voiceagent.ports.llm import ChatRequest, LanguageModel

_STOPS = ("\nUser:", "\nQuestion:", "\nHuman:")
"""A small model that goes on talks to itself; these end it. A larger one never writes them."""

_MARGIN_TOKENS = 16
_SOFT_WORDS_A_TOKEN = 0.35
"""A spoken answer ends with the sentence in which it passes this part of its token limit, instead of in the middle of a word."""
_SMALL_SOFT_WORDS = 24
"""What a small model says after two sentences is seldom worth hearing."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A call of a model and the passages whose numbers its answer may name. soft_words: a spoken answer ends with the sentence in
    which it says so many."""

    chat: ChatRequest
    passages: tuple[Passage, ...]
    soft_words: int


async def compose(
    request: ReplyRequest, passages: tuple[Passage, ...], llm: LanguageModel, counts: TokenCounts
) -> Composed:
    """The call for `request`. Raises InvalidInput `context_too_long` when not even the current turn fits."""
    told, others = prompt.split_system(request.messages)
    history, current = split_current(tuple(prompt.inert(message) for message in others))
    start = (prompt.system(_instructions(request, told), spoken=request.spoken), *_examples(request, llm))
    output_tokens = request.max_output_tokens or request.agent.max_output_tokens
    context_tokens = llm.capabilities.context_tokens
    output_tokens = min(output_tokens, max(context_tokens // 2, 1))
    room_tokens = context_tokens - output_tokens - _MARGIN_TOKENS
    grounded = prompt.with_passages(current, passages)
    count = await counts.counter(llm, (*start, *history, *current, *grounded), room_tokens)
    room_tokens -= cost(start, count)
    while passages and cost(grounded, count) > room_tokens:  # the best passages stay
        passages = passages[:-1]
        grounded = prompt.with_passages(current, passages)
        count = await counts.counter(llm, (*start, *history, *current, *grounded), room_tokens)
    if cost(grounded, count) > room_tokens:
        raise InvalidInput("context_too_long", "what was said does not fit into the model's context")
    # The history's share does not depend on this turn's length, so that the prompt starts alike from turn to turn.
    history_tokens = room_tokens - max(cost(grounded, count), context_tokens // 4)
    kept = window(history, budget_tokens=history_tokens, count=count)
    chat = _chat(request, (*start, *kept, *grounded), output_tokens, local=llm.capabilities.local)
    soft_words = max(int(output_tokens * _SOFT_WORDS_A_TOKEN), 8)
    return Composed(chat, passages, min(soft_words, _SMALL_SOFT_WORDS) if llm.capabilities.small else soft_words)


def _chat(request: ReplyRequest, messages: tuple[Message, ...], output_tokens: int, *, local: bool) -> ChatRequest:
    temperature = request.agent.temperature if request.temperature is None else request.temperature
    return ChatRequest(
        messages=messages,
        max_output_tokens=output_tokens,
        temperature=temperature,
        stop=_STOPS if local else (),
        tools=request.tools,
        tool_choice=request.tool_choice,
        deadline_s=request.deadline_s,
    )


def _examples(request: ReplyRequest, llm: LanguageModel) -> tuple[Message, ...]:
    fits = llm.capabilities.small and request.spoken and request.agent.language.startswith("en")
    return prompt.EXAMPLES if fits else ()


def _instructions(request: ReplyRequest, told: str | None) -> str:
    own = request.agent.instructions if request.instructions is None else request.instructions
    return own if told is None else f"{own}\n\n{told}".strip()


def within(chat: ChatRequest, left_s: float) -> ChatRequest:
    """The same call with less time."""
    return replace(chat, deadline_s=max(left_s, 0.05))
