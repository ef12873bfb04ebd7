"""What a model may use is decided by lists, schemas and counts."""

from __future__ import annotations

import json

import pytest
from tests.support.tool_parts import NOTE, OPENING_HOURS, PAY, SECRET

from voiceagent.domain.agent import Agent
from voiceagent.domain.conversation import ToolCall
from voiceagent.domain.identity import Principal
from voiceagent.domain.tool import ToolUse
from voiceagent.engine.tools.consent import question_for, says_yes
from voiceagent.engine.tools.policy import CALLS_A_TURN, Allowance, Refusal, allowance, specs

CALLER = Principal("ten_a", "usr_a", frozenset({"talk"}))
ALL = (NOTE, OPENING_HOURS, PAY, SECRET)


def allowed(*names: str) -> Allowance:
    return allowance(Agent(tools=names or ("pay", "opening_hours", "note")), ALL, CALLER)


def pay(**changed: object) -> ToolCall:
    return ToolCall("c", "pay", json.dumps({"recipient": "anna", "cents": 500} | changed))


def test_a_permitted_use_carries_what_the_model_wrote_and_what_is_the_callers() -> None:
    use = allowed().judged(pay())
    assert isinstance(use, ToolUse)
    assert use.arguments == {"recipient": "anna", "cents": 500}
    assert use.bound == {"account": "usr_a", "bank": "ten_a"}


def test_the_model_is_not_told_of_what_is_bound() -> None:
    told = {spec.name: spec.parameters for spec in specs(allowed())}
    assert set(told) == {"pay", "opening_hours", "note"}
    assert set(told["pay"]["properties"]) == {"recipient", "cents"}  # type: ignore[call-overload]
    assert told["pay"]["additionalProperties"] is False


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (ToolCall("c", "secret", "{}"), "tool_not_allowed"),
        (ToolCall("c", "Pay", "{}"), "tool_not_allowed"),
        (ToolCall("c", "", "{}"), "tool_not_allowed"),
        (pay(account="usr_b"), "tool_arguments"),
        (pay(bank="ten_b"), "tool_arguments"),
        (pay(recipient="mallory"), "tool_arguments"),
        (pay(recipient=["anna"]), "tool_arguments"),
        (pay(cents=10_001), "tool_arguments"),
        (pay(cents=0.5), "tool_arguments"),
        (pay(cents="500"), "tool_arguments"),
        (pay(cents=True), "tool_arguments"),
        (pay(tip=1), "tool_arguments"),
        (ToolCall("c", "pay", '{"recipient": "anna", "recipient": "ben", "cents": 1}'), "tool_arguments"),
        (ToolCall("c", "pay", '{"recipient": "anna", "cents": NaN}'), "tool_arguments"),
        (ToolCall("c", "pay", '{"recipient": "anna"}'), "tool_arguments"),
        (ToolCall("c", "pay", "[]"), "tool_arguments"),
        (ToolCall("c", "pay", "null"), "tool_arguments"),
        (ToolCall("c", "pay", "{"), "tool_arguments"),
        (ToolCall("c", "pay", ""), "tool_arguments"),
        (ToolCall("c", "note", json.dumps({"text": "x" * 9000})), "tool_arguments"),
        (ToolCall("c", "note", '{"text": ' + "[" * 4000 + "]" * 4000 + "}"), "tool_arguments"),
    ],
)
def test_what_is_refused(call: ToolCall, code: str) -> None:
    judged = allowed().judged(call)
    assert isinstance(judged, Refusal)
    assert judged.code == code
    assert "mallory" not in judged.reason


def test_a_tool_has_a_budget_and_so_has_the_answer() -> None:
    few = allowed()
    assert [isinstance(few.judged(pay()), ToolUse) for _ in range(5)] == [True] * 3 + [False] * 2
    for _ in range(CALLS_A_TURN):
        few.judged(ToolCall("c", "nonsense", "{}"))
    refused = few.judged(ToolCall("c", "opening_hours", '{"day": "monday"}'))
    assert isinstance(refused, Refusal)
    assert refused.code == "tool_budget", "calls that were refused count too"
    assert few.spent


def test_the_question_holds_every_argument() -> None:
    use = allowed().judged(pay())
    assert isinstance(use, ToolUse)
    assert question_for(use, "en") == "Shall I send money with recipient anna, cents 500? Please say yes or no."
    assert question_for(use, "de-CH").startswith("Soll ich send money mit recipient anna, cents 500?")


@pytest.mark.parametrize("said", ["Yes.", "yes, please!", "Go ahead", "That's right.", "Ja, bitte.", "Sí.", "D'accord"])
def test_a_plain_yes_is_one(said: str) -> None:
    assert says_yes(said)


@pytest.mark.parametrize(
    "said", ["", "no", "yes but not to Anna", "yesterday", "I said yes to nothing", "yes no", "not ok"]
)
def test_anything_more_is_none(said: str) -> None:
    assert not says_yes(said)
