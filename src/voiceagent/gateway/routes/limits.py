"""/api/v1/limits: what the caller and its organisation may use, and how many calls they hold open."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from voiceagent.domain.identity import Principal
from voiceagent.gateway.parts import Gateway, gateway_of
from voiceagent.web.app import Router
from voiceagent.web.auth import require
from voiceagent.web.limits import Rate

router: APIRouter = Router(prefix="/api/v1/limits", tags=["limits"])


class RateShown(BaseModel):
    """`burst` at once, then `per_s` a second. name: as in the RateLimit headers.  of: whose budget it is."""

    name: str
    of: str
    per_s: float
    burst: int


class CallsShown(BaseModel):
    """Calls at a time; in_use: over all gateways."""

    of: str
    most: int
    in_use: int


class Limits(BaseModel):
    """Everything that answers 429 when it is used up; Retry-After then says when to come back."""

    rates: list[RateShown]
    calls: list[CallsShown]


@router.get("")
async def limits(
    caller: Annotated[Principal, Depends(require())], parts: Annotated[Gateway, Depends(gateway_of)]
) -> Limits:
    """The caller's limits."""
    quota, most = parts.quotas.rates, parts.quotas.rates.tenant_factor
    mine = (parts.rates.caller, quota.generate, quota.search, quota.upload, quota.read, quota.write)
    shown = [_shown(parts.rates.address, "address"), _shown(quota.tenant, "organisation")]
    shown += [_shown(rate, "caller") for rate in mine]
    for rate in (quota.uploaded_kib, quota.call_s):
        whole = Rate(f"tenant_{rate.name}", rate.per_s * most, rate.burst * most)
        shown += [_shown(rate, "caller"), _shown(whole, "organisation")]
    of_caller, of_tenant = await parts.quotas.open_calls(caller)
    return Limits(
        rates=shown,
        calls=[
            CallsShown(of="caller", most=quota.calls_of_caller, in_use=of_caller),
            CallsShown(of="organisation", most=quota.calls_of_tenant, in_use=of_tenant),
        ],
    )


def _shown(rate: Rate, of: str) -> RateShown:
    return RateShown(name=rate.name, of=of, per_s=rate.per_s, burst=rate.burst)
