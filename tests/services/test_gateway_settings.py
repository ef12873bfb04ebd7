"""GET /api/v1/settings: what the gateway runs by, for the organisation that runs it and nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.gateway_rig import Rig, gateway_rig, problem_of

from voiceagent.apps.config.told import told
from voiceagent.apps.settings import Settings, setting_names
from voiceagent.domain.identity import DEFAULT_TENANT_ID


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    settings = Settings.model_validate({"cache": {"url": "redis://:hunter2@host"}, "services": {"secret": "hunter2"}})
    async with gateway_rig(settings=told(settings, {"cache.url": "VOICEAGENT_CACHE__URL"}, apart=True)) as made:
        yield made


@pytest.mark.parametrize("role", ["owner", "admin", "operator"])
async def test_who_runs_the_platform_sees_every_setting_and_no_secret(rig: Rig, role: str) -> None:
    _, headers = await rig.key(DEFAULT_TENANT_ID, role)
    async with rig.client.get("/api/v1/settings", headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert "hunter2" not in await answer.text()
        body = await answer.json()
    assert body["apart"] is True
    shown = {one["name"]: one for area in body["areas"] for one in area["settings"]}
    assert tuple(shown) == setting_names()
    assert (shown["cache.url"]["value"], shown["cache.url"]["source"]) == ("redis://***@host", "environment")
    assert (shown["services.secret"]["value"], shown["services.secret"]["is_set"]) == (None, True)


async def test_another_organisations_owner_sees_nothing_of_them(rig: Rig) -> None:
    _, headers = await rig.key("ten_a", "owner")
    async with rig.client.get("/api/v1/settings", headers=headers) as answer:
        assert await problem_of(answer) == (403, "operators_only")
        assert "redis" not in await answer.text()


async def test_who_may_not_see_settings_is_refused(rig: Rig) -> None:
    _, headers = await rig.key(DEFAULT_TENANT_ID, "viewer")
    async with rig.client.get("/api/v1/settings", headers=headers) as answer:
        assert await problem_of(answer) == (403, "missing_scope")
