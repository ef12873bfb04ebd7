"""Tools to test with: they note who ran what, and say what they are told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from voiceagent.domain.identity import Principal
from voiceagent.domain.tool import Tool, ToolResult, ToolUse

OPENING_HOURS = Tool(
    "opening_hours",
    "When an office is open.",
    {"properties": {"day": {"type": "string", "maxLength": 20}}, "required": ["day"]},
)
PAY = Tool(
    "pay",
    "Pays money to a person of the address book.",
    {
        "properties": {
            "recipient": {"type": "string", "enum": ["anna", "ben"]},
            "cents": {"type": "integer", "minimum": 1, "maximum": 10_000},
        },
        "required": ["recipient", "cents"],
    },
    bound=(("account", "subject"), ("bank", "tenant")),
    effect="write",
    confirm=True,
    title="send money",
)
NOTE = Tool("note", "Keeps a note.", {"properties": {"text": {"type": "string"}}, "required": ["text"]}, effect="write")
SECRET = Tool("secret", "Only for another agent.")


@dataclass
class NotedTools:
    """Implements ports.tools.Tools. ran: everything that was run, in order."""

    all: tuple[Tool, ...] = (NOTE, OPENING_HOURS, PAY, SECRET)
    result: ToolResult = field(default_factory=lambda: ToolResult("nine to five"))
    takes_s: float = 0.0
    ran: list[tuple[Principal, ToolUse, str]] = field(default_factory=list)

    async def run(self, caller: Principal, use: ToolUse, *, key: str) -> ToolResult:
        self.ran.append((caller, use, key))
        await asyncio.sleep(self.takes_s)
        return self.result

    async def close(self) -> None:
        pass
