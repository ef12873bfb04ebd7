"""Retrieval in a reply: late or failing search costs the sources, never the answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.engine_parts import engine_kit, passage

from voiceagent.adapters.llm.scripted import ScriptedAnswer
from voiceagent.domain.agent import Agent
from voiceagent.domain.reply import ReplyCitation, ReplyDone, ReplyText
from voiceagent.kit.errors import Unavailable


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


async def test_one_callers_passages_never_serve_another() -> None:
    async with engine_kit() as kit:
        for change in ({}, {"subject": "usr_b"}, {"tenant_id": "ten_b"}):
            request = replace(kit.request("When?"), **change)  # type: ignore[arg-type]
            [event async for event in kit.service.reply(request)]
        assert len(kit.documents.asked) == 3
