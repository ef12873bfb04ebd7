"""Tools outside the platform that agents may use."""

from __future__ import annotations

from typing import Protocol

from voiceagent.domain.identity import Principal
from voiceagent.domain.tool import Tool, ToolResult, ToolUse


class Tools(Protocol):
    """The tools that the operator set up, and the only way to run one."""

    @property
    def all(self) -> tuple[Tool, ...]:
        """Every tool, by name."""
        ...

    async def run(self, caller: Principal, use: ToolUse, *, key: str) -> ToolResult:
        """Run it once in the name of `caller`. key: the same for the same intention, so that the other side can tell a repetition.

        Where it runs does not depend on the arguments. Ends within the tool's timeout_s; what goes wrong is a result that is not ok.
        """
        ...

    async def close(self) -> None:
        """Idempotent."""
        ...
