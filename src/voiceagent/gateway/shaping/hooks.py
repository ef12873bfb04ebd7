"""Which rules and hooks are for a call. Hooks are code of the operator: each has a budget of time, and a call whose hook fails is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from voiceagent.gateway.shaping.rules import Redact, Rule, Side, change
from voiceagent.kit.errors import Problem, Unavailable

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """What a hook is told besides the body. route: the forwarded path.  side: whether the body is the caller's or the service's."""

    route: str
    side: Side
    method: str
    tenant_id: str
    subject: str


Hook = Callable[[Call, Any], Awaitable[Any]]
"""Takes a call and a body of JSON, returns the body that goes on. Raises a Problem to refuse the call. It must not block the event loop."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """redact: replaces personal data in a text.  plugins: by name.  budget_s: for each hook and body."""

    rules: tuple[Rule, ...] = ()
    redact: Redact = str
    plugins: tuple[tuple[str, Hook], ...] = ()
    budget_s: float = 0.05

    def __bool__(self) -> bool:
        return bool(self.rules or self.plugins)

    def of(self, route: str, tenant_id: str, side: Side) -> tuple[Rule, ...]:
        """The rules for one body, in the order of the file."""
        return tuple(
            rule
            for rule in self.rules
            if rule.on == side and route in rule.routes and (not rule.tenants or tenant_id in rule.tenants)
        )

    async def changed(self, call: Call, body: Any, rules: Sequence[Rule]) -> Any:
        """The body after every rule and hook. Raises Unavailable `hook_failed` when a hook fails or takes too long."""
        body = change(body, rules, self.redact)
        for name, hook in self.plugins:
            try:
                async with asyncio.timeout(self.budget_s):
                    body = await hook(call, body)
            except Problem:
                raise
            except Exception as error:
                _log.error("hook_failed", hook=name, error=type(error).__name__)
                raise Unavailable("hook_failed", "This call could not be prepared; nothing was passed on.") from error
        return body
