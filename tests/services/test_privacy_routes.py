"""/api/v1/privacy: who may, what is answered, what is recorded."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2 as httpx
import pytest
from tests.unit.rights.test_erasure import TENANT, House, house

from voiceagent.adapters.store.audit import SqlAudit
from voiceagent.domain.conversation import Turn
from voiceagent.domain.identity import ROLES, Principal
from voiceagent.domain.pii.replace import TOKEN
from voiceagent.engine.conversations import ConversationLog
from voiceagent.engine.privacy import TurnPseudonyms
from voiceagent.kit.errors import Unavailable
from voiceagent.kit.ids import new_id
from voiceagent.rights.holds import Holds, Retention, put_holds
from voiceagent.rights.routes import privacy_routes
from voiceagent.rights.worker import RightsWorker
from voiceagent.web.app import create_app

REVEAL = "/api/v1/privacy/reveal"
DAYS = Retention()
BOSS = Principal(TENANT, "usr_boss", ROLES["owner"], "user")


@asynccontextmanager
async def door(home: House, caller: Principal = BOSS, default: Retention = DAYS) -> AsyncIterator[httpx.AsyncClient]:
    async def known(_conn: object) -> Principal:
        return caller

    app = create_app("documents", title="t", auth=known)
    app.include_router(privacy_routes(home.rights, default, lambda text: text.replace("4111", "[card]")))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client,
    ):
        yield client


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as opened:
        yield opened


async def actions(home: House) -> list[str]:
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        return [entry.action for entry in await work.audit.page(before_id=None, limit=100)]


async def test_an_erasure_is_asked_for_followed_and_certified(home: House) -> None:
    ann, _ = await home.person(), await home.person("owner")
    await home.talks(ann, "word")
    async with door(home) as client:
        asked = await client.post("/api/v1/privacy/erasures", json={"subject": ann.subject})
        assert asked.status_code == 202
        told = asked.json()
        assert (told["state"], told["certificate"]) == ("queued", None)
        again = await client.post("/api/v1/privacy/erasures", json={"subject": ann.subject})
        assert again.json()["erasure_id"] == told["erasure_id"]
        await RightsWorker(home.rights).run_one()
        done = (await client.get(f"/api/v1/privacy/erasures/{told['erasure_id']}")).json()
        assert (done["state"], done["progress"], done["removed"]["turns"]) == ("done", 1.0, 1)
        assert done["certificate"]["body"]["subject_hmac"] == done["subject_hmac"]
        listed = (await client.get("/api/v1/privacy/erasures")).json()
        assert [one["erasure_id"] for one in listed["items"]] == [told["erasure_id"]]
        missing = await client.get("/api/v1/privacy/erasures/ers_none")
        assert (missing.status_code, missing.json()["code"]) == (404, "erasure_not_found")
    assert (await actions(home)).count("erasure_requested") == 1


async def test_an_export_holds_what_is_kept_of_one_person_and_of_nobody_else(home: House) -> None:
    ann, bob = await home.person(), await home.person()
    await home.talks(ann, "ann says 4111", "and this")
    await home.talks(bob, "bob says")
    await home.uploads(ann, "her text of 4111", name="letter 4111.md")
    recording = await home.is_recorded(ann, b"\1\0" * 1_600)
    await home.is_recorded(bob, b"\2\0" * 1_600)
    async with door(home) as client:
        answer = await client.post("/api/v1/privacy/exports", json={"subject": ann.subject})
    assert answer.headers["content-type"] == "application/zip"
    file = zipfile.ZipFile(io.BytesIO(answer.content))
    assert file.testzip() is None
    person = json.loads(file.read("person.json"))
    assert person["subject"] == ann.subject
    assert len(person["keys"]) == len(person["sessions"]) == 1
    (conversation,) = map(json.loads, file.read("conversations.jsonl").splitlines())
    assert [turn["asked"] for turn in conversation["turns"]] == ["ann says [card]", "and this"]
    (document,) = json.loads(file.read("documents.json"))
    assert document["file_name"] == "letter [card].md" and document["document_id"].startswith("doc_")
    assert "4111" not in file.read("documents.json").decode()
    sound = file.read(f"recordings/{recording.name}/caller.wav")
    assert sound[:4] == b"RIFF" and sound[44:] == b"\1\0" * 1_600
    assert f"recordings/{recording.name}/events.jsonl" not in file.namelist()  # words of it are masked nowhere
    assert b"bob" not in answer.content
    assert not [name for name in file.namelist() if name.startswith("recordings/") and recording.name not in name]
    assert not {"password_hash", "secret_sha256"} & set(str(person).replace("'", " ").split())
    assert (await actions(home))[0] == "person_exported"


async def test_retention_holds_and_approvals_are_set_and_recorded(home: House) -> None:
    ann = await home.person()
    async with door(home) as client:
        assert (await client.get("/api/v1/privacy/retention")).json() == {
            "audio_days": 30, "transcripts_days": 365, "documents_days": None,
        }  # fmt: skip
        wanted = {"audio_days": 7, "transcripts_days": None, "documents_days": 99}
        assert (await client.put("/api/v1/privacy/retention", json=wanted)).status_code == 200
        assert (await client.get("/api/v1/privacy/retention")).json() == wanted
        assert (await client.put("/api/v1/privacy/retention", json={"audio_days": 0})).status_code == 422
        held = await client.put("/api/v1/privacy/holds", json={"subjects": [ann.subject]})
        assert held.json()["names"] == [home.rights.names.of(TENANT, ann.subject)]
        refused = await client.post("/api/v1/privacy/erasures", json={"subject": ann.subject})
        assert (refused.status_code, refused.json()["code"]) == (409, "legal_hold")
        approval = await client.post(
            "/api/v1/privacy/retention/approvals", json={"data_class": "transcripts", "count": 5}
        )
        assert approval.status_code == 204
    assert {"retention_changed", "legal_holds_changed", "retention_approved"} <= set(await actions(home))


async def test_classes_that_are_not_named_keep_what_is_in_force(home: House) -> None:
    path = "/api/v1/privacy/retention"
    async with door(home, default=Retention(audio_days=14, transcripts_days=90, documents_days=2_000)) as client:
        named = await client.put(path, json={"audio_days": 10})
        assert named.json() == {"audio_days": 10, "transcripts_days": 90, "documents_days": 2_000}
        await client.put(path, json={"transcripts_days": None})
        await client.put(path, json={"documents_days": 3_000})
        assert (await client.get(path)).json() == {
            "audio_days": 10, "transcripts_days": None, "documents_days": 3_000,
        }  # fmt: skip
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        told = [one.data for one in await work.audit.page(before_id=None, limit=3)]
    assert told == [{"documents_days": 3_000}, {"transcripts_days": None}, {"audio_days": 10}]


async def test_what_an_organisation_never_named_follows_the_settings(home: House) -> None:
    async with door(home, default=Retention(transcripts_days=90)) as client:
        await client.put("/api/v1/privacy/retention", json={"audio_days": 10})
    async with door(home, default=Retention(transcripts_days=60)) as client:
        assert (await client.get("/api/v1/privacy/retention")).json()["transcripts_days"] == 60


async def test_one_person_is_held_and_released_and_the_other_holds_stay(home: House) -> None:
    ann, bob = await home.person(email="ann@example.org"), await home.person()
    names = {one: home.rights.names.of(TENANT, one.subject) for one in (ann, bob)}
    path = "/api/v1/privacy/holds/subjects"
    async with door(home) as client:
        await client.put("/api/v1/privacy/holds", json={"subjects": [bob.subject]})
        for _ in range(2):  # again changes and records nothing
            held = await client.post(path, json={"subject": "ann@example.org"})
            assert (held.status_code, held.json()["name"]) == (200, names[ann])
            assert held.json()["names"] == sorted(names.values())
        for _ in range(2):
            freed = await client.request("DELETE", path, json={"subject": ann.subject})
            assert freed.json() == {"everything": False, "name": names[ann], "names": [names[bob]]}
        by_name = await client.request("DELETE", path, json={"subject": names[bob]})
        assert by_name.json()["names"] == []
        for method in ("POST", "DELETE"):
            missing = await client.request(method, path, json={"subject": "usr_nobody"})
            assert (missing.status_code, missing.json()["code"]) == (404, "subject_not_found")
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        told = [(one.object_id, one.data) for one in await work.audit.page(before_id=None, limit=9)]
    assert told[:-1] == [(names[bob], {"held": False}), (names[ann], {"held": False}), (names[ann], {"held": True})]


async def test_a_hold_of_somebody_who_is_not_known_any_more_is_released_by_the_old_id(home: House) -> None:
    gone = home.rights.names.of(TENANT, "usr_gone")
    async with home.parts.store.begin(TENANT) as work:
        await put_holds(work, Holds(everything=True, names=frozenset({gone})))
    async with door(home) as client:
        freed = await client.request("DELETE", "/api/v1/privacy/holds/subjects", json={"subject": "usr_gone"})
    assert freed.json() == {"everything": True, "name": gone, "names": []}


async def test_everything_is_held_and_released_and_those_who_are_held_stay(home: House) -> None:
    bob = await home.person()
    async with door(home) as client:
        held = (await client.post("/api/v1/privacy/holds/subjects", json={"subject": bob.subject})).json()["names"]
        for everything in (True, False):
            put = {"everything": everything, "subjects": None}
            changed = await client.put("/api/v1/privacy/holds", json=put)
            assert changed.json() == {"everything": everything, "names": held}
            assert (await client.get("/api/v1/privacy/holds")).json() == changed.json()
        assert (await client.put("/api/v1/privacy/holds", json={})).json()["names"] == [], "left out: nobody, as ever"


async def test_holds_added_at_the_same_time_are_all_kept(home: House) -> None:
    people = [await home.person() for _ in range(4)]
    async with door(home) as client:
        path = "/api/v1/privacy/holds/subjects"
        await asyncio.gather(*(client.post(path, json={"subject": one.subject}) for one in people))
        shown = (await client.get("/api/v1/privacy/holds")).json()["names"]
    assert shown == sorted(home.rights.names.of(TENANT, one.subject) for one in people)


@pytest.mark.parametrize("role", ["operator", "analyst", "viewer"])
async def test_others_may_not(home: House, role: str) -> None:
    async with door(home, Principal(TENANT, "usr_x", ROLES[role], "user")) as client:
        for method, path in (
            ("POST", "erasures"),
            ("GET", "erasures"),
            ("POST", "exports"),
            ("GET", "holds"),
            ("POST", "holds/subjects"),
            ("DELETE", "holds/subjects"),
        ):
            answer = await client.request(method, f"/api/v1/privacy/{path}", json={"subject": "usr_y"})
            assert answer.status_code == 403, path


# --- turning pseudonyms back ------------------------------------------------------------------------------------------

SAID = "My card is 4111 1111 1111 1111, I am Anna Kowalska."


async def pseudonymous(home: House, caller: Principal, tenant: str = TENANT) -> tuple[str, list[str]]:
    """A conversation with one turn that is stored without personal data; the pseudonyms in it."""
    log = ConversationLog(home.parts.store, None, home.parts.clock, TurnPseudonyms(b"s" * 48))
    opened = await log.open(caller, "", None, "text")
    name = opened.conversation.conversation_id
    turn = Turn(new_id("turn"), name, SAID, "Thank you.", "Thank you.", "answered", datetime.now(UTC))
    await log.record(caller, turn)
    async with home.parts.store.begin(tenant, read_only=True) as work:
        (stored,) = await work.conversations.turns(name, last=5)
    assert "4111" not in stored.asked and "Anna" not in stored.asked
    return name, [found.group() for found in TOKEN.finditer(stored.asked)]


def wanted(name: str, pseudonyms: list[str]) -> dict[str, object]:
    return {"conversation_id": name, "pseudonyms": pseudonyms, "reason": "ticket 12"}


async def test_pseudonyms_are_turned_back_with_one_record_each_time(home: House) -> None:
    ann = await home.person()
    name, pseudonyms = await pseudonymous(home, ann)
    async with door(home) as client:
        for count in (1, 2):
            told = await client.post(REVEAL, json=wanted(name, [*pseudonyms, "[card:bbbbbbbbbb]"]))
            assert told.status_code == 200 and told.headers["cache-control"] == "no-store"
            assert sorted(told.json()["originals"].values()) == ["4111 1111 1111 1111", "Anna Kowalska"]
            assert (await actions(home)).count("pii_revealed") == count
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        entry = (await work.audit.page(before_id=None, limit=1))[0]
    assert (entry.action, entry.subject, entry.object_id) == ("pii_revealed", BOSS.subject, name)
    assert entry.data == {"asked": 3, "told": 2, "kinds": "card,person", "reason": "ticket 12"}


async def test_what_pseudonyms_stand_for_lies_sealed_and_goes_with_the_tenants_keys(
    home: House, tmp_path: Path
) -> None:
    name, pseudonyms = await pseudonymous(home, await home.person())
    stored = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("voiceagent.db*"))
    assert pseudonyms[0].encode() not in stored and b"4111 1111" not in stored and b"Kowalska" not in stored
    assert home.parts.keys is not None
    await home.parts.keys.destroy(TENANT)
    async with door(home) as client:
        assert (await client.post(REVEAL, json=wanted(name, pseudonyms))).status_code == 403


@pytest.mark.parametrize("role", sorted(ROLES))
async def test_only_the_scope_turns_back(home: House, role: str) -> None:
    name, pseudonyms = await pseudonymous(home, await home.person())
    scopes = ROLES[role]
    async with door(home, Principal(TENANT, "usr_else", scopes, "user")) as client:
        told = await client.post(REVEAL, json=wanted(name, pseudonyms))
    assert told.status_code == (200 if role == "owner" else 403)
    assert ("pii_revealed" in await actions(home)) == (role == "owner")


async def test_the_scope_alone_opens_ones_own_conversations_and_no_other_organisations(home: House) -> None:
    ann = await home.person()
    name, pseudonyms = await pseudonymous(home, ann)
    narrow = frozenset({"pii:reveal"})
    for caller, status in (
        (Principal(TENANT, ann.subject, narrow, "user"), 200),
        (Principal(TENANT, "usr_else", narrow, "user"), 404),
        (Principal("ten_b", ann.subject, ROLES["owner"], "user"), 404),
    ):
        async with door(home, caller) as client:
            assert (await client.post(REVEAL, json=wanted(name, pseudonyms))).status_code == status


@pytest.mark.parametrize(
    "body", [{"pseudonyms": []}, {"pseudonyms": ["4111"]}, {"pseudonyms": ["[card:bbbbbbbbbb]"] * 101}, {"reason": ""}]
)
async def test_a_wish_that_is_none_is_refused_and_nothing_recorded(home: House, body: dict[str, object]) -> None:
    name, pseudonyms = await pseudonymous(home, await home.person())
    async with door(home) as client:
        assert (await client.post(REVEAL, json=wanted(name, pseudonyms) | body)).status_code == 422
    assert "pii_revealed" not in await actions(home)


async def test_without_its_record_nothing_is_told(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    name, pseudonyms = await pseudonymous(home, await home.person())

    async def fails(*_: object) -> None:
        raise Unavailable("store_unavailable", "no room for a record")

    monkeypatch.setattr(SqlAudit, "append", fails)
    async with door(home) as client:
        told = await client.post(REVEAL, json=wanted(name, pseudonyms))
    assert told.status_code == 503 and "4111" not in told.text


async def test_of_an_erased_person_nothing_can_be_turned_back(home: House) -> None:
    ann, _ = await home.person(), await home.person("owner")
    name, pseudonyms = await pseudonymous(home, ann)
    await home.erased(ann.subject)
    async with door(home) as client:
        assert (await client.post(REVEAL, json=wanted(name, pseudonyms))).status_code == 404
    async with home.parts.store.begin(TENANT, read_only=True) as work:
        assert await work.seals.originals(name) == {}
