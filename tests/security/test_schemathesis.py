"""A short, seeded run of bench/security/schemathesis_run.py: no answer 5xx, no call without one, nothing crashed inside."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from bench.security.schemathesis_run import Findings, Plan, attack, direct, thinned, through_gateway
from bench.security.stage import stage

from voiceagent.kit.crypto import random_token
from voiceagent.web.jwt import TokenKeys


@pytest.mark.timeout(900)
async def test_nothing_that_a_description_leads_to_breaks_a_service(tmp_path: Path) -> None:
    secret, table = random_token(48), tmp_path / "table.json"
    with stage(tmp_path, {"SERVICES__SECRET": secret}) as on:
        targets = await asyncio.to_thread(lambda: [*through_gateway(on), *direct(on, TokenKeys.from_secrets(secret))])
        targets = [thinned(target, 2, seed=11) for target in targets]
        found = await asyncio.to_thread(attack, targets, Plan(300, 600, seed=11, examples=1, table=table))
        said = on.log.read_text()
    assert found.broken == []
    assert "request_crashed" not in said
    assert found.total >= 300
    assert {name for name, _ in found.cases} == {target.name for target in targets}
    kept = Findings.of(table)
    assert (kept.cases, kept.statuses, kept.runs) == (found.cases, found.statuses, 2)
