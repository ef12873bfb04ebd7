"""A person opens the dashboard, signs in, speaks into the microphone of a real browser, reads what was understood and hears the answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.conftest import ROOT
from tests.e2e.conftest import Platform
from tests.e2e.test_dashboard import Desk
from tests.support import chromium
from tests.support.hand_microphone import silence, speak, take

from voiceagent.apps.dashboard import BUILT

PROGRAM = chromium.found()
QUESTION = ROOT / "demo" / "question.flac"
pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="missing: chromium"),
    pytest.mark.skipif(not (BUILT / "index.html").is_file(), reason="missing: the built dashboard (make dashboard)"),
    pytest.mark.timeout(600),
]

LISTEN = """
(() => {
  const order = MessagePort.prototype.postMessage;
  window.loudest = 0;
  MessagePort.prototype.postMessage = function (message, ...rest) {
    if (message?.kind === "push") {
      for (const sample of new Int16Array(message.pcm)) window.loudest = Math.max(window.loudest, Math.abs(sample));
    }
    return order.call(this, message, ...rest);
  };
})()
"""


async def test_a_spoken_question_is_shown_and_answered_aloud(platform: Platform, tmp_path: Path) -> None:
    assert PROGRAM is not None
    added = platform.run("users", "add", "ada@example.org", "--role", "owner", "--json")
    assert added.returncode == 0, added.stderr
    async with chromium.browser(PROGRAM, tmp_path / "profile", silence(tmp_path / "silence.wav")) as page:
        desk = Desk(page, platform.page_url, "")
        await desk.open("/talk")
        await desk.sign_in(json.loads(added.stdout)["password"], email="ada@example.org")
        await page.until("document.querySelector('main section button')?.innerText.includes('Start talking')")
        page.complaints.clear()  # that nobody was signed in before
        await page.run(LISTEN)
        await take(page, QUESTION)
        await page.run("document.querySelector('main section button').click()")
        await page.until("!!document.querySelector('[data-activity=listening]')")
        await speak(page)
        await page.until(
            "!!document.querySelector('[role=log] [data-role=user]')?.innerText.includes('swim')", within_s=60
        )
        answer = "document.querySelector('[role=log] [data-role=assistant]')?.innerText ?? ''"
        await page.until(f"({answer}).includes('First sound after')", within_s=120)
        assert len((await page.run(answer)).split()) >= 6
        assert await page.run("window.loudest") > 300
        assert page.complaints == []
        assert all(address.split("/")[2].startswith("127.0.0.1:") for address in page.requests)
