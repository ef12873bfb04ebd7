"""How the types of the service ports look as JSON between our own processes. Only those: the public shapes are elsewhere."""

from __future__ import annotations

import json

from pydantic import TypeAdapter

from voiceagent.domain.conversation import Turn
from voiceagent.domain.reply import ReplyEvent, ReplyRequest
from voiceagent.kit import errors
from voiceagent.kit.errors import Problem
from voiceagent.ports.services import OpenedConversation

REPLY_REQUEST: TypeAdapter[ReplyRequest] = TypeAdapter(ReplyRequest)
REPLY_EVENT: TypeAdapter[ReplyEvent] = TypeAdapter(ReplyEvent)
TURN: TypeAdapter[Turn] = TypeAdapter(Turn)
OPENED: TypeAdapter[OpenedConversation] = TypeAdapter(OpenedConversation)

PROBLEM_KEY = "problem"
"""A line of a reply's stream with this key ends it: the reply failed after it had begun."""

_KINDS = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, Problem) and kind is not Problem
}


def problem_line(problem: Problem) -> bytes:
    """A problem as a line of JSON, its kind included."""
    body = {
        "kind": type(problem).__name__,
        "code": problem.code,
        "message": problem.message,
        "param": problem.param,
        "retry_after_s": problem.retry_after_s,
    }
    return json.dumps({PROBLEM_KEY: body}).encode()


def problem_from(body: object) -> Problem:
    """The problem that a line or an answer holds; Unavailable `engine_unavailable` when it cannot be read."""
    if not isinstance(body, dict) or body.get("kind") not in _KINDS or not isinstance(body.get("code"), str):
        return errors.Unavailable("engine_unavailable", "the service gave an answer that cannot be read")
    return _KINDS[body["kind"]](
        body["code"], str(body.get("message", "")), param=body.get("param"), retry_after_s=body.get("retry_after_s")
    )
