"""Answers a call with an Idempotency-Key once, and its repetitions with the same answer. Which routes take such keys is said at each of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Literal, TypeVar

import structlog
from starlette.requests import Request
from starlette.responses import Response

from voiceagent.domain.identity import Principal
from voiceagent.kit.clock import Clock, SystemClock
from voiceagent.kit.crypto import sha256_hex
from voiceagent.kit.errors import Conflict, DeadlineExceeded, InvalidInput, Problem, Unauthenticated
from voiceagent.kit.ids import new_id
from voiceagent.ports.repeats import Attempt, Kept, Standing
from voiceagent.ports.store import Store
from voiceagent.web.context import context_of
from voiceagent.web.repeats.digest import DigestedBody
from voiceagent.web.repeats.joined import JoinedStore, Joint

HEADER = "idempotency-key"
REPLAYED = "idempotency-replayed"
KEPT_FOR = timedelta(hours=24)
HELD_FOR = timedelta(seconds=15)
"""A crashed attempt's key is free again after that."""
RENEWED_EVERY_S = 5.0
JOINT_WITHIN_S = 10.0
WAIT_S = 10.0
LOOKS_EVERY_S = (0.02, 0.05, 0.1, 0.2)
MOST_CHARS = 1024 * 1024
"""A longer answer is not kept: its call runs again when it is repeated."""

Way = Literal["joined", "alone"]
Handle = Callable[[Request], Awaitable[Response]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_log = structlog.get_logger(__name__)


class IdempotencyMismatch(InvalidInput):
    """The key was used for another body."""

    status = 422


def once(way: Way = "joined") -> Callable[[Endpoint], Endpoint]:
    """Decorate an endpoint (below `@router.post`) that takes an Idempotency-Key.

    joined: what it changes in the store is one transaction with its kept answer; for short calls that have no other effect.
    alone: its answer is kept after its effect; for long calls, and for those whose effect is the same however often it happens.
    """

    def mark(endpoint: Endpoint) -> Endpoint:
        endpoint.repeats_way = way  # type: ignore[attr-defined]
        return endpoint

    return mark


class Once:
    """Keeps answers for 24 hours, by caller, path and key."""

    def __init__(self, store: Store, *, clock: Clock | None = None) -> None:
        self._store = store
        self._inner = store.inner if isinstance(store, JoinedStore) else store
        self._clock = clock or SystemClock()

    async def answer(self, request: Request, way: Way, handle: Handle) -> Response:
        """The answer of `handle`, or the one that it gave before to the same call.

        Raises InvalidInput `bad_idempotency_key`, IdempotencyMismatch `idempotency_mismatch`, Conflict `idempotency_running`.
        """
        principal, body = _caller(request), DigestedBody(request)
        attempt = self._attempt(request, principal)
        standing = await self._claimed(principal, attempt)
        if standing.kept is not None:
            return await _again(standing.kept, body)
        call = type(request)(request.scope, body.receive)
        try:
            if way == "joined":
                return await self._joined(principal, attempt, body, lambda: handle(call))
            return await self._alone(principal, attempt, body, lambda: handle(call))
        except BaseException:
            await self._released(principal, attempt)
            raise

    def _attempt(self, request: Request, principal: Principal) -> Attempt:
        keys = request.headers.getlist(HEADER)
        if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
            raise InvalidInput("bad_idempotency_key", "An Idempotency-Key is 1 to 255 visible characters.")
        whose = "\0".join((principal.subject, request.method, request.url.path, keys[0]))
        expires_at = self._clock.now() + KEPT_FOR
        return Attempt(sha256_hex(whose.encode()), principal.subject, new_id("try"), expires_at)

    async def _claimed(self, principal: Principal, attempt: Attempt) -> Standing:
        """The key, or its answer, once the attempt before this one is over."""
        loop = asyncio.get_running_loop()
        ends_at_s, looks = loop.time() + WAIT_S, iter(LOOKS_EVERY_S)
        while True:
            async with self._inner.begin(principal.tenant_id) as work:
                standing = await work.access.repeats.claim(attempt, until=self._clock.now() + HELD_FOR)
            if standing.mine or standing.kept is not None:
                return standing
            if loop.time() >= ends_at_s:
                raise _running()
            await asyncio.sleep(next(looks, LOOKS_EVERY_S[-1]))

    async def _joined(
        self, principal: Principal, attempt: Attempt, body: DigestedBody, call: Callable[[], Awaitable[Response]]
    ) -> Response:
        try:
            async with asyncio.timeout(JOINT_WITHIN_S), Joint(self._inner, principal.tenant_id).begun() as joint:
                response = await call()
                kept = await _kept(response, body)
                if kept is not None:
                    async with joint.part() as work:
                        if not await work.access.repeats.keep(attempt, kept):
                            raise _running()
        except TimeoutError as error:
            raise DeadlineExceeded("idempotency_deadline", "The call took too long; nothing was changed.") from error
        if kept is None:
            await self._released(principal, attempt)
        return response

    async def _alone(
        self, principal: Principal, attempt: Attempt, body: DigestedBody, call: Callable[[], Awaitable[Response]]
    ) -> Response:
        async with self._holding(principal, attempt):
            response = await call()
        kept = await _kept(response, body)
        if kept is None:
            await self._released(principal, attempt)
            return response
        async with self._inner.begin(principal.tenant_id) as work:
            if not await work.access.repeats.keep(attempt, kept):
                _log.warning("answer_not_kept", reason="taken over")
        return response

    @asynccontextmanager
    async def _holding(self, principal: Principal, attempt: Attempt) -> AsyncIterator[None]:
        renewing = asyncio.create_task(self._renewed(principal, attempt))
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait({renewing})

    async def _renewed(self, principal: Principal, attempt: Attempt) -> None:
        while True:
            await asyncio.sleep(RENEWED_EVERY_S)
            with suppress(Problem):
                async with self._inner.begin(principal.tenant_id) as work:
                    await work.access.repeats.renew(attempt, until=self._clock.now() + HELD_FOR)

    async def _released(self, principal: Principal, attempt: Attempt) -> None:
        with suppress(Problem):  # it ends by itself
            async with self._inner.begin(principal.tenant_id) as work:
                await work.access.repeats.release(attempt)


def _caller(request: Request) -> Principal:
    principal = context_of(request).principal
    if principal is None:
        raise Unauthenticated("missing_credentials", "This call needs credentials.")
    return principal


async def _kept(response: Response, body: DigestedBody) -> Kept | None:
    """What to keep of an answer: a success that was made in one piece. A refusal changed nothing, and is decided anew."""
    whole = getattr(response, "body", None)
    if not 200 <= response.status_code < 300 or not isinstance(whole, bytes) or len(whole) > MOST_CHARS:
        return None
    try:
        text = whole.decode()
    except UnicodeDecodeError:
        return None
    return Kept(response.status_code, response.headers.get("content-type", ""), text, await body.sha256())


async def _again(kept: Kept, body: DigestedBody) -> Response:
    if await body.sha256() != kept.body_sha256:
        raise IdempotencyMismatch(
            "idempotency_mismatch", "This Idempotency-Key was used for another body.", param=HEADER
        )
    headers = {"content-type": kept.media_type} if kept.media_type else {}
    return Response(kept.body.encode(), kept.status, headers | {REPLAYED: "true"})


def _running() -> Conflict:
    return Conflict("idempotency_running", "The first call with this Idempotency-Key is not over.", retry_after_s=2.0)
