"""The system of record: one transaction a request or job, bound to one tenant at `begin`."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from voiceagent.domain.agent import Agent
from voiceagent.domain.conversation import Conversation, Turn
from voiceagent.domain.identity import ApiKey, Grant, Tenant, User
from voiceagent.domain.paging import Place
from voiceagent.ports.access import Access
from voiceagent.ports.audit import Audit
from voiceagent.ports.erasure import Ages, Erasures, Traces
from voiceagent.ports.keys import Seals
from voiceagent.ports.library import Collections, DocumentRows
from voiceagent.ports.outbox import Outbox, Relay
from voiceagent.ports.providers import Routing
from voiceagent.ports.work import Jobs, Queue


class Conversations(Protocol):
    """Conversations and their turns, of the tenant of the unit of work."""

    async def add(self, conversation: Conversation) -> None:
        """Store a new conversation. Raises Conflict `conversation_exists`."""
        ...

    async def get(self, conversation_id: str) -> Conversation:
        """The conversation. Raises NotFound `conversation_not_found`."""
        ...

    async def page(self, *, before: Place | None, limit: int) -> tuple[Conversation, ...]:
        """At most `limit` conversations, by when they were updated, newest first; those that follow on `before`."""
        ...

    async def put_turn(self, turn: Turn) -> None:
        """Store or replace a turn by its id, and touch its conversation. Raises NotFound `conversation_not_found`. Idempotent."""
        ...

    async def turns(self, conversation_id: str, *, last: int, before: Place | None = None) -> tuple[Turn, ...]:
        """The last `last` turns in order of time, oldest first; of those before `before` where it is given."""
        ...

    async def delete(self, conversation_id: str) -> bool:
        """Remove the conversation and its turns; False when there was none."""
        ...


class Agents(Protocol):
    """Agents of the tenant."""

    async def get(self, agent_id: str) -> Agent:
        """The agent. Raises NotFound `agent_not_found`."""
        ...

    async def put(self, agent: Agent) -> None:
        """Store or replace by id."""
        ...

    async def all(self) -> tuple[Agent, ...]:
        """Every agent, by name."""
        ...

    async def delete(self, agent_id: str) -> bool:
        """Remove it; False when there was none."""
        ...


class Keys(Protocol):
    """API keys of the tenant."""

    async def add(self, key: ApiKey) -> None:
        """Store a new key."""
        ...

    async def all(self) -> tuple[ApiKey, ...]:
        """Every key, newest first, revoked ones too."""
        ...

    async def revoke(self, key_id: str, at: datetime) -> bool:
        """Mark it revoked; False when there is none. Idempotent: the first time stays."""
        ...

    async def expire(self, key_id: str, at: datetime) -> bool:
        """Let it end at `at`, or earlier if it was to end earlier; False when there is none."""
        ...


class Users(Protocol):
    """Users of the tenant."""

    async def add(self, user: User) -> None:
        """Store a new user. Raises Conflict `user_exists` when the e-mail is taken, in whatever case."""
        ...

    async def get(self, user_id: str) -> User:
        """The user. Raises NotFound `user_not_found`."""
        ...

    async def put(self, user: User) -> None:
        """Replace a stored user. Raises NotFound `user_not_found`."""
        ...

    async def all(self) -> tuple[User, ...]:
        """Every user, by e-mail."""
        ...


class Settings(Protocol):
    """Small values that the tenant changes while the platform runs."""

    async def get(self, name: str) -> dict[str, object] | None:
        """The value, or None when it was never set."""
        ...

    async def put(self, name: str, value: dict[str, object]) -> None:
        """Store or replace a value that JSON can say."""
        ...

    async def all(self) -> dict[str, dict[str, object]]:
        """Every value by name."""
        ...

    async def delete(self, name: str) -> bool:
        """Forget it; False when there was none."""
        ...


class UnitOfWork(Protocol):
    """One transaction of one tenant: leaving the block commits, an exception (a cancellation too) rolls back.

    NotFound and Conflict leave the transaction usable; after Unavailable or any other error it can only be left.
    """

    @property
    def conversations(self) -> Conversations: ...
    @property
    def agents(self) -> Agents: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def users(self) -> Users: ...
    @property
    def access(self) -> Access: ...
    @property
    def documents(self) -> DocumentRows: ...
    @property
    def collections(self) -> Collections: ...
    @property
    def jobs(self) -> Jobs: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def seals(self) -> Seals: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def erasures(self) -> Erasures: ...
    @property
    def traces(self) -> Traces: ...
    @property
    def ages(self) -> Ages: ...
    @property
    def routing(self) -> Routing: ...


class Directory(Protocol):
    """The few reads and writes that come before a tenant is known: sign-in and first start. Uses the primary only."""

    async def key_by_sha256(self, secret_sha256: str) -> ApiKey | None:
        """The key with this digest, revoked or not; None when there is none."""
        ...

    async def user_by_email(self, email: str) -> User | None:
        """The user with this e-mail, compared without case."""
        ...

    async def grant_by_sha256(self, secret_sha256: str) -> Grant | None:
        """The grant with this digest, used or not, in time or not; None when there is none."""
        ...

    async def tenants(self) -> tuple[Tenant, ...]:
        """Every tenant, oldest first."""
        ...

    async def add_tenant(self, tenant: Tenant) -> None:
        """Store a new tenant. Raises Conflict `tenant_exists`."""
        ...

    async def key_used(self, key_id: str, at: datetime) -> None:
        """Note the use of a key. Best effort: never raises, may be late by a minute."""
        ...


class RecentWrites(Protocol):
    """Who changed something a moment ago, over all processes. Never raises: what cannot be told counts as changed."""

    async def note(self, key: str, *, for_s: float) -> None:
        """The change is about to be committed."""
        ...

    async def has(self, key: str) -> bool:
        """Whether it was noted and its time is not over."""
        ...


class Store(Protocol):
    """Opens transactions. Everything acknowledged from it survives a crash and a power cut."""

    def begin(
        self, tenant_id: str, *, read_only: bool = False, may_lag: bool = False
    ) -> AbstractAsyncContextManager[UnitOfWork]:
        """A transaction for one tenant. It can neither read nor change another tenant's rows.

        read_only: sees one state of the data, never waits for a writer, and every change in it raises Conflict `read_only`.
        may_lag: read only, and nothing is decided by what it sees: the state may be some seconds old, but not older than the caller's own last
        change (kit.calls.travel.caller). Without it, and for the directory and the queue, the primary alone is asked.

        Raises Unavailable `store_unavailable` (retryable) when the database does not answer within 2 s, StorageFull `storage_full`.
        """
        ...

    @property
    def directory(self) -> Directory: ...

    @property
    def queue(self) -> Queue: ...

    @property
    def relay(self) -> Relay: ...

    async def ready(self) -> bool:
        """Whether a transaction would work now. Bounded to 2 s; never raises."""
        ...

    async def migrate(self) -> None:
        """Bring the schema to this version. Idempotent; safe when several processes try. Raises Misconfigured `store_newer`
        when the data was written by a newer version."""
        ...

    async def scrub(self) -> None:
        """Overwrite or give back the places where removed rows stood, as far as this database and its role can. Takes a while; idempotent.

        Raises Unavailable `store_unavailable` when it could not be begun; then it may be asked for again.
        """
        ...

    async def close(self) -> None:
        """Close connections. Idempotent."""
        ...
