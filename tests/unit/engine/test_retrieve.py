"""Retrieval in a reply: late or failing search costs the sources, never the answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client import REGISTRY
from tests.support.engine_parts import engine_kit, passage

from voiceagent.adapters.llm.scripted import ScriptedAnswer
from voiceagent.domain.agent import Agent
from voiceagent.domain.reply import ReplyCitation, ReplyDone, ReplyText
from voiceagent.engine.reply import EngineParts, EngineService
from voiceagent.engine.retrieve import RetrievalBudget, Retriever
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import Unavailable


class Later(SystemClock):
    """Stands where it is put."""

    at_s = 0.0

    def monotonic_s(self) -> float:
        return self.at_s


async def test_a_reply_cites_what_was_found_and_the_mark_is_not_heard() -> None:
    async with engine_kit() as kit:
        kit.documents.found = (passage(1, "We close at nine."),)
        kit.script[:] = [ScriptedAnswer(text="At nine [1]. Good night.")]
        events = [event async for event in kit.service.reply(kit.request("When do you close?"))]
        assert "".join(e.text for e in events if isinstance(e, ReplyText)) == "At nine. Good night."
        assert [e.citation.document_id for e in events if isinstance(e, ReplyCitation)] == ["doc_1"]
        assert isinstance(events[-1], ReplyDone)
        assert events[-1].retrieval_ms is not None
        principal, query = kit.documents.asked[0]
        assert (principal.tenant_id, principal.subject) == ("ten_a", "usr_a")
        assert (query.text, query.collection_ids, query.deadline_s) == ("When do you close?", None, 0.1)


async def test_the_agents_collections_narrow_the_search() -> None:
    async with engine_kit() as kit:
        request = replace(kit.request("Where?"), agent=Agent(collection_ids=("col_7",)))
        [event async for event in kit.service.reply(request)]
        assert kit.documents.asked[0][1].collection_ids == ("col_7",)


@pytest.mark.parametrize("how", ["late", "failing"])
async def test_a_search_that_is_late_or_fails_leaves_the_answer_without_sources_and_says_so(how: str) -> None:
    async with engine_kit() as kit:
        kit.documents.delay_s = 30.0 if how == "late" else 0.0
        kit.documents.problem = Unavailable("vectors_unavailable", "gone") if how == "failing" else None
        events = [event async for event in kit.service.reply(kit.request("When?"))]
        assert "".join(e.text for e in events if isinstance(e, ReplyText)) == "You said: When?"
        done = events[-1]
        assert isinstance(done, ReplyDone)
        assert done.retrieval_error == ("search_deadline" if how == "late" else "vectors_unavailable")


async def test_a_search_made_while_the_caller_spoke_serves_the_reply() -> None:
    async with engine_kit() as kit:
        kit.documents.found = (passage(1, "Nine."),)
        await kit.service.prepare(kit.request("When do you close?"))
        assert kit.llm.warmed, "the prompt was warmed"
        events = [event async for event in kit.service.reply(kit.request("when do you  close?"))]
        assert len(kit.documents.asked) == 1
        assert isinstance(events[-1], ReplyDone)
        assert events[-1].retrieval_ms == 0.0


async def test_what_was_deleted_is_not_told_for_longer_than_rights_last() -> None:
    clock = Later()
    async with engine_kit() as kit:
        retriever = Retriever(kit.documents, clock)
        kit.documents.found = (passage(1, "Nine."),)
        assert len((await retriever.passages(kit.request("When?"), "When?")).passages) == 1
        kit.documents.found = ()
        clock.at_s = 1.0
        assert len((await retriever.passages(kit.request("When?"), "When?")).passages) == 1, (
            "a search ahead serves the reply"
        )
        clock.at_s = 5.0
        assert (await retriever.passages(kit.request("When?"), "When?")).passages == ()


async def test_one_callers_passages_never_serve_another() -> None:
    async with engine_kit() as kit:
        for change in ({}, {"subject": "usr_b"}, {"tenant_id": "ten_b"}):
            request = replace(kit.request("When?"), **change)  # type: ignore[arg-type]
            [event async for event in kit.service.reply(request)]
        assert len(kit.documents.asked) == 3


def waits(channel: str, outcome: str) -> float:
    name = "voiceagent_retrieval_wait_seconds_count"
    return REGISTRY.get_sample_value(name, {"channel": channel, "outcome": outcome}) or 0.0


async def test_the_budget_is_a_setting_and_how_a_wait_ended_is_counted() -> None:
    budget = RetrievalBudget(spoken_s=0.03, written_s=0.5, limit=7, neighbours=2, room_chars=1_234)
    async with engine_kit() as kit:
        parts = EngineParts(kit.store, kit.service.parts.router, kit.documents, retrieval=budget)
        service = EngineService(parts)
        kit.documents.found = (passage(1, "Nine."),)
        before = {one: waits("spoken", one) for one in ("found", "late", "ahead")}
        [event async for event in service.reply(kit.request("When do you close?"))]
        query = kit.documents.asked[-1][1]
        assert (query.limit, query.deadline_s, query.neighbours, query.room_chars) == (7, 0.03, 2, 1_234)
        [event async for event in service.reply(kit.request("When?", spoken=False))]
        assert kit.documents.asked[-1][1].deadline_s == 0.5
        await service.prepare(kit.request("When do you open?"))
        [event async for event in service.reply(kit.request("When do you open?"))]
        kit.documents.delay_s = 30.0
        done = [event async for event in service.reply(kit.request("Where do you close?"))][-1]
        assert isinstance(done, ReplyDone)
        assert (done.retrieval_error, done.grounding) == ("search_deadline", "")
        assert {one: waits("spoken", one) - before[one] for one in before} == {"found": 1, "late": 1, "ahead": 1}


async def test_sentences_are_told_from_chunks_as_they_are() -> None:
    async with engine_kit() as kit:
        parts = EngineParts(kit.store, kit.service.parts.router, kit.documents, grounding="extract")
        [event async for event in EngineService(parts).reply(kit.request("When do you close?"))]
        assert kit.documents.asked[-1][1].neighbours == 0
