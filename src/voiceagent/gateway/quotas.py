"""How much a caller and an organisation may use: calls by class, uploaded bytes, seconds in calls, calls at a time.

Rates hold over all replicas, and so do calls at a time.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.types import Message, Receive

from voiceagent.domain.identity import Principal
from voiceagent.gateway.open_calls import OpenCalls
from voiceagent.gateway.under_way import UnderWay
from voiceagent.kit.errors import TooLarge, Unauthenticated
from voiceagent.web.context import context_of
from voiceagent.web.limits import Claim, Limiter, Rate

_KIB = 1024
_METERED_BYTES = 256 * _KIB
"""A body of unknown length is paid for in pieces of this size."""

_CLASSES = (
    ("generate", ("/v1/chat/", "/v1/audio/", "/v1/realtime", "/api/v1/ask", "/api/v1/voice/")),
    ("search", ("/api/v1/search", "/v1/embeddings")),
)
_UPLOADS = ("/v1/files", "/api/v1/documents")


@dataclass(frozen=True, slots=True)
class QuotaRates:
    """tenant: all calls of an organisation.  generate, search, upload, read, write: calls of one caller by class.

    uploaded_kib and call_s: KiB of bodies and seconds of open calls, for a caller and, `tenant_factor` times as much, for its
    organisation.  calls_*: open calls at a time.  at_once_of_tenant: requests under way at a time, at each gateway.
    """

    tenant: Rate = Rate("tenant", 400.0, 800)  # noqa: RUF009 frozen, too
    generate: Rate = Rate("generate", 20.0, 60)  # noqa: RUF009
    search: Rate = Rate("search", 50.0, 100)  # noqa: RUF009
    upload: Rate = Rate("upload", 10.0, 200)  # noqa: RUF009
    read: Rate = Rate("read", 100.0, 200)  # noqa: RUF009
    write: Rate = Rate("write", 50.0, 100)  # noqa: RUF009
    uploaded_kib: Rate = Rate("uploaded_kib", 4096.0, 1024 * 1024)  # noqa: RUF009
    call_s: Rate = Rate("call_s", 20.0, 4 * 3600)  # noqa: RUF009
    tenant_factor: int = 10
    calls_of_caller: int = 20
    calls_of_tenant: int = 200
    calls_of_address: int = 200
    at_once_of_tenant: int = 256


def class_of(method: str, path: str) -> str:
    """The class of a call: what it costs us tells how many of it are allowed."""
    for name, prefixes in _CLASSES:
        if path.startswith(prefixes):
            return name
    if method in ("GET", "HEAD"):
        return "read"
    return "upload" if method == "POST" and path.startswith(_UPLOADS) else "write"


class Quotas:
    """Takes what a call uses from the budgets of its caller and its organisation."""

    def __init__(self, limiter: Limiter, rates: QuotaRates, calls: OpenCalls) -> None:
        self._limiter = limiter
        self.rates = rates
        self.calls = calls
        self._under_way = UnderWay(rates.at_once_of_tenant)

    async def admit(self, conn: HTTPConnection, principal: Principal, address: Claim, of_caller: Rate) -> None:
        """One call of its class, out of the budgets of its address, organisation and caller. Raises RateLimited `rate_limited`."""
        name, caller = class_of(conn.scope.get("method", "GET"), conn.scope["path"]), caller_key(principal)
        claims = (
            address,
            Claim(self.rates.tenant, principal.tenant_id),
            Claim(of_caller, caller),
            Claim(getattr(self.rates, name), caller),
        )
        await self._limiter.take_all(conn, claims)

    def under_way(self, conn: HTTPConnection) -> AbstractContextManager[None]:
        """Holds a place for a request. Raises RateLimited `too_many_at_once`."""
        return self._under_way.place(_principal(conn).tenant_id)

    async def upload(self, conn: HTTPConnection, size_bytes: int) -> None:
        """The bytes of a body. Raises RateLimited `rate_limited`, TooLarge `over_quota` for more than may ever come at once."""
        await self._spend(conn, self.rates.uploaded_kib, -(-size_bytes // _KIB))

    async def call_second(self, conn: HTTPConnection) -> None:
        """One more second of an open call. Raises RateLimited `rate_limited`."""
        await self._spend(conn, self.rates.call_s, 1)

    async def _spend(self, conn: HTTPConnection, rate: Rate, cost: int) -> None:
        if cost <= 0:
            return
        if cost > rate.burst:
            raise TooLarge("over_quota", "That is more than your quota allows at once.")
        principal = _principal(conn)
        whole = Rate(
            f"tenant_{rate.name}", rate.per_s * self.rates.tenant_factor, rate.burst * self.rates.tenant_factor
        )
        claims = (Claim(rate, caller_key(principal), cost), Claim(whole, principal.tenant_id, cost))
        await self._limiter.take_all(conn, claims)

    def metered(self, conn: HTTPConnection, receive: Receive) -> Receive:
        """`receive` of a body whose length nobody announced: paid for as it comes."""
        owed_bytes = 0

        async def paying() -> Message:
            nonlocal owed_bytes
            message = await receive()
            owed_bytes += len(message.get("body", b""))
            if owed_bytes >= _METERED_BYTES or (owed_bytes and not message.get("more_body", False)):
                due_bytes, owed_bytes = owed_bytes, 0
                await self.upload(conn, due_bytes)
            return message

        return paying

    def call(self, conn: HTTPConnection, address: str) -> AbstractAsyncContextManager[None]:
        """Holds a place for an open call. Raises RateLimited `too_many_calls`."""
        principal, rates = _principal(conn), self.rates
        headers = context_of(conn).headers
        policy = f'"calls";q={rates.calls_of_caller}'
        headers["ratelimit-policy"] = ", ".join(filter(None, (headers.get("ratelimit-policy"), policy)))
        return self.calls.place(
            {
                f"caller\0{caller_key(principal)}": rates.calls_of_caller,
                f"tenant\0{principal.tenant_id}": rates.calls_of_tenant,
                f"address\0{address}": rates.calls_of_address,
            }
        )

    async def open_calls(self, principal: Principal) -> tuple[int, int]:
        """(of the caller, of the organisation) over all gateways."""
        return (
            await self.calls.held(f"caller\0{caller_key(principal)}"),
            await self.calls.held(f"tenant\0{principal.tenant_id}"),
        )


def caller_key(principal: Principal) -> str:
    """The owner of a caller's own budgets."""
    return f"{principal.tenant_id}\0{principal.subject}"


def _principal(conn: HTTPConnection) -> Principal:
    principal = context_of(conn).principal
    if principal is None:
        raise Unauthenticated("missing_credentials", "This call needs credentials.")
    return principal
