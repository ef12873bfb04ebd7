"""A short, seeded run of bench/security/schemathesis_run.py: no answer 5xx, no call without one, nothing crashed inside."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from bench.security.schemathesis_run import attack, direct, thinned, through_gateway
from bench.security.stage import stage

from voiceagent.kit.crypto import random_token
from voiceagent.web.jwt import TokenKeys


@pytest.mark.timeout(280)
async def test_nothing_that_a_description_leads_to_breaks_a_service(tmp_path: Path) -> None:
    secret = random_token(48)
    with stage(tmp_path, {"SERVICES__SECRET": secret}) as on:
        targets = await asyncio.to_thread(lambda: [*through_gateway(on), *direct(on, TokenKeys.from_secrets(secret))])
        targets = [thinned(target, 2, seed=11) for target in targets]
        found = await asyncio.to_thread(attack, targets, 300, within_s=120, seed=11, examples=1)
        said = on.log.read_text()
    assert found.broken == []
    assert "request_crashed" not in said
    assert found.total >= 300
    assert {name for name, _ in found.cases} == {target.name for target in targets}
