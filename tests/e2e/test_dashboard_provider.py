"""Signing in to the built dashboard with an identity provider, in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from bench.security.stage import Stage, stage
from tests.support import chromium
from tests.support.chromium import Page
from tests.support.oidc_provider import Provider, oidc_provider

from voiceagent.apps.dashboard import BUILT

PROGRAM = chromium.found()
pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="missing: chromium"),
    pytest.mark.skipif(not (BUILT / "index.html").is_file(), reason="missing: the built dashboard (make dashboard)"),
    pytest.mark.timeout(600),
]


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with oidc_provider() as made:
        made.ways_in = ["client_secret_post"]
        yield made


@pytest.fixture
def running(tmp_path: Path, provider: Provider) -> Iterator[Stage]:
    settings = {
        "IDENTITY__OIDC_ISSUER": provider.issuer,
        "IDENTITY__OIDC_CLIENT_ID": provider.client_id,
        "IDENTITY__OIDC_CLIENT_SECRET": "held",
        "IDENTITY__OIDC_ROLE": "viewer",
    }
    with stage(tmp_path / "platform", settings) as made:
        yield made


async def test_a_person_comes_in_by_the_provider_and_is_told_when_it_fails(
    tmp_path: Path, provider: Provider, running: Stage
) -> None:
    assert PROGRAM is not None
    async with chromium.browser(PROGRAM, tmp_path / "profile", Path("/dev/null")) as page:
        provider.claims = {"nonce": "of another"}
        await _by_provider(page, running.urls["dashboard"])
        await page.until("document.querySelector('[role=alert]')?.innerText.includes('oidc_failed')")
        provider.claims = {}
        # The page was opened at 127.0.0.1; the provider knows the platform as localhost, and there it ends.
        await _by_provider(page, running.urls["dashboard"])
        await page.until("location.hostname === 'localhost' && location.pathname === '/talk'")
        await page.until("!!document.querySelector('h1')")
        assert await page.run("document.cookie") == "", "scripts cannot read the session"


async def _by_provider(page: Page, url: str) -> None:
    await page.open(url)
    await page.until("!!document.querySelector('a[href*=oidc]')")
    await page.run("document.querySelector('a[href*=oidc]').click()")
