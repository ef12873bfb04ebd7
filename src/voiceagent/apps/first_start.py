"""The first start of an installation: the default tenant, its owner, and two keys. Later starts find them and do nothing."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from voiceagent.apps.settings import KEY_FILE
from voiceagent.domain.identity import DEFAULT_TENANT_ID, Tenant, User
from voiceagent.gateway.identity.keys import KeyOrder, new_key
from voiceagent.gateway.identity.passwords import Passwords
from voiceagent.kit.clock import Clock
from voiceagent.kit.crypto import random_token
from voiceagent.kit.errors import Conflict, Misconfigured
from voiceagent.kit.ids import new_id
from voiceagent.ports.store import Store

FIRST_KEY_SCOPES = frozenset(
    {"talk", "conversations:read", "documents:read", "documents:write", "agents:read", "agents:write"}
)
LOCAL_SCOPES = frozenset({"talk", "documents:read", "documents:write"})
"""What `voiceagent ask`, `talk` and `docs` need."""
_PASSWORD_BYTES = 15


@dataclass(frozen=True, slots=True)
class Credentials:
    """Shown once, on the operator's terminal; never logged. The store holds only what can check them."""

    email: str
    password: str
    api_key: str


async def first_start(store: Store, *, email: str, data_dir: Path, clock: Clock) -> Credentials | None:
    """Create tenant, owner and keys in a store without any user; None when there is one already.

    Also writes the key of the local command line, which can do no more than its commands, to `cli-key` in the data folder (mode 0600).
    """
    with contextlib.suppress(Conflict):  # `tenant_exists`: a later start, or another process was first
        await store.directory.add_tenant(Tenant(DEFAULT_TENANT_ID, "Default", clock.now()))
    async with store.begin(DEFAULT_TENANT_ID) as work:
        if await work.users.all():
            return None
    password = random_token(_PASSWORD_BYTES)
    owner = User(new_id("user"), DEFAULT_TENANT_ID, email, "owner", await _hashed(password), clock.now())
    key, secret = new_key(KeyOrder(DEFAULT_TENANT_ID, owner.user_id, "first key", FIRST_KEY_SCOPES), clock.now())
    local, local_secret = new_key(KeyOrder(DEFAULT_TENANT_ID, owner.user_id, "command line", LOCAL_SCOPES), clock.now())
    try:
        async with store.begin(DEFAULT_TENANT_ID) as work:
            await work.users.add(owner)
            await work.keys.add(key)
            await work.keys.add(local)
    except Conflict:
        return None  # `user_exists`: another process was first
    write_secret(data_dir / KEY_FILE, local_secret)
    return Credentials(email, password, secret)


async def _hashed(password: str) -> str:
    passwords = Passwords()
    try:
        return await passwords.hashed(password)
    finally:
        passwords.close()


def write_secret(file: Path, secret: str) -> None:
    """Write `secret` so that nobody but this user can ever read it. Raises Misconfigured `data_dir_not_writable`."""
    path = file.expanduser()
    fresh = path.with_name(f".{path.name}.{random_token(6)}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(secret + "\n")
        fresh.replace(path)
    except OSError as error:
        raise Misconfigured("data_dir_not_writable", f"cannot write {path}: {error.strerror}") from error
