"""The sentences of ports/access.py and of the directory's grants, on the same stores as the others."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta

import pytest
from tests.contracts.test_store import START, _key, _user, postgresql_database, store, tenant

from voiceagent.domain.identity import CustomRole, Grant, SecondFactor, Session
from voiceagent.kit.errors import Conflict
from voiceagent.kit.ids import new_id
from voiceagent.ports.store import Store

__all__ = ["postgresql_database", "store", "tenant"]  # fixtures

DAY = timedelta(days=1)


def _session(user_id: str = "user_1", **changes: object) -> Session:
    session = Session(new_id("ses"), user_id, 0, "password", START, START + DAY)
    return dataclasses.replace(session, **changes)


def _grant(tenant: str, **changes: object) -> Grant:
    grant = Grant(new_id("sha"), tenant, "refresh", "user_1", "ses_1", START, START + DAY)
    return dataclasses.replace(grant, **changes)


async def test_a_session_is_kept_listed_and_ended_once(store: Store, tenant: str) -> None:
    first, second, other = _session(), _session(created_at=START + DAY), _session("user_2")
    async with store.begin(tenant) as work:
        for one in (first, second, other):
            await work.access.sessions.add(one)
        with pytest.raises(Conflict):
            await work.access.sessions.add(first)
    async with store.begin(tenant) as work:
        sessions = work.access.sessions
        assert await sessions.get(first.session_id) == first
        assert await sessions.of_user("user_1") == (second, first)
        assert await sessions.end(first.session_id, START) and await sessions.end(first.session_id, START + DAY)
        assert not await sessions.end("ses_none", START)
        ended = await sessions.get(first.session_id)
        assert ended is not None and ended.ended_at == START
        assert await sessions.of_user("user_1") == (second,)
        assert await sessions.get("ses_none") is None


async def test_sessions_that_ended_long_ago_are_forgotten_for_the_next(store: Store, tenant: str) -> None:
    old, late = _session(), _session("user_2")
    async with store.begin(tenant) as work:
        await work.access.sessions.add(old)
        await work.access.sessions.add(late)
        await work.access.sessions.add(_session(created_at=START + 40 * DAY, expires_at=START + 41 * DAY))
        assert await work.access.sessions.get(old.session_id) is None
        assert await work.access.sessions.get(late.session_id) == late, "of another person"


async def test_a_grant_is_found_by_its_digest_and_used_by_one_racer(store: Store, tenant: str) -> None:
    grant = _grant(tenant)
    async with store.begin(tenant) as work:
        await work.access.grants.add(grant)
    assert await store.directory.grant_by_sha256(grant.secret_sha256) == grant
    assert await store.directory.grant_by_sha256("none") is None

    async def use() -> bool:
        async with store.begin(tenant) as work:
            return await work.access.grants.use(grant.secret_sha256, START)

    assert sum(await asyncio.gather(*(use() for _ in range(5)))) == 1
    used = await store.directory.grant_by_sha256(grant.secret_sha256)
    assert used is not None and used.used_at == START
    async with store.begin(new_id("ten")) as work:
        assert not await work.access.grants.use(grant.secret_sha256, START), "of another tenant"


async def test_grants_past_their_time_are_forgotten_for_the_next(store: Store, tenant: str) -> None:
    old = _grant(tenant)
    async with store.begin(tenant) as work:
        await work.access.grants.add(old)
        await work.access.grants.add(_grant(tenant, created_at=START + 2 * DAY, expires_at=START + 3 * DAY))
    assert await store.directory.grant_by_sha256(old.secret_sha256) is None


async def test_a_secret_is_handed_out_once(store: Store, tenant: str) -> None:
    grant = _grant(tenant)
    async with store.begin(tenant) as work:
        await work.access.grants.add(grant)
        with pytest.raises(Conflict):
            await work.access.grants.add(grant)


async def test_own_roles_are_put_listed_and_deleted(store: Store, tenant: str) -> None:
    role = CustomRole("caller", frozenset({"talk", "documents:read"}))
    async with store.begin(tenant) as work:
        await work.access.roles.put(dataclasses.replace(role, scopes=frozenset({"talk"})))
        await work.access.roles.put(role)
        await work.access.roles.put(CustomRole("a", frozenset()))
        assert await work.access.roles.all() == (CustomRole("a", frozenset()), role)
    async with store.begin(new_id("ten")) as work:
        assert await work.access.roles.all() == ()
        assert not await work.access.roles.delete("caller")
    async with store.begin(tenant) as work:
        assert await work.access.roles.delete("caller")
        assert not await work.access.roles.delete("caller")


async def test_a_step_of_a_second_factor_is_used_once_and_never_an_older_one(store: Store, tenant: str) -> None:
    factor = SecondFactor("user_1", "SECRET", START, 100, ("a", "b"))
    async with store.begin(tenant) as work:
        await work.access.second_factors.put(factor)
        assert await work.access.second_factors.get("user_1") == factor
        assert await work.access.second_factors.get("user_2") is None

    async def step(number: int) -> bool:
        async with store.begin(tenant) as work:
            return await work.access.second_factors.step("user_1", number)

    assert sum(await asyncio.gather(*(step(101) for _ in range(4)))) == 1
    assert not await step(100) and not await step(101) and await step(2**33)
    async with store.begin(tenant) as work:
        assert await work.access.second_factors.delete("user_1")
        assert not await work.access.second_factors.delete("user_1")


async def test_a_link_stays_with_the_person_it_was_made_for(store: Store, tenant: str) -> None:
    async with store.begin(tenant) as work:
        await work.access.links.add("digest", "user_1", START)
        await work.access.links.add("digest", "user_2", START)
        assert await work.access.links.user_id("digest") == "user_1"
        assert await work.access.links.user_id("another") is None
    async with store.begin(new_id("ten")) as work:
        assert await work.access.links.user_id("digest") is None


async def test_a_key_expires_at_the_earlier_of_two_times(store: Store, tenant: str) -> None:
    key = _key(tenant)
    async with store.begin(tenant) as work:
        await work.keys.add(key)
        for at, expected in ((START + DAY, DAY), (START + 2 * DAY, DAY), (START, 0 * DAY)):
            assert await work.keys.expire(key.key_id, at)
            assert (await work.keys.all())[0].expires_at == START + expected
        assert not await work.keys.expire("key_none", START)


async def test_the_epoch_of_a_person_is_kept(store: Store, tenant: str) -> None:
    user = _user(tenant, f"{new_id('x')}@example.org")
    async with store.begin(tenant) as work:
        await work.users.add(user)
        await work.users.put(dataclasses.replace(user, epoch=7))
        assert (await work.users.get(user.user_id)).epoch == 7
