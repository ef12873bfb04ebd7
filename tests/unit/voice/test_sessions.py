"""Admission, recordings and draining of realtime sessions."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.support.virtual_time import LoopClock
from tests.voice.call import Brain, Ears, Judge, Script, Vad, Voice

from voiceagent.domain.agent import Agent
from voiceagent.domain.conversation import Conversation
from voiceagent.domain.identity import DEFAULT_TENANT_ID, Principal
from voiceagent.kit.errors import Unavailable
from voiceagent.ports.services import OpenedConversation
from voiceagent.ports.speech import SameForAll
from voiceagent.voice.messages import SessionSettings
from voiceagent.voice.sessions import SessionLimits, Sessions
from voiceagent.voice.stage import VoiceParts

CALLER = Principal(DEFAULT_TENANT_ID, "key_1", frozenset({"talk"}))


class OpeningBrain(Brain):
    async def open_conversation(self, principal, *, agent_id, conversation_id, channel):  # type: ignore[no-untyped-def]
        now = LoopClock().now()
        return OpenedConversation(Conversation("conv_1", agent_id, "u", "voice", now, now), Agent(), ())


def sessions(recordings: Path | None = None, **limits: int) -> Sessions:
    ears = Ears(Script())
    parts = VoiceParts(SameForAll(ears, Voice()), Vad(ears), Judge(ears), OpeningBrain(), LoopClock())  # type: ignore[arg-type]
    return Sessions(parts, recordings=recordings, limits=SessionLimits(**limits))


async def test_a_call_over_the_limit_is_refused_and_the_others_go_on() -> None:
    admitted = sessions(live=2)
    first = await admitted.open(CALLER, SessionSettings(), None, "default")
    await admitted.open(CALLER, SessionSettings(), None, "default")
    with pytest.raises(Unavailable) as refusal:
        await admitted.open(CALLER, SessionSettings(), None, "default")
    assert refusal.value.code == "voice_full"
    assert refusal.value.retry_after_s
    await first.close("hung_up")
    await admitted.open(CALLER, SessionSettings(), None, "default")
    assert len(admitted) == 2
    await admitted.drain(within_s=0.0)


async def test_draining_refuses_new_calls_and_ends_the_others() -> None:
    admitted = sessions()
    session = await admitted.open(CALLER, SessionSettings(), None, "default")
    events = asyncio.create_task(_all(session))
    await admitted.drain(within_s=0.0)
    await asyncio.wait_for(events, 60.0)
    assert len(admitted) == 0
    with pytest.raises(Unavailable) as refusal:
        await admitted.open(CALLER, SessionSettings(), None, "default")
    assert refusal.value.code == "draining"


async def test_a_hundred_calls_leave_no_task_behind() -> None:
    admitted = sessions()
    before = len(asyncio.all_tasks())
    for _ in range(100):
        session = await admitted.open(CALLER, SessionSettings(), None, "default")
        session.on_frame(bytes(3200))
        await session.close("hung_up")
    assert len(asyncio.all_tasks()) == before


async def test_recordings_are_private_and_the_oldest_go_first(tmp_path: Path) -> None:
    admitted = sessions(tmp_path, recordings_bytes=100_000)
    for _ in range(6):
        session = await admitted.open(CALLER, SessionSettings(), None, "default")
        session.on_frame(bytes(32_000))
        await session.close("hung_up")
    kept = sorted(folder.name for folder in tmp_path.iterdir())
    assert 3 <= len(kept) <= 4
    assert all(file.stat().st_mode & 0o077 == 0 for folder in tmp_path.iterdir() for file in folder.iterdir())


async def test_a_call_that_is_being_opened_is_waited_for_as_one_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    admitted, opening = sessions(), asyncio.Event()
    at_once = OpeningBrain.open_conversation

    async def slowly(*arguments, **options):  # type: ignore[no-untyped-def]
        await opening.wait()
        return await at_once(*arguments, **options)

    monkeypatch.setattr(OpeningBrain, "open_conversation", slowly)
    call = asyncio.create_task(admitted.open(CALLER, SessionSettings(), None, "default"))
    await asyncio.sleep(0)
    draining = asyncio.create_task(admitted.drain(within_s=60.0))
    await asyncio.sleep(0.01)
    assert not draining.done()
    opening.set()
    session = await call
    await asyncio.sleep(0.01)
    assert not draining.done()
    await session.close("hung_up")
    await draining


async def _all(session) -> list[object]:  # type: ignore[no-untyped-def]
    return [event async for event in session.events()]
