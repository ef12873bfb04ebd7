"""Tools that the platform runs for an agent: what one is, what a permitted use of it is, what came of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Literal

BoundTo = Literal["tenant", "subject"]


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool, as the operator of the platform describes it; no caller, document or model can.

    parameters: JSON Schema of the arguments that the model writes; nothing else is taken.
    bound: further arguments, whose values are the caller's own organisation or user; the model neither sees nor sets them.
    effect: `write` changes something outside: never in a draft, always with an audit record before it.
    confirm: the caller is asked first, with these very arguments; a `write` is asked for anyhow once the model has read a document or the
    answer of a tool.  title: what it does, as it is said in that question ("book a table").
    timeout_s: until its result is there.  calls_a_turn: at most, in the answer to one turn.
    """

    name: str
    description: str
    parameters: dict[str, object] = field(default_factory=dict)
    bound: tuple[tuple[str, BoundTo], ...] = ()
    effect: Literal["read", "write"] = "read"
    confirm: bool = False
    title: str = ""
    timeout_s: float = 4.0
    calls_a_turn: int = 3


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A use that the policy permits. arguments: of the model, valid by the schema.  bound: the caller's, put in by the policy."""

    tool: Tool
    arguments: dict[str, object]
    bound: dict[str, str]

    def digest(self) -> str:
        """SHA-256 of the tool and all arguments, hexadecimal: what a confirmation and an audit record are about."""
        told = [self.tool.name, self.arguments, self.bound]
        return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool said, as text for the model: untrusted. ok: it did what it is for."""

    text: str
    ok: bool = True
