"""A store whose changes during one request can be one transaction, so that an effect and the answer that tells of it are stored together or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar

from voiceagent.kit.errors import Unavailable
from voiceagent.ports.outbox import Relay
from voiceagent.ports.store import Directory, Store, UnitOfWork
from voiceagent.ports.work import Queue

_current: ContextVar[Joint | None] = ContextVar("voiceagent_joint", default=None)


class Joint:
    """One transaction of `tenant_id` for all that the task that made it changes. Begins with the first change."""

    def __init__(self, store: Store, tenant_id: str) -> None:
        self._store = store
        self._tenant_id = tenant_id
        self._task = asyncio.current_task()
        self._held = AsyncExitStack()
        self.work: UnitOfWork | None = None
        self.failed = False

    def takes(self, tenant_id: str, *, reads: bool) -> bool:
        """Whether a transaction that begins here and now is a part of this one: reads are once something may have changed."""
        mine = tenant_id == self._tenant_id and asyncio.current_task() is self._task
        return mine and (self.work is not None or not reads)

    @asynccontextmanager
    async def part(self) -> AsyncIterator[UnitOfWork]:
        """A part of it; when one fails, nothing of the whole is stored."""
        if self.failed:
            raise _undone()
        if self.work is None:
            self.work = await self._held.enter_async_context(self._store.begin(self._tenant_id))
        try:
            yield self.work
        except BaseException:
            self.failed = True
            raise

    @asynccontextmanager
    async def begun(self) -> AsyncIterator[Joint]:
        """Commits when the block ends, unless a part failed or the block raises."""
        token = _current.set(self)
        try:
            async with self._held:
                yield self
                if self.failed:
                    raise _undone()
        finally:
            _current.reset(token)


class JoinedStore:
    """The store, as ports.store.Store has it."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    @asynccontextmanager
    async def begin(
        self, tenant_id: str, *, read_only: bool = False, may_lag: bool = False
    ) -> AsyncIterator[UnitOfWork]:
        joint = _current.get()
        if joint is not None and joint.takes(tenant_id, reads=read_only or may_lag):
            async with joint.part() as work:
                yield work
            return
        async with self.inner.begin(tenant_id, read_only=read_only, may_lag=may_lag) as work:
            yield work

    @property
    def directory(self) -> Directory:
        return self.inner.directory

    @property
    def queue(self) -> Queue:
        return self.inner.queue

    @property
    def relay(self) -> Relay:
        return self.inner.relay

    async def ready(self) -> bool:
        return await self.inner.ready()

    async def migrate(self) -> None:
        await self.inner.migrate()

    async def scrub(self) -> None:
        await self.inner.scrub()

    async def close(self) -> None:
        await self.inner.close()


def joined(store: Store) -> JoinedStore:
    """The store with joint transactions."""
    return store if isinstance(store, JoinedStore) else JoinedStore(store)


def _undone() -> Unavailable:
    return Unavailable("repeat_undone", "Nothing was changed; try again.", retry_after_s=1.0)
