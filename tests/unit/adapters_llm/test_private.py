"""A model behind pseudonyms: what it is sent, and what of its answer is turned back."""

from __future__ import annotations

import json

import pytest

from voiceagent.adapters.llm.private import PrivateModel, _Restored
from voiceagent.adapters.llm.scripted import ScriptedAnswer, ScriptedLlm
from voiceagent.domain.conversation import Message, ToolCall
from voiceagent.domain.pii.replace import replace
from voiceagent.kit.errors import Unavailable
from voiceagent.ports.llm import ChatDone, ChatRequest, TextDelta, ToolCallDelta

CARD = "4111 1111 1111 1111"
SAID = "four one one one one one one one one one one one one one one one"


class Heard:
    """A script that keeps what the model was sent, and answers with it."""

    def __init__(self, answer: str = "You said: {question}") -> None:
        self.requests: list[ChatRequest] = []
        self._answer = answer

    def __call__(self, request: ChatRequest) -> ScriptedAnswer:
        self.requests.append(request)
        return ScriptedAnswer(text=self._answer)

    @property
    def sent(self) -> str:
        return repr(self.requests[-1].messages)


async def answer(model: PrivateModel, *messages: Message) -> str:
    deltas = [delta async for delta in model.stream(ChatRequest(messages))]
    assert isinstance(deltas[-1], ChatDone)
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


@pytest.mark.parametrize("secret", [CARD, SAID, "anna@example.com", "anna dot k at example dot com", "Anna Kowalska"])
async def test_the_model_never_sees_it_and_the_caller_gets_it_back(secret: str) -> None:
    heard = Heard()
    said = await answer(
        PrivateModel(ScriptedLlm(heard)), Message("system", "Be short."), Message("user", f"note {secret} please")
    )
    assert secret not in heard.sent
    assert said.strip() == f"You said: note {secret} please"


async def test_the_whole_prompt_is_covered_and_one_value_keeps_one_pseudonym() -> None:
    heard = Heard("Fine.")
    model = PrivateModel(ScriptedLlm(heard))
    call = ToolCall("c1", "send", json.dumps({"to": "anna@example.com", "copies": 2}))
    await answer(
        model,
        Message("system", "Ask anna@example.com first."),
        Message("assistant", "", tool_calls=(call,)),
        Message("tool", "sent to anna@example.com", tool_call_id="c1"),
        Message("user", "was it anna@example.com?"),
    )
    assert "anna@example.com" not in heard.sent
    names = {word for word in heard.sent.replace('"', " ").replace("'", " ").split() if word.startswith("[email:")}
    assert len({name.partition("]")[0] for name in names}) == 1
    (sent,) = heard.requests[-1].messages[1].tool_calls
    assert json.loads(sent.arguments)["copies"] == 2


async def test_arguments_of_tools_come_back_as_json() -> None:
    text = 'She goes by "Anna Kowalska".\nMail anna@example.com'

    def note(request: ChatRequest) -> ScriptedAnswer:
        return ScriptedAnswer(calls=(ToolCall("c1", "note", json.dumps({"text": request.messages[-1].text})),))

    model = PrivateModel(ScriptedLlm(note))
    deltas = [delta async for delta in model.stream(ChatRequest((Message("user", text),)))]
    (made,) = [delta for delta in deltas if isinstance(delta, ToolCallDelta)]
    assert json.loads(made.call.arguments)["text"] == text


async def test_failures_of_the_model_pass_through() -> None:
    model = PrivateModel(ScriptedLlm([ScriptedAnswer("one two three", fault="cut", fault_after=2)]))
    with pytest.raises(Unavailable):
        await answer(model, Message("user", CARD))


async def test_closing_the_answer_closes_the_model_s() -> None:
    inner = ScriptedLlm([ScriptedAnswer("word " * 50)])
    stream = PrivateModel(inner).stream(ChatRequest((Message("user", CARD),)))
    await anext(stream)
    await stream.aclose()
    assert [delta async for delta in stream] == []


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_pseudonyms_are_put_together_from_pieces_of_any_size(size: int) -> None:
    replaced = replace(f"[note] {CARD}, mail anna@example.com [end", "pseudonym", key=b"k")
    text = _Restored(dict(replaced.originals))
    pieces = [text.feed(replaced.text[at : at + size]) for at in range(0, len(replaced.text), size)]
    assert "".join([*pieces, text.end()]) == f"[note] {CARD}, mail anna@example.com [end"


def test_a_bracket_that_begins_nothing_is_not_held_for_long() -> None:
    text = _Restored({"[card:bcdfghjklm]": CARD})
    assert text.feed("[" + "x" * 80) == "[" + "x" * 80
