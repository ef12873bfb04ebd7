"""/api/v1/privacy: who may, what is answered, what is recorded."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2 as httpx
import pytest
from tests.unit.rights.test_erasure import TENANT, House, house

from voiceagent.domain.identity import ROLES, Principal
from voiceagent.rights.holds import Retention
from voiceagent.rights.routes import privacy_routes
from voiceagent.rights.worker import RightsWorker
from voiceagent.web.app import create_app

BOSS = Principal(TENANT, "usr_boss", ROLES["owner"], "user")


@asynccontextmanager
async def door(home: House, caller: Principal = BOSS) -> AsyncIterator[httpx.AsyncClient]:
    async def known(_conn: object) -> Principal:
        return caller

    app = create_app("documents", title="t", auth=known)
    app.include_router(privacy_routes(home.rights, Retention(), lambda text: text.replace("4111", "[card]")))
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
    await home.uploads(ann, "her text")
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
    assert len(json.loads(file.read("documents.json"))) == 1
    sound = file.read(f"recordings/{recording.name}/caller.wav")
    assert sound[:4] == b"RIFF" and sound[44:] == b"\1\0" * 1_600
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


@pytest.mark.parametrize("role", ["operator", "analyst", "viewer"])
async def test_others_may_not(home: House, role: str) -> None:
    async with door(home, Principal(TENANT, "usr_x", ROLES[role], "user")) as client:
        for method, path in (("POST", "erasures"), ("GET", "erasures"), ("POST", "exports"), ("GET", "holds")):
            answer = await client.request(method, f"/api/v1/privacy/{path}", json={"subject": "usr_y"})
            assert answer.status_code == 403, path
