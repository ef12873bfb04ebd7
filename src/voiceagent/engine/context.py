"""Which part of a conversation fits into the prompt: whole turns, the newest, within a budget of tokens. Pure."""

from __future__ import annotations

from collections.abc import Callable

from voiceagent.domain.conversation import Message

MESSAGE_TOKENS = 5
"""What a chat template adds around one message."""

_KEPT = 0.5
"""How much of the budget is filled after a cut."""

CountTokens = Callable[[str], int]


def split_current(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """The history, and the turn that is being answered: the caller's last words and what tools said to them."""
    turns = _turns(messages)
    if not turns:
        return (), ()
    return tuple(message for turn in turns[:-1] for message in turn), tuple(turns[-1])


def cost(messages: tuple[Message, ...], count: CountTokens) -> int:
    """Tokens of these messages in a prompt."""
    return sum(count(message.text) + MESSAGE_TOKENS for message in messages)


def window(history: tuple[Message, ...], *, budget_tokens: int, count: CountTokens) -> tuple[Message, ...]:
    """The newest turns of `history` (no system messages) that fit, whole; none when not even the last one does.

    When the budget is passed, turns go until half of it is free: then the start of the prompt stays the same for many turns, and the
    model's prefix cache with it. The result depends only on the arguments.
    """
    turns = _turns(history)
    costs = [cost(tuple(turn), count) for turn in turns]
    first, held = 0, 0
    for index, turn_cost in enumerate(costs):
        held += turn_cost
        if held > budget_tokens:
            while first <= index and held > max(budget_tokens * _KEPT, turn_cost if turn_cost <= budget_tokens else 0):
                held -= costs[first]
                first += 1
    return tuple(message for turn in turns[first:] for message in turn)


def _turns(messages: tuple[Message, ...]) -> list[list[Message]]:
    """Messages grouped so that each group starts with what the caller said; calls and answers of tools stay together."""
    groups: list[list[Message]] = []
    for message in messages:
        if not groups or (message.role == "user" and groups[-1][-1].role != "user"):
            groups.append([])
        groups[-1].append(message)
    return groups
