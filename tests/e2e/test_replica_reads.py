"""The distributed profile with a replica: which tables are ever asked of it, by what both servers wrote down."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.apart import SCRIPTED, Apart
from tests.support.replicas import Pair, postgresql_pair
from tests.support.servers import redis_server

pytestmark = pytest.mark.timeout(600)
MAY_LAG = {"conversations", "turns", "audit", "model_usage", "settings"}
"""Settings: the budget that is shown beside usage."""
SCOPES = "talk,conversations:read,audit:read,metrics:read,settings:read,keys:read,documents:read"
DECIDING = {"api_keys", "tenants", "settings", "conversations", "audit"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Apart, Pair]]:
    folder = tmp_path_factory.mktemp("replica")
    with postgresql_pair() as pair, redis_server() as (redis, _):
        settings = {
            "VOICEAGENT_STORE__URL": pair.primary,
            "VOICEAGENT_STORE__REPLICAS": pair.replica,
            "VOICEAGENT_CACHE__URL": redis,
            "VOICEAGENT_BUS__URL": redis,
            "VOICEAGENT_DISCOVERY__URL": redis,
            "VOICEAGENT_BLOBS__URL": f"file://{folder}/blobs",
            "VOICEAGENT_VECTORS__URL": f"local://{folder}/vectors",
            "VOICEAGENT_KEYS__URL": f"file://{folder}/root.key",
            "VOICEAGENT_KEYS__RING_URL": f"file://{folder}/ring",
        }
        apart = Apart(folder, settings, dict(SCRIPTED))
        try:
            apart.init()
            made = apart.command("keys", "create", "reader", "--scopes", SCOPES, "--json")
            apart.api_key = json.loads(made.stdout)["secret"]
            apart.start("engine", "documents", "voice", "gateway")
            yield apart, pair
        finally:
            apart.close()


def asked(apart: Apart, path: str, body: object = None) -> tuple[int, bytes]:
    request = urllib.request.Request(
        f"{apart.running['gateway'].url}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {apart.api_key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def tables_in(log: Path) -> set[str]:
    """The tables that statements of the platform name."""
    entries = re.split(r"^(?=[^|\n]*\|)", log.read_text(errors="replace"), flags=re.MULTILINE)
    said = "\n".join(one for one in entries if one.startswith("voiceagent|"))
    found = set(re.findall(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+([a-z_]+)", said))
    return {name for name in found if not name.startswith("pg_")}


def test_the_replica_is_asked_for_lists_and_for_nothing_that_decides(running: tuple[Apart, Pair]) -> None:
    apart, pair = running
    lists = ("/api/v1/conversations?limit=5", "/api/v1/audit?limit=5", "/api/v1/usage")
    decided = ("/api/v1/me", "/api/v1/keys", "/api/v1/people", "/api/v1/documents", "/api/v1/agents", "/api/v1/limits")
    ends_at_s = time.monotonic() + 120
    while not {"conversations", "audit", "model_usage"} <= tables_in(pair.replica_log):
        assert time.monotonic() < ends_at_s, f"the replica was asked for {tables_in(pair.replica_log)} alone"
        for path in lists:
            status, body = asked(apart, path)
            assert status == 200, (path, body[:300])
        time.sleep(0.3)
    for path in decided:
        status, body = asked(apart, path)
        assert status in (200, 403, 404), (path, body[:300])
    talk = {"model": "default", "messages": [{"role": "user", "content": "Hello"}]}
    assert asked(apart, "/v1/chat/completions", talk)[0] == 200
    assert asked(apart, "/api/v1/auth/sign-in", {"email": "nobody@example.org", "password": "wrong wrong wrong"})[0] in (401, 404, 422)  # fmt: skip
    assert tables_in(pair.replica_log) <= MAY_LAG
    assert tables_in(pair.primary_log) >= DECIDING


def test_what_a_caller_wrote_is_in_the_list_that_they_ask_for_next(running: tuple[Apart, Pair]) -> None:
    apart, pair = running
    pair.pause()
    try:
        for _ in range(3):
            before = len(json.loads(asked(apart, "/api/v1/audit?limit=200")[1])["items"])
            assert asked(apart, "/api/v1/audit/export")[0] == 200  # writes a record of itself
            after = len(json.loads(asked(apart, "/api/v1/audit?limit=200")[1])["items"])
            assert after > before or before == 200
    finally:
        pair.resume()
