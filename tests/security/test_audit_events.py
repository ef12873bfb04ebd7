"""Every kind of record that the audit log knows, through its real door: one record with the deed, and no deed without its record."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
from bench.security.stage import stage
from tests.arch.source_tree import modules, page
from tests.support.audited_platform import PASSWORD, Answer, Platform

from voiceagent.domain.trail.deeds import DEEDS
from voiceagent.gateway.identity import totp

Act = Callable[[], Awaitable[Answer]]
Scenario = Callable[[Platform], Awaitable[Act]]
CARD = "4111 1111 1111 1111"
TENANT = "ten_default"
pytestmark = pytest.mark.timeout(600)

REFUSED = {"access_denied", "sign_in_failed", "refresh_token_reused"}
"""The deed is that somebody was refused."""

TESTS = Path(__file__).parents[1]
ELSEWHERE = {
    "events_revived": (
        "services/test_gateway_events.py",
        "test_dead_letters_are_shown_to_their_own_organisation_and_handed_out_again",
    ),
    "hooks_changed": ("services/test_hooks.py", "test_a_change_is_recorded_once_in_each_organisations_audit_log"),
    "tool_called": ("unit/engine/test_tool_rounds.py", "test_without_its_audit_record_no_change_happens"),
    "erasure_completed": ("security/test_audit_events.py", "test_an_erasure_is_not_over_before_its_record_stands"),
    "erasure_held": ("contracts/test_erasure_held.py", "test_a_hold_after_the_request_stops_the_job_and_is_on_record"),
    "tenant_key_rotated": ("security/test_audit_events.py", "test_no_key_is_rotated_without_a_record_that_it_begins"),
    "tenant_key_rotation_begun": (
        "security/test_audit_events.py",
        "test_no_key_is_rotated_without_a_record_that_it_begins",
    ),
    "root_key_rotated": ("security/test_audit_events.py", "test_no_key_is_rotated_without_a_record_that_it_begins"),
    "root_key_rotation_begun": (
        "security/test_audit_events.py",
        "test_no_key_is_rotated_without_a_record_that_it_begins",
    ),
}
"""Tested by a function of its own, as the deed lies outside the database."""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("audited")
    told = {"RECORDINGS__DIR": str(folder / "data" / "recordings"), "PRIVACY__REDACT": "transcripts"}
    with stage(folder, told) as on:
        made = Platform(on, told)
        asyncio.run(made.arrive())
        yield made


SCENARIOS: dict[str, Scenario] = {}


def deed(scenario: Scenario) -> Scenario:
    SCENARIOS[getattr(scenario, "__name__")] = scenario  # noqa: B009 - a callable type has no name
    return scenario


def test_every_kind_of_record_has_a_test() -> None:
    assert set(SCENARIOS) | set(ELSEWHERE) == set(DEEDS)
    for file, name in ELSEWHERE.values():
        path = TESTS / file
        assert not path.exists() or f"async def {name}(" in path.read_text()


def test_every_kind_that_is_written_is_known_and_every_known_kind_is_written() -> None:
    writers = {"deed", "local_deed", "_deed", "_entry", "_note", "AuditEntry", "completion"}
    written: set[str] = set()
    for module in modules():
        for call in (node for node in ast.walk(module.tree) if isinstance(node, ast.Call)):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            named = [word.value for word in call.keywords if word.arg == "action"]
            if name in writers or named:
                given = [*call.args[:4], *named]
                texts = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                written.update(text for text in texts if re.fullmatch(r"[a-z]+(_[a-z]+)+", text))
    assert written <= set(DEEDS)


def test_every_kind_is_documented() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (.+) \|$", page("audit.md"), re.MULTILINE)
    assert dict(rows) == dict(DEEDS)


@pytest.mark.parametrize("action", sorted(set(DEEDS) - set(ELSEWHERE)))
async def test_a_deed_and_its_record_stand_together_or_not_at_all(platform: Platform, action: str) -> None:
    act = await SCENARIOS[action](platform)
    await platform.quiet()
    before, records = platform.rows(), platform.records(action)
    async with platform.audit_failing(action):
        answer = await act()
    assert answer.status >= 400, f"{answer.status} {answer.body[:300]}"
    assert platform.records(action) == records
    after = platform.rows()
    assert {table: rows for table, rows in after.items() if rows != before[table]} == {}, "it happened without a record"
    answer = await act()
    assert (400 <= answer.status < 500) if action in REFUSED else answer.status < 300, (
        f"{answer.status} {answer.body[:300]}"
    )
    assert platform.records(action) == records + 1


# --- identity -----------------------------------------------------------------------------------------------------------


@deed
async def user_created(on: Platform) -> Act:
    body = {"email": f"new{time.monotonic_ns()}@example.org", "password": PASSWORD, "role": "viewer"}
    return lambda: on.call("POST", "/api/v1/users", body)


@deed
async def user_invited(on: Platform) -> Act:
    body = {"email": f"new{time.monotonic_ns()}@example.org", "role": "viewer"}
    return lambda: on.call("POST", "/api/v1/users/invitations", body)


@deed
async def user_changed(on: Platform) -> Act:
    _, user_id = await on.person("viewer")
    return lambda: on.call("PATCH", f"/api/v1/users/{user_id}", {"role": "operator"})


@deed
async def password_reset(on: Platform) -> Act:
    _, user_id = await on.person("viewer")
    return lambda: on.call("POST", f"/api/v1/users/{user_id}/reset", {})


@deed
async def password_set(on: Platform) -> Act:
    _, user_id = await on.person("viewer")
    token = (await on.made("POST", f"/api/v1/users/{user_id}/reset", {}))["token"]
    body = {"token": token, "password": "wet otters sing low"}
    return lambda: on.call("POST", "/api/v1/auth/password", body, key="")


@deed
async def signed_in(on: Platform) -> Act:
    email, _ = await on.person("viewer")
    return lambda: on.call("POST", "/api/v1/auth/login", {"email": email, "password": PASSWORD}, key="")


@deed
async def sign_in_failed(on: Platform) -> Act:
    email, _ = await on.person("viewer")
    return lambda: on.call("POST", "/api/v1/auth/login", {"email": email, "password": "not this one, no"}, key="")


@deed
async def signed_out(on: Platform) -> Act:
    email, _ = await on.person("viewer")
    token = (await on.sign_in(email))["access_token"]
    return lambda: on.call("POST", "/api/v1/auth/logout", key=token)


@deed
async def refresh_token_reused(on: Platform) -> Act:
    email, _ = await on.person("viewer")
    first = (await on.sign_in(email))["refresh_token"]
    await on.made("POST", "/api/v1/auth/refresh", {"refresh_token": first}, key="")
    return lambda: on.call("POST", "/api/v1/auth/refresh", {"refresh_token": first}, key="")


@deed
async def session_ended(on: Platform) -> Act:
    email, _ = await on.person("viewer")
    other, token = await on.sign_in(email), (await on.sign_in(email))["access_token"]
    assert other["access_token"] != token
    sessions = (await on.made("GET", "/api/v1/me/sessions", key=token))["items"]
    return lambda: on.call("DELETE", f"/api/v1/me/sessions/{sessions[-1]['session_id']}", key=token)


@deed
async def second_factor_begun(on: Platform) -> Act:
    token = (await on.sign_in((await on.person("viewer"))[0]))["access_token"]
    return lambda: on.call("POST", "/api/v1/me/totp", key=token)


async def enrolled(on: Platform) -> tuple[str, str]:
    token = (await on.sign_in((await on.person("viewer"))[0]))["access_token"]
    return token, (await on.made("POST", "/api/v1/me/totp", key=token))["secret"]


@deed
async def second_factor_confirmed(on: Platform) -> Act:
    token, secret = await enrolled(on)

    async def act() -> Answer:
        code = totp.code_at(secret, int(time.time()) // totp.STEP_S)
        return await on.call("POST", "/api/v1/me/totp/confirm", {"code": code}, key=token)

    return act


@deed
async def second_factor_removed(on: Platform) -> Act:
    token, secret = await enrolled(on)
    used = int(time.time()) // totp.STEP_S
    code = {"code": totp.code_at(secret, used)}
    await on.made("POST", "/api/v1/me/totp/confirm", code, key=token)

    async def act() -> Answer:
        step = max(used + 1, int(time.time()) // totp.STEP_S)
        proof = {"password": PASSWORD, "code": totp.code_at(secret, step)}
        return await on.call("POST", "/api/v1/me/totp/remove", proof, key=token)

    return act


@deed
async def role_put(on: Platform) -> Act:
    name = f"role{time.monotonic_ns()}"
    return lambda: on.call("PUT", f"/api/v1/roles/{name}", {"scopes": ["talk"]})


@deed
async def role_deleted(on: Platform) -> Act:
    name = f"role{time.monotonic_ns()}"
    await on.made("PUT", f"/api/v1/roles/{name}", {"scopes": ["talk"]})
    return lambda: on.call("DELETE", f"/api/v1/roles/{name}")


@deed
async def key_created(on: Platform) -> Act:
    return lambda: on.call("POST", "/api/v1/keys", {"name": "one", "scopes": ["talk"]})


async def fresh_key(on: Platform, *scopes: str) -> tuple[str, str]:
    made = await on.made("POST", "/api/v1/keys", {"name": "one", "scopes": list(scopes)})
    return made["key_id"], made["secret"]


@deed
async def key_revoked(on: Platform) -> Act:
    key_id, _ = await fresh_key(on, "talk")
    return lambda: on.call("DELETE", f"/api/v1/keys/{key_id}")


@deed
async def key_rotated(on: Platform) -> Act:
    key_id, _ = await fresh_key(on, "talk")
    return lambda: on.call("POST", f"/api/v1/keys/{key_id}/rotate", {})


@deed
async def access_denied(on: Platform) -> Act:
    _, secret = await fresh_key(on, "talk")
    return lambda: on.call("GET", "/api/v1/audit", key=secret)


@deed
async def audit_exported(on: Platform) -> Act:
    return lambda: on.call("GET", "/api/v1/audit/export?format=jsonl")


# --- agents, models, conversations --------------------------------------------------------------------------------------


@deed
async def agent_created(on: Platform) -> Act:
    return lambda: on.call("POST", "/api/v1/agents", {"name": "Ada"})


async def agent(on: Platform) -> str:
    return str((await on.made("POST", "/api/v1/agents", {"name": "Ada"}))["agent_id"])


@deed
async def agent_changed(on: Platform) -> Act:
    agent_id = await agent(on)
    return lambda: on.call("PUT", f"/api/v1/agents/{agent_id}", {"name": "Bea"})


@deed
async def agent_deleted(on: Platform) -> Act:
    agent_id = await agent(on)
    return lambda: on.call("DELETE", f"/api/v1/agents/{agent_id}")


def provider_body(**more: object) -> dict[str, object]:
    return {"url": "openai+https://models.example.org/v1?model=m", "api_key": "sk-1", "enabled": False, **more}


@deed
async def provider_added(on: Platform) -> Act:
    body = provider_body(name=f"p{time.monotonic_ns()}")
    return lambda: on.call("POST", "/api/v1/providers", body)


async def provider(on: Platform, **more: object) -> str:
    name = f"p{time.monotonic_ns()}"
    await on.made("POST", "/api/v1/providers", provider_body(name=name, **more))
    return name


@deed
async def provider_changed(on: Platform) -> Act:
    name = await provider(on)
    return lambda: on.call("PUT", f"/api/v1/providers/{name}", provider_body(priority=7))


@deed
async def provider_removed(on: Platform) -> Act:
    name = await provider(on)
    return lambda: on.call("DELETE", f"/api/v1/providers/{name}")


@deed
async def provider_loaded(on: Platform) -> Act:
    name = await provider(on, enabled=True, priority=1_000)
    return lambda: on.call("POST", f"/api/v1/providers/{name}/load")


@deed
async def provider_unloaded(on: Platform) -> Act:
    name = await provider(on, enabled=True, priority=1_000)
    await on.made("POST", f"/api/v1/providers/{name}/load")
    return lambda: on.call("POST", f"/api/v1/providers/{name}/unload")


@deed
async def budget_set(on: Platform) -> Act:
    return lambda: on.call(
        "PUT", f"/api/v1/usage/budgets/{TENANT}", {"tokens": time.monotonic_ns() % 10**12, "cost": 9}
    )


@deed
async def conversation_deleted(on: Platform) -> Act:
    conversation_id = await on.conversation()
    return lambda: on.call("DELETE", f"/api/v1/conversations/{conversation_id}")


# --- documents ----------------------------------------------------------------------------------------------------------


@deed
async def document_added(on: Platform) -> Act:
    text = f"A story of harbour {time.monotonic_ns()}."

    async def act() -> Answer:
        form = aiohttp.FormData()
        form.add_field("file", text.encode(), filename="story.txt")
        return await on.call("POST", "/api/v1/documents", data=form)

    return act


@deed
async def document_deleted(on: Platform) -> Act:
    document_id = await on.document()
    return lambda: on.call("DELETE", f"/api/v1/documents/{document_id}")


async def collection(on: Platform) -> str:
    return str((await on.made("POST", "/api/v1/collections", {"name": f"c{time.monotonic_ns()}"}))["collection_id"])


@deed
async def document_moved(on: Platform) -> Act:
    document_id, store_id = await on.document(), await collection(on)
    return lambda: on.call("POST", f"/v1/vector_stores/{store_id}/files", {"file_id": document_id})


@deed
async def library_reviewed(on: Platform) -> Act:
    await on.document()
    return lambda: on.call("GET", "/api/v1/administration/documents")


@deed
async def readers_changed(on: Platform) -> Act:
    store_id, (_, user_id) = await collection(on), await on.person("viewer")
    body = {"reader_ids": [user_id]}
    return lambda: on.call("PUT", f"/api/v1/administration/collections/{store_id}/readers", body)


@deed
async def document_kinds_changed(on: Platform) -> Act:
    body = {"kinds": {f"kind {time.monotonic_ns()}": ["the words of an example"]}}
    return lambda: on.call("PUT", "/api/v1/documents/kinds", body)


@deed
async def collection_changed(on: Platform) -> Act:
    collection_id = await collection(on)
    return lambda: on.call("PUT", f"/api/v1/collections/{collection_id}", {"name": "other"})


@deed
async def collection_deleted(on: Platform) -> Act:
    collection_id = await collection(on)
    return lambda: on.call("DELETE", f"/api/v1/collections/{collection_id}")


# --- rights -------------------------------------------------------------------------------------------------------------


@deed
async def erasure_requested(on: Platform) -> Act:
    _, user_id = await on.person("viewer")
    return lambda: on.call("POST", "/api/v1/privacy/erasures", {"subject": user_id})


@deed
async def person_exported(on: Platform) -> Act:
    _, user_id = await on.person("viewer")
    return lambda: on.call("POST", "/api/v1/privacy/exports", {"subject": user_id})


@deed
async def retention_changed(on: Platform) -> Act:
    days = {"audio_days": 30, "transcripts_days": 365, "documents_days": 3_000 + time.monotonic_ns() % 600}
    return lambda: on.call("PUT", "/api/v1/privacy/retention", days)


@deed
async def retention_approved(on: Platform) -> Act:
    body = {"data_class": "audio", "count": 1 + time.monotonic_ns() % 1_000}
    return lambda: on.call("POST", "/api/v1/privacy/retention/approvals", body)


@deed
async def legal_holds_changed(on: Platform) -> Act:
    _, user_id = await on.person("viewer")
    return lambda: on.call("PUT", "/api/v1/privacy/holds", {"subjects": [user_id]})


@deed
async def pii_revealed(on: Platform) -> Act:
    conversation_id = await on.conversation(f"my card is {CARD} please")
    answer = await on.call("GET", f"/api/v1/conversations/{conversation_id}/turns")
    assert CARD not in answer.body
    [turn] = answer.json["turns"]
    pseudonyms = re.findall(r"\[card:[^\]]+\]", turn["asked"])  # an answer may hold further figures, of documents
    body = {"conversation_id": conversation_id, "pseudonyms": pseudonyms, "reason": "a dispute"}

    async def act() -> Answer:
        answer = await on.call("POST", "/api/v1/privacy/reveal", body)
        assert (CARD in answer.body) is (answer.status == 200)
        return answer

    return act


@deed
async def retention_applied(on: Platform) -> Act:
    body = {"data_class": "transcripts", "count": 1_000}
    conversation_id = await on.conversation()
    on.grow_old(conversation_id)
    await on.made("POST", "/api/v1/privacy/retention/approvals", body)
    return lambda: on.command("privacy", "forget-old")


@deed
async def retention_held_back(on: Platform) -> Act:
    await on.command("privacy", "forget-old")
    for _ in range(3):
        on.grow_old(await on.conversation())
    with on.database() as connection:  # neither what was approved nor what was held back today counts
        connection.execute("DELETE FROM settings WHERE name LIKE '%retention%state%' OR name = 'retention_state'")
    return lambda: on.command("privacy", "forget-old")


@deed
async def recording_opened(on: Platform) -> Act:
    await on.conversation()
    folder = on.recordings()[0]

    async def act() -> Answer:
        to = folder.parent.parent / f"opened{time.monotonic_ns()}"
        answer = await on.command("encryption", "open-recording", str(folder), str(to))
        assert to.exists() is (answer.status == 200)
        return answer

    return act


@deed
async def tenant_keys_destroyed(on: Platform) -> Act:
    with on.database() as connection:
        connection.execute("INSERT OR IGNORE INTO tenants VALUES ('ten_old', 'old', 0)")
    ring = on.on.data_dir / "keyring" / "ten_old" / "keys"

    async def act() -> Answer:
        answer = await on.command("encryption", "destroy", "--tenant", "ten_old", "--yes", "ten_old")
        assert (ring / "destroyed").exists() is (answer.status == 200)
        return answer

    return act


@deed
async def tenant_created(on: Platform) -> Act:
    tenant_id = f"ten_new{time.monotonic_ns()}"
    return lambda: on.command("tenants", "add", tenant_id, "New")


@deed
async def outbound_released(on: Platform) -> Act:
    with on.database() as connection:
        values = (TENANT, "outbound_held", json.dumps({"backup_id": "b", "at": "2026-01-01"}))
        connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?, ?, 0)", values)
    return lambda: on.command("backup", "release")


# --- deeds that lie outside the database --------------------------------------------------------------------------------


async def test_an_erasure_is_not_over_before_its_record_stands(platform: Platform) -> None:
    _, user_id = await platform.person("viewer")
    records = platform.records("erasure_completed")
    path = "/api/v1/privacy/erasures"
    async with platform.audit_failing("erasure_completed"):
        erasure_id = (await platform.made("POST", path, {"subject": user_id}))["erasure_id"]
        await platform.until_said("erasure_left")
        shown = await platform.made("GET", f"{path}/{erasure_id}")
        assert shown["certificate"] is None
    assert platform.records("erasure_completed") == records
    platform.end_lease(erasure_id)
    async with asyncio.timeout(150):
        while (await platform.made("GET", f"{path}/{erasure_id}"))["certificate"] is None:
            await asyncio.sleep(0.2)
    assert platform.records("erasure_completed") == records + 1


def ring_of(platform: Platform) -> dict[str, bytes]:
    folder = platform.on.data_dir / "keyring" / TENANT
    return {one.name: one.read_bytes() for one in folder.rglob("*") if one.is_file()}


async def test_no_key_is_rotated_without_a_record_that_it_begins(platform: Platform, tmp_path: Path) -> None:
    commands = {"tenant": ["rotate"], "root": ["rotate-root", "--aside", str(tmp_path / "old-root.txt")]}
    for name, words in commands.items():
        begun, done = f"{name}_key_rotation_begun", f"{name}_key_rotated"
        before, counts = ring_of(platform), (platform.records(begun), platform.records(done))
        async with platform.audit_failing(begun):
            assert (await platform.command("encryption", *words)).status == 500
        assert ring_of(platform) == before
        async with platform.audit_failing(done):
            assert (await platform.command("encryption", *words)).status == 500
        assert (platform.records(begun), platform.records(done)) == (counts[0] + 1, counts[1])
        words = [word.replace("old-root", "older-root") for word in words]
        answer = await platform.command("encryption", *words)
        assert answer.status == 200, answer.body
        assert platform.records(done) == counts[1] + 1
        assert ring_of(platform) != before
