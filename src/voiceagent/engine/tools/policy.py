"""Which tool a model may use, and with which arguments: decided by lists, schemas and counts, never by anything that a text says. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from jsonschema import Draft202012Validator

from voiceagent.domain.agent import Agent
from voiceagent.domain.conversation import ToolCall
from voiceagent.domain.identity import Principal
from voiceagent.domain.reply import ToolSpec
from voiceagent.domain.tool import BoundTo, Tool, ToolUse
from voiceagent.kit.errors import InvalidInput
from voiceagent.web.strict_json import strict_loads

CALLS_A_TURN = 8
ARGUMENT_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a use is not permitted. reason: for the model, which may do better; it holds nothing of the arguments."""

    code: str
    reason: str


@dataclass(slots=True)
class Allowance:
    """What one agent may use in the answer to one turn. tools: by name.  used: how often each was asked for, permitted or not."""

    tools: Mapping[str, Tool]
    caller: Principal
    used: Counter[str] = field(default_factory=Counter)

    def judged(self, call: ToolCall) -> ToolUse | Refusal:
        """The use that `call` asks for, or why not. Every call counts: a model in a circle comes to an end."""
        self.used[call.name] += 1
        tool = self.tools.get(call.name)
        if tool is None:
            return Refusal("tool_not_allowed", "there is no such tool")
        if self.used.total() > CALLS_A_TURN or self.used[call.name] > tool.calls_a_turn:
            return Refusal("tool_budget", "this tool was used often enough for one answer")
        return self._valid(tool, call.arguments)

    @property
    def spent(self) -> bool:
        """Whether nothing more may be asked for."""
        return self.used.total() >= CALLS_A_TURN

    def _valid(self, tool: Tool, written: str) -> ToolUse | Refusal:
        if len(written.encode("utf-8", "surrogatepass")) > ARGUMENT_BYTES:
            return Refusal("tool_arguments", "the arguments are too long")
        try:
            arguments = strict_loads(written)
        except InvalidInput:
            return Refusal("tool_arguments", "the arguments are not JSON")
        if not isinstance(arguments, dict) or not Draft202012Validator(closed(tool.parameters)).is_valid(arguments):
            return Refusal("tool_arguments", "the arguments are not what this tool takes")
        return ToolUse(tool, arguments, {name: self._own(to) for name, to in tool.bound})

    def _own(self, to: BoundTo) -> str:
        return self.caller.tenant_id if to == "tenant" else self.caller.subject


def allowance(agent: Agent, tools: tuple[Tool, ...], caller: Principal) -> Allowance:
    """What `agent` may use: the tools that its settings name."""
    return Allowance({tool.name: tool for tool in tools if tool.name in agent.tools}, caller)


def specs(allowed: Allowance) -> tuple[ToolSpec, ...]:
    """The tools as the model is told of them: without what is bound."""
    return tuple(
        ToolSpec(tool.name, tool.description, closed(tool.parameters)) for _, tool in sorted(allowed.tools.items())
    )


def closed(schema: Mapping[str, object]) -> dict[str, object]:
    """The schema of an object that takes nothing but what it names."""
    return {"properties": {}} | dict(schema) | {"type": "object", "additionalProperties": False}
