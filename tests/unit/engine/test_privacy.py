"""Turns without personal data, and that the store gets nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.support.engine_parts import engine_kit

from voiceagent.domain.conversation import Turn
from voiceagent.domain.identity import Principal
from voiceagent.domain.pii.replace import restore
from voiceagent.engine.privacy import TurnPseudonyms
from voiceagent.engine.reply import EngineParts, EngineService
from voiceagent.engine.routing.router import Router

SECRET = b"s" * 48
SAID = "my card is four one one one one one one one one one one one one one one one, Anna Kowalska"
ANSWER = "Thank you Anna Kowalska, I wrote to anna@example.com."


def turn(conversation_id: str, *, asked: str = SAID, answer: str = ANSWER, heard: str = ANSWER) -> Turn:
    return Turn("turn_1", conversation_id, asked, answer, heard, "answered", datetime(2026, 1, 1, tzinfo=UTC))


async def test_question_answer_and_what_was_heard_are_replaced_and_nothing_else() -> None:
    before = turn("conv_1", heard="Thank you Anna Kowalska, I wr")
    after, originals = await TurnPseudonyms(SECRET).redacted("t1", before)
    for text in (after.asked, after.answer, after.heard):
        assert "Kowalska" not in text and "four" not in text and "@" not in text
    assert after.asked.startswith("my card is [card:")
    assert restore(after.asked, originals) == before.asked and restore(after.answer, originals) == before.answer
    assert after.turn_id == before.turn_id and after.state == before.state


async def test_words_cut_off_inside_personal_data_leave_no_part_of_it() -> None:
    answer = "Your card is 4111 1111 1111 1111, Anna Kowalska, and your address anna@example.com."
    pseudonyms = TurnPseudonyms(SECRET)
    whole, _ = await pseudonyms.redacted("t1", turn("c", asked="", answer=answer, heard=answer))
    for end in range(len(answer) + 1):
        after, originals = await pseudonyms.redacted("t1", turn("c", asked="", answer=answer, heard=answer[:end]))
        assert after.answer == whole.answer and after.answer.startswith(after.heard), end
        restored = restore(after.heard, originals)
        assert restored.startswith(answer[:end]) and answer.startswith(restored), end
        assert not any(part in after.heard for part in ("41", "Ann", "Kow", "anna")), after.heard


async def test_one_person_has_one_pseudonym_in_a_tenant_and_another_elsewhere() -> None:
    pseudonyms = TurnPseudonyms(SECRET)
    first, _ = await pseudonyms.redacted("t1", turn("c", asked="I am Anna Kowalska."))
    again, _ = await TurnPseudonyms(SECRET).redacted("t1", turn("c", asked="Here is Anna Kowalska!"))
    other, _ = await pseudonyms.redacted("t2", turn("c", asked="I am Anna Kowalska."))
    name = first.asked.removeprefix("I am ").removesuffix(".")
    assert name.startswith("[person:")
    assert name in again.asked
    assert name not in other.asked


async def test_a_long_turn_is_replaced_too() -> None:
    after, _ = await TurnPseudonyms(SECRET).redacted("t1", turn("c", answer=f"{ANSWER} " * 200))
    assert "Kowalska" not in after.answer


async def test_the_store_never_gets_the_words() -> None:
    async with engine_kit() as kit:
        service = EngineService(EngineParts(kit.store, Router({"m": kit.llm}), pseudonyms=TurnPseudonyms(SECRET)))
        caller = Principal("ten_a", "usr_a", frozenset({"talk"}))
        opened = await service.open_conversation(caller, agent_id="", conversation_id=None, channel="text")
        name = opened.conversation.conversation_id
        await service.record(caller, turn(name))
        again = await service.open_conversation(caller, agent_id="", conversation_id=name, channel="text")
        (stored,) = again.turns
        assert "Kowalska" not in repr(stored) and "@" not in repr(stored)
        assert "[person:" in stored.answer
        async with kit.store.begin("ten_a", read_only=True) as work:
            assert await work.seals.originals(name) == {}, "without keys nothing is kept that could bring words back"
