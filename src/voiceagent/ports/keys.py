"""The keys of the tenants: each wraps the keys of the tenant's rows and objects, and is itself wrapped by a root key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from voiceagent.kit.crypto_envelope import WrappingKey


@dataclass(frozen=True, slots=True)
class TenantKeys:
    """The keys of a tenant by their id; `active` wraps what is new, the others still open what is old."""

    tenant_id: str
    active: WrappingKey
    keys: Mapping[str, WrappingKey] = field(repr=False)


class Keys(Protocol):
    """Keeps the tenants' keys. Names sort by time of birth: the newest is the active one."""

    async def of(self, tenant_id: str, *, needed: str | None = None) -> TenantKeys:
        """The keys of the tenant as they are at most 5 s ago; the first is made when there is none. needed: read anew when this one is not known.

        Raises Forbidden `keys_destroyed` when they were destroyed, Misconfigured `root_key_wrong` when the root key does not open them,
        Unavailable when they cannot be read.
        """
        ...

    async def rotate(self, tenant_id: str) -> str:
        """Make a new key; the id of it. Every process uses it after 5 s."""
        ...

    async def retire(self, tenant_id: str, key_id: str) -> bool:
        """Destroy a key that wraps nothing any more; False when there is none. Raises Conflict `key_active` for the active one."""
        ...

    async def destroy(self, tenant_id: str) -> int:
        """Destroy every key of the tenant, and refuse to make others: whatever they wrapped, wherever copies lie, cannot be opened again."""
        ...

    def blind(self, value: str) -> str:
        """A keyed hash of `value` under the root key, 64 hexadecimal digits: by it a sealed value is found again before its tenant is known."""
        ...

    async def close(self) -> None:
        """Forget what is in memory. Idempotent."""
        ...


class RootKeys(Protocol):
    """The root key under which the tenants' keys are kept, and how a newer one takes its place while everything is served."""

    async def renew_root(self, aside: Path) -> bool:
        """Make a newer root key live beside the old one, which still opens what it wrapped; nothing when a rotation was stopped halfway.

        False: the operator has to set the text in `aside` as the root key, everywhere, and come again.
        """
        ...

    async def rewrap_root(self, tenant_id: str) -> int:
        """Put the tenant's keys under the newest root key; how many were not. They can be read throughout. Idempotent: it may stop anywhere."""
        ...

    async def retire_root(self, aside: Path) -> None:
        """End every root key but the newest. `aside` then holds them, or what the operator has to set. Idempotent."""
        ...


class Rewrapped(Protocol):
    """Something that keeps keys which a key of the tenant wraps."""

    async def rewrap(self, tenant_id: str, *, old_key_id: str) -> int:
        """Put what `old_key_id` wraps under the tenant's active key; how many keys, 0 where none are kept. All stays readable. Idempotent."""
        ...


class Seals(Protocol):
    """The keys of the rows of a tenant, in one transaction."""

    async def rewrap(self, *, old_key_id: str, limit: int, after: str = "") -> tuple[int, str]:
        """Of the next `limit` rows put the keys that `old_key_id` wraps under the tenant's active key; how many, and the place to go on `after`.

        after: "" begins anew, and is told at the end. However many rows there are, each call looks at no more than these. Rows stay readable
        throughout, and what is stored meanwhile is not touched. Idempotent: it may stop anywhere and begin again.
        """
        ...

    async def keep_originals(self, turn_id: str, originals: tuple[tuple[str, str], ...]) -> bool:
        """Keep (pseudonym, what it stands for) of a stored turn, sealed, until the turn goes; replaces. False, and nothing kept, without keys."""
        ...

    async def originals(self, conversation_id: str) -> dict[str, str]:
        """What the pseudonyms in the turns of a conversation stand for; {} when nothing is kept. Raises Problem `sealed_data_broken`."""
        ...
