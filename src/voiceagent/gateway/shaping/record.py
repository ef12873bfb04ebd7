"""Writes into every organisation's audit log that the operator's rules and hooks are others than before."""

from __future__ import annotations

from dataclasses import asdict

from voiceagent.domain.audit import AuditEntry
from voiceagent.gateway.shaping.hooks import Hooks
from voiceagent.kit.clock import Clock
from voiceagent.kit.crypto import sha256_hex
from voiceagent.kit.ids import new_id
from voiceagent.ports.store import Store

_SETTING = "gateway_hooks"
_NONE = ""


async def record_change(store: Store, hooks: Hooks, clock: Clock) -> None:
    """Compare with what the last start recorded; done when a gateway starts."""
    digest = _digest(hooks)
    tenants = sorted(one.tenant_id for one in await store.directory.tenants())
    for tenant_id in tenants:
        async with store.begin(tenant_id, read_only=True) as work:
            known = await work.settings.get(_SETTING)
        if (known or {}).get("sha256", _NONE) == digest:
            return  # the organisations are written to in this order, so the others know it, too
        break
    for tenant_id in reversed(tenants):
        entry = AuditEntry(
            entry_id=new_id("aud"),
            at=clock.now(),
            subject="operator",
            action="hooks_changed",
            object_id="gateway",
            request_id="",
            data={"sha256": digest, "rules": len(hooks.rules), "plugins": ",".join(name for name, _ in hooks.plugins)},
        )
        async with store.begin(tenant_id) as work:
            known = await work.settings.get(_SETTING)
            if (known or {}).get("sha256", _NONE) != digest:
                await work.settings.put(_SETTING, {"sha256": digest})
                await work.audit.append(entry)


def _digest(hooks: Hooks) -> str:
    if not hooks:
        return _NONE
    told = [repr(sorted(asdict(rule).items())) for rule in hooks.rules]
    return sha256_hex("\n".join((*told, *(name for name, _ in hooks.plugins))).encode())
