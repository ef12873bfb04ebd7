"""The talk page in a real browser against a scripted session: what it sends, shows, plays and refuses."""

from __future__ import annotations

import asyncio
import json
import math
import struct
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from tests.support import chromium
from tests.support.chromium import Page
from tests.support.patience import ANSWER_S
from tests.support.voice_fakes import TALKER, FakeEngine, FakeSession, FakeStt, FakeTts, Sessions

from voiceagent.apps.dashboard import PAGE as FILES
from voiceagent.apps.dashboard import Page as DashboardPage
from voiceagent.domain.conversation import Citation, TurnTimings
from voiceagent.domain.identity import Principal
from voiceagent.domain.usage import TokenUsage
from voiceagent.ports.speech import SameForAll
from voiceagent.voice import messages as told
from voiceagent.voice.messages import Item
from voiceagent.voice.server import VoiceServerParts, create_voice

PROGRAM = chromium.found()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="missing: chromium")
KEY = "va_test_key"
PROTOCOLS = f"realtime, openai-insecure-api-key.{KEY}"


async def by_subprotocol(conn: HTTPConnection) -> Principal | None:
    return TALKER if conn.headers.get("sec-websocket-protocol") == PROTOCOLS else None


async def serve(app: Any) -> tuple[uvicorn.Server, asyncio.Task[None], int]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", ws="websockets-sansio"))
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(ANSWER_S):
        while not server.started:
            await asyncio.sleep(0.01)
    return server, task, server.servers[0].sockets[0].getsockname()[1]


def speech_like(path: Path, seconds: float = 20.0) -> Path:
    """A steady tone: the fake microphone's content only has to arrive."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(48_000)
        samples = (int(8_000 * math.sin(index * 0.05)) for index in range(int(48_000 * seconds)))
        out.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return path


class Talk:
    """The browser on one side, the session on the other."""

    def __init__(self, page: Page, sessions: Sessions, url: str) -> None:
        self.page, self._sessions, self.url = page, sessions, url

    @property
    def session(self) -> FakeSession:
        return self._sessions.opened[-1]

    @property
    def resumed(self) -> list[str | None]:
        return self._sessions.resumed

    async def start(self, key: str = KEY) -> None:
        await self.page.run(f"document.getElementById('key').value = {json.dumps(key)}")
        await self.page.run("document.getElementById('start').click()")

    async def shown(self, element_id: str) -> str:
        return str(await self.page.run(f"document.getElementById('{element_id}').innerText"))

    async def until_session(self, happened: Callable[[FakeSession], Any]) -> None:
        async with asyncio.timeout(ANSWER_S):
            while not self._sessions.opened or not happened(self.session):
                await asyncio.sleep(0.02)


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    assert PROGRAM is not None
    sessions = Sessions()
    voice: FastAPI = create_voice(
        VoiceServerParts(sessions.open, SameForAll(FakeStt(), FakeTts()), FakeEngine()), auth=by_subprotocol
    )
    gateway, gateway_task, gateway_port = await serve(voice)
    files, files_task, files_port = await serve(DashboardPage(Starlette(), folder=FILES, gateway_port=gateway_port))
    try:
        async with chromium.browser(PROGRAM, tmp_path / "profile", speech_like(tmp_path / "mic.wav")) as page:
            url = f"http://127.0.0.1:{files_port}/"
            await page.open(url)
            yield Talk(page, sessions, url)
    finally:
        gateway.should_exit = files.should_exit = True
        await asyncio.wait({gateway_task, files_task}, timeout=10)


def tone(milliseconds: int) -> bytes:
    return b"".join(struct.pack("<h", int(6_000 * math.sin(index * 0.1))) for index in range(24 * milliseconds))


def question(session: FakeSession) -> None:
    session.tell(
        told.SpeechStarted("item_1", 0),
        told.SpeechStopped("item_1", 900),
        told.AudioCommitted("item_1", None),
        told.ItemAdded(Item("item_1", spoken=True, status="in_progress"), None),
        told.TranscriptDelta("item_1", "What is"),
        told.TranscriptCompleted("item_1", "What is the weather?", 0.9),
    )


def answer_begins(session: FakeSession, milliseconds: int) -> None:
    session.tell(
        told.ReplyStarted("resp_1", "item_2", "item_1", "audio", None),
        told.ReplyWords("resp_1", "item_2", "It is sunny today.", 0),
        *[told.ReplySound("resp_1", "item_2", tone(20), 24_000) for _ in range(milliseconds // 20)],
    )


def answer_ends(session: FakeSession, status: str = "completed", heard: str = "It is sunny today.") -> None:
    session.tell(
        told.ReplyEnded(
            "resp_1",
            "item_2",
            status,  # type: ignore[arg-type]
            None if status == "completed" else "turn_detected",
            "It is sunny today.",
            heard,
            600,
            TokenUsage(9, 5),
            TurnTimings(soft_end_ms=120, transcript_ms=180, committed_ms=200, first_token_ms=260, first_audio_ms=410),
            (Citation("doc", "Handbook", 4, 0, 9, "sunny"),),
        )
    )


def longest_played_ms(session: FakeSession) -> int:
    return max((call[2] for call in session.calls if call[0] == "played"), default=0)


async def settled_ms(session: FakeSession) -> int:
    """What was played when a second has brought nothing more."""
    before = -1
    while before != (now := longest_played_ms(session)):
        before = now
        await asyncio.sleep(1.0)
    return now


async def test_a_spoken_question_is_sent_and_the_answer_shown_and_played(talk: Talk) -> None:
    await talk.start()
    await talk.until_session(lambda session: session.heard_bytes > 32_000)
    assert await talk.shown("state-text") == "Listening"
    question(talk.session)
    answer_begins(talk.session, 600)
    await talk.page.until("document.getElementById('state').dataset.state === 'speaking'")
    answer_ends(talk.session)
    await talk.until_session(lambda session: longest_played_ms(session) >= 590)
    await talk.page.until("document.getElementById('state').dataset.state === 'listening'")
    transcript = await talk.shown("transcript")
    assert "What is the weather?" in transcript
    assert "It is sunny today." in transcript
    assert "Handbook, page 4" in transcript
    assert await talk.page.run("document.querySelector('.sources blockquote').checkVisibility()") is False
    await talk.page.run("document.querySelector('.sources summary').click()")
    await talk.page.until("document.querySelector('.sources blockquote').checkVisibility()")
    assert await talk.page.run("document.querySelector('.sources blockquote').innerText") == "sunny"
    latency = await talk.shown("latency")
    assert "410 ms" in latency and "First sound" in latency
    assert talk.page.complaints == []
    assert all("127.0.0.1" in address or address.startswith("data:") for address in talk.page.requests)


async def test_talking_over_the_answer_silences_it_and_shows_what_was_heard(talk: Talk) -> None:
    await talk.start()
    await talk.until_session(lambda session: session.heard_bytes > 0)
    answer_begins(talk.session, 20_000)
    await talk.until_session(lambda session: longest_played_ms(session) >= 200)
    talk.session.tell(told.SpeechStarted("item_3", 2_000), told.SpeakerHeld("item_2", held=True))
    await talk.page.until("document.getElementById('state').dataset.state === 'hearing'")
    answer_ends(talk.session, "cancelled", heard="It is")
    await talk.page.until("document.querySelector('.unheard') !== null")
    assert await talk.page.run("document.querySelector('.unheard').innerText.trim()") == "sunny today."
    talk.session.tell(told.SpeechStopped("item_3", 2_500))
    question(talk.session)
    await talk.page.until("document.getElementById('transcript').innerText.includes('What is the weather?')")
    assert await settled_ms(talk.session) < 18_000, "of 20 s that had come"


async def test_a_noise_holds_the_answer_and_it_goes_on(talk: Talk) -> None:
    await talk.start()
    await talk.until_session(lambda session: session.heard_bytes > 0)
    answer_begins(talk.session, 6_000)
    await talk.until_session(lambda session: longest_played_ms(session) >= 200)
    talk.session.tell(told.SpeechStarted("item_3", 2_000), told.SpeakerHeld("item_2", held=True))
    await talk.page.until("document.getElementById('state').dataset.state === 'hearing'")
    held_at_ms = longest_played_ms(talk.session)
    assert held_at_ms < 5_900
    talk.session.tell(told.SpeakerHeld("item_2", held=False))
    talk.session.tell(told.ReplySound("resp_1", "item_2", tone(100), 24_000))
    answer_ends(talk.session)
    await talk.until_session(lambda session: longest_played_ms(session) >= 6_090)


async def test_writing_muting_and_ending(talk: Talk) -> None:
    await talk.start()
    await talk.until_session(lambda session: session.heard_bytes > 0)
    await talk.page.run("document.getElementById('text').value = '<b>hello</b>'")
    await talk.page.run("document.querySelector('#write button').click()")
    await talk.until_session(lambda session: any(call[0] == "create_response" for call in session.calls))
    assert [item.text for item in talk.session.items] == ["<b>hello</b>"]
    await talk.page.until("document.getElementById('transcript').innerText.includes('<b>hello</b>')")
    await talk.page.run("document.getElementById('mute').click()")
    assert await talk.page.run("document.getElementById('mute').getAttribute('aria-pressed')") == "true"
    await talk.page.run("document.getElementById('end').click()")
    await talk.until_session(lambda session: session.closed)
    await talk.page.until("!document.getElementById('connect').hidden")
    assert await talk.shown("state-text") == "Not connected"
    assert talk.page.complaints == []


async def test_a_call_that_breaks_goes_on_in_the_same_conversation(talk: Talk) -> None:
    await talk.start()
    await talk.until_session(lambda session: session.heard_bytes > 0)
    broken = talk.session
    broken.breaks_with = RuntimeError("the process is gone")
    broken.tell(told.AudioCleared())
    await talk.until_session(lambda session: session is not broken and session.heard_bytes > 0)
    assert talk.resumed == [None, "conv_1"]
    question(talk.session)
    await talk.page.until("document.getElementById('transcript').innerText.includes('weather')")
    await talk.page.run("document.getElementById('end').click()")
    await talk.page.until("!document.getElementById('connect').hidden")
    assert talk.page.complaints == []


async def test_a_wrong_key_says_so_and_leaves_the_form(talk: Talk) -> None:
    await talk.start("va_wrong")
    await talk.page.until("!document.getElementById('problem').hidden")
    assert "refused" in await talk.shown("problem")
    assert await talk.page.run("document.getElementById('connect').hidden") is False
    assert await talk.page.run("sessionStorage.length + localStorage.length") == 0


def test_the_page_asks_nobody_else_and_has_nothing_inline() -> None:
    html = (FILES / "index.html").read_text()
    assert "http://" not in html and "https://" not in html
    assert " style=" not in html and "<style" not in html and " onclick=" not in html
    for script in FILES.glob("*.js"):
        code = script.read_text()
        assert "innerHTML" not in code and "eval(" not in code and "https://" not in code
