"""A call from the built dashboard in a real browser with a fake microphone, at a platform on scripted models."""

from __future__ import annotations

import json
import math
import struct
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bench.security.stage import stage
from tests.e2e.test_dashboard import Desk
from tests.support import chromium
from tests.support.hand_microphone import silence, speak, take
from tests.support.lived_in import live_in

from voiceagent.apps.dashboard import BUILT

PROGRAM = chromium.found()
pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="missing: chromium"),
    pytest.mark.skipif(not (BUILT / "index.html").is_file(), reason="missing: the built dashboard (make dashboard)"),
    pytest.mark.timeout(600),
]
ASKED = "When does the library open?"
ANSWER = (
    "The library opens at nine and closes at six [1]. " + "On every working day it does, as the handbook says. " * 12
)
"""Long enough to be talked over."""

LINES = "[...document.querySelectorAll('[role=log] li[data-role]')]"
HEARD = f"({LINES}.findLast((one) => one.dataset.role === 'assistant')?.innerText ?? '')"
REFUSE = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError') }; 0"
BIG = "document.querySelector('main section button')"


def voice(path: Path) -> Path:
    """An utterance as a tone."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        samples = (int(9_000 * math.sin(index * 0.1)) for index in range(int(16_000 * 1.8)))
        out.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return path


def scripts(folder: Path) -> dict[str, str]:
    """What the scripted models hear and say, as settings."""
    heard, said = folder / "heard.json", folder / "said.json"
    heard.write_text(json.dumps([ASKED]))
    said.write_text(json.dumps([{"text": ANSWER}]))
    return {"STT__URL": f"scripted://{heard}", "LLM__URL": f"scripted://{said}"}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    assert PROGRAM is not None
    with stage(tmp_path / "platform", scripts(tmp_path)) as running:
        document_id = await live_in(running)
        async with chromium.browser(PROGRAM, tmp_path / "profile", silence(tmp_path / "silence.wav")) as page:
            yield Desk(page, running.urls["dashboard"], document_id)


async def test_a_person_calls_the_agent_aloud_and_then_in_writing(desk: Desk, tmp_path: Path) -> None:
    await desk.open("/talk")
    await desk.sign_in()
    await desk.page.until(f"{BIG}?.innerText.includes('Start talking')")
    desk.page.complaints.clear()  # that nobody was signed in before
    await take(desk.page, voice(tmp_path / "voice.wav"))
    await asks_aloud_hears_the_answer_talks_over_it_and_hangs_up(desk)
    await is_refused_the_microphone_asks_in_writing_and_reads_where_the_answer_stands(desk)
    assert desk.page.complaints == []
    assert all("127.0.0.1" in address for address in desk.page.requests)


async def asks_aloud_hears_the_answer_talks_over_it_and_hangs_up(desk: Desk) -> None:
    assert await desk.faults() == []
    await desk.page.run(f"{BIG}.click()")
    await desk.page.until("!!document.querySelector('[data-activity=listening]')")
    await speak(desk.page)
    await desk.page.until(f"{LINES}.some((one) => one.innerText.includes({json.dumps(ASKED)}))")
    # The words appear as the loudspeaker reports that it played them.
    await desk.page.until(f"{HEARD}.includes('opens at nine')")
    await speak(desk.page)  # into the answer
    await desk.page.until(f"!!{LINES}.find((one) => one.innerText.includes('Interrupted'))")
    cut = "[...document.querySelectorAll('[role=log] li')].find((one) => one.querySelector('del'))"
    assert "opens at nine" in str(await desk.page.run(f"{cut}.innerText"))
    assert await desk.page.run(f"{cut}.querySelector('del').innerText.length") > 0
    for scheme, width in (("light", 1280), ("dark", 390)):
        await desk.paint(scheme, width)
        assert await desk.faults() == [], f"{scheme} {width}"
        assert await desk.page.run("document.documentElement.scrollWidth <= innerWidth")
    await desk.page.until(f"{HEARD}.includes('opens at nine') && !{HEARD}.includes('Interrupted')")
    await desk.page.run(f"{BIG}.click()")
    await desk.page.until("!!document.querySelector('[data-activity=ended]')")
    await desk.page.run(
        "[...document.querySelectorAll('main a')].find((one) => one.pathname.includes('/conv')).click()"
    )
    await desk.page.until("location.pathname.startsWith('/conversations/conv') && !!document.querySelector('article')")
    await desk.page.until("document.querySelector('article').innerText.includes('Interrupted')")


async def is_refused_the_microphone_asks_in_writing_and_reads_where_the_answer_stands(desk: Desk) -> None:
    await desk.open("/talk/")
    await desk.page.until(f"{BIG}?.innerText.includes('Start talking')")
    await desk.page.run(REFUSE)
    await desk.page.run(f"{BIG}.click()")
    await desk.page.until("document.body.innerText.includes('microphone_refused')")
    assert await desk.faults() == []
    await desk.page.run(
        "[...document.querySelectorAll('button')].find((one) => one.innerText.includes('in writing')).click()"
    )
    await desk.page.until("!!document.querySelector('[name=text]') && !document.querySelector('form button:disabled')")
    await desk.page.run("document.querySelector('[name=text]').focus()")
    await desk.page.call("Input.insertText", text=ASKED)
    await desk.page.run("document.querySelector('main form button').click()")
    await desk.page.until(f"{HEARD}.includes('opens at nine')")
    await desk.page.until(f"{LINES}.some((one) => one.querySelector('blockquote'))")
    link = "document.querySelector('[role=log] a')"
    assert await desk.page.run(f"{link}.pathname + {link}.search") == f"/documents/{desk.document_id}?page=1"
    assert "as the handbook says" in str(await desk.page.run(HEARD))
