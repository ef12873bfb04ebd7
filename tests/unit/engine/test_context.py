"""The window: whole turns, the newest, within the budget, with a start that stays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voiceagent.domain.conversation import Message, ToolCall
from voiceagent.engine.context import cost, split_current, window


def turn(number: int, words: int = 3) -> tuple[Message, Message]:
    return Message("user", f"q{number} " * words), Message("assistant", f"a{number} " * words)


def count(text: str) -> int:
    return len(text.split())


def history(sizes: list[int]) -> tuple[Message, ...]:
    return tuple(message for number, words in enumerate(sizes) for message in turn(number, words))


def test_everything_stays_while_it_fits() -> None:
    messages = history([3, 3, 3])
    assert window(messages, budget_tokens=cost(messages, count), count=count) == messages


def test_a_turn_over_the_whole_budget_is_not_split() -> None:
    messages = history([3, 500])
    assert window(messages, budget_tokens=100, count=count) == ()


def test_calls_of_tools_and_their_answers_stay_with_their_turn() -> None:
    call = Message("assistant", "", (ToolCall("c", "f", "{}"),))
    messages = (*turn(1), Message("user", "now"), call, Message("tool", "42", tool_call_id="c"))
    past, current = split_current(messages)
    assert past == turn(1)
    assert current == messages[2:]


def test_the_start_of_the_prompt_stays_the_same_for_several_turns() -> None:
    starts = []
    for turns in range(10, 40):
        kept = window(history([5] * turns), budget_tokens=200, count=count)
        starts.append(kept[0].text)
    assert len(set(starts)) <= len(starts) / 4


@given(st.lists(st.integers(1, 40), max_size=30), st.integers(0, 300))
def test_the_window_is_a_run_of_whole_newest_turns_within_the_budget(sizes: list[int], budget: int) -> None:
    messages = history(sizes)
    kept = window(messages, budget_tokens=budget, count=count)
    assert messages[len(messages) - len(kept) :] == kept
    assert not kept or kept[0].role == "user"
    assert cost(kept, count) <= budget
    last = messages[-2:]
    assert kept or not last or cost(last, count) > budget
