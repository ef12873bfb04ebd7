"""A short run of the crawl of bench/security: another tenant's objects are neither shown nor changed, nor does their existence show."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.security.crawl import crawl
from bench.security.stage import stage


@pytest.mark.timeout(900)
async def test_another_tenants_objects_stay_its_own(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        found = await crawl(on, 600)
    assert found.operations >= 50 and found.calls >= 500
    assert (found.foreign, found.signals, found.changed, found.failures) == ([], [], [], [])
