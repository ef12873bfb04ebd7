"""Rules and hooks: what they change, what they refuse, that the documented example holds, and that a change is recorded."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.support.gateway_rig import gateway_rig, problem_of

from voiceagent.gateway.routes_proxied import FORWARDED
from voiceagent.gateway.shaping.hooks import Call, Hooks
from voiceagent.gateway.shaping.record import record_change
from voiceagent.gateway.shaping.rules import change, read_rules
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import Forbidden, Misconfigured

ROUTES = [row.path for row in FORWARDED]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "gateway.md"


def made(*rules: dict[str, Any]) -> tuple[Any, ...]:
    return read_rules(json.dumps({"rules": rules}).encode(), ROUTES)


def rule(on: str = "request", route: str = "/v1/models", **changes: Any) -> dict[str, Any]:
    return {"routes": [route], "on": on} | changes


def hidden(text: str) -> str:
    return text.replace("Ada", "[name]")


@pytest.mark.parametrize(
    ("changes", "before", "after"),
    [
        ({"rename": {"a.b": "c"}}, {"a": {"b": 1}}, {"a": {"c": 1}}),
        ({"remove": ["items.*.secret", "x"]}, {"items": [{"secret": 1, "n": 2}], "x": 1}, {"items": [{"n": 2}]}),
        ({"remove": ["items.*"]}, {"items": [1, 2]}, {"items": []}),
        ({"default": {"n": 5, "m": 6}}, {"n": 1}, {"n": 1, "m": 6}),
        ({"mask": ["items.*.n"]}, {"items": [{"n": 1}, {}]}, {"items": [{"n": "***"}, {}]}),
        ({"mask": ["items.*"]}, {"items": [1, 2]}, {"items": ["***", "***"]}),
        ({"redact": ["m"]}, {"m": [{"t": "Ada", "k": 1}], "n": "Ada"}, {"m": [{"t": "[name]", "k": 1}], "n": "Ada"}),
        ({"rename": {"a": "b"}, "mask": ["b"]}, {"a": 1}, {"b": "***"}),
        ({"remove": ["a.b.c"]}, {"a": "text"}, {"a": "text"}),
        ({"mask": ["a"]}, [1], [1]),
    ],
)
def test_fields_are_changed(changes: dict[str, Any], before: Any, after: Any) -> None:
    assert change(before, made(rule(**changes)), hidden) == after


@pytest.mark.parametrize(
    "told",
    [
        rule(),
        rule(remove="a"),
        rule(unknown=["a"]),
        rule(remove=["a..b"]),
        rule(remove=["a b"]),
        rule(rename={"a": "b.c"}),
        rule(rename={"a": 1}),
        rule(rename={"a.*": "b"}),
        rule(on="both", remove=["a"]),
        rule(route="/api/v1/auth/login", remove=["a"]),
        rule(route="/api/v1/keys", remove=["a"]),
        rule(route="/v1", remove=["a"]),
        rule(on="response", remove=["a"]),
        rule(on="response", remove=["a"], streams="cut"),
        rule(set_headers={"x-ok": "a\r\nb"}),
        *(
            rule(set_headers={name: "x"})
            for name in ("authorization", "cookie", "host", "content-length", "x-voiceagent-service", "x-forwarded-for")
        ),
        *(
            rule(on="response", remove_headers=[name])
            for name in ("content-security-policy", "x-frame-options", "set-cookie", "transfer-encoding", "connection")
        ),
        {"on": "request", "remove": ["a"]},
        {"routes": [], "on": "request", "remove": ["a"]},
    ],
)
def test_a_rule_that_cannot_hold_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured) as refused:
        made(told)
    assert refused.value.code == "bad_hook"


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"rules": 1}', b'{"rules": [], "more": 1}', b'{"rules": [1]}'])
def test_a_file_that_is_none_is_refused(raw: bytes) -> None:
    with pytest.raises(Misconfigured):
        read_rules(raw, ROUTES)


async def test_calls_and_answers_are_changed_for_their_organisation_and_route() -> None:
    rules = made(
        rule(set_headers={"x-region": "eu"}, remove_headers=["x-harmless"], default={"a": "long enough"}),
        rule(on="response", mask=["subject"], set_headers={"x-kept": "changed"}, tenants=["ten_a"], streams="refuse"),
    )
    async with gateway_rig(hooks=Hooks(rules)) as rig:
        for tenant, route in (("ten_a", "/v1/models/x"), ("ten_b", "/v1/models"), ("ten_a", "/api/v1/agents")):
            _, headers = await rig.key(tenant)
            async with rig.client.post(route, headers=headers | {"X-Harmless": "1"}, json={}) as answer:
                seen, kept = await answer.json(), answer.headers["x-kept"]
            names = dict(map(tuple, seen["headers"]))
            asked, answered = route.startswith("/v1/models"), route.startswith("/v1/models") and tenant == "ten_a"
            assert (names.get("x-region"), names.get("x-harmless")) == (("eu", None) if asked else (None, "1"))
            assert seen["body_bytes"] == (len(b'{"a":"long enough"}') if asked else 2)
            assert ((seen["subject"] == "***"), kept) == ((True, "changed") if answered else (False, "yes"))


async def test_what_rules_cannot_be_kept_for_is_refused_or_passed_as_the_operator_says() -> None:
    fields = {"route": "/v1/audio", "mask": ["secret"]}
    for streams in ("refuse", "pass"):
        rules = made(rule(on="response", streams=streams, **fields), rule(mask=["secret"]))
        async with gateway_rig(hooks=Hooks(rules)) as rig:
            _, headers = await rig.key()
            rig.probe.release.set()
            async with rig.client.get("/v1/audio/stream", headers=headers) as answer:
                if streams == "pass":
                    assert await answer.read() == b"first;second;"
                else:
                    assert await problem_of(answer) == (503, "hook_stream")
            async with rig.client.post("/v1/models", headers=headers, data=b"no json") as answer:
                assert await problem_of(answer) == (415, "hook_needs_json")
            async with rig.client.post("/v1/models", headers=headers, json=["x" * 2_100_000] * 2) as answer:
                assert (await problem_of(answer))[0] == 413
            json_type = {"content-type": "application/json"}
            async with rig.client.post("/v1/models", headers=headers | json_type, data=b'{"a":1,"a":2}') as answer:
                assert await problem_of(answer) == (400, "json_duplicate_key")


async def test_a_plugin_changes_refuses_and_fails_closed() -> None:
    told: list[Call] = []

    async def plugin(call: Call, body: Any) -> Any:
        told.append(call)
        if call.side == "response":
            return body | {"seen": True}
        match body.get("do"):
            case "refuse":
                raise Forbidden("not_today", "no")
            case "break":
                raise KeyError
            case "wait":
                await asyncio.sleep(60)
        return body | {"more": "x" * 10}

    async with gateway_rig(hooks=Hooks(plugins=(("plugin", plugin),), budget_s=0.2)) as rig:
        key, headers = await rig.key()
        expected = {"refuse": (403, "not_today"), "break": (503, "hook_failed"), "wait": (503, "hook_failed")}
        for do, problem in expected.items():
            async with rig.client.post("/v1/models", headers=headers, json={"do": do}) as answer:
                assert await problem_of(answer) == problem
        async with rig.client.post("/v1/models", headers=headers, json={}) as answer:
            seen = await answer.json()
        assert seen["seen"] and seen["body_bytes"] == len(b'{"more":"xxxxxxxxxx"}')
        assert told[-1] == Call("/v1/models", "response", "POST", "ten_a", key.key_id)
        async with rig.client.get("/api/v1/auth/me", headers=headers):
            assert told[-1].route == "/v1/models", "the gateway's own routes are nobody's business"


async def test_a_change_is_recorded_once_in_each_organisations_audit_log() -> None:
    hooks = Hooks(made(rule(mask=["secret"])))
    async with gateway_rig(hooks=hooks) as rig:
        for changed in (hooks, hooks, Hooks(), Hooks()):
            await record_change(rig.store, changed, SystemClock())
        for tenant in ("ten_a", "ten_b"):
            async with rig.store.begin(tenant, read_only=True) as work:
                entries = await work.audit.page(before_id=None, limit=100)
            mine = [entry.data["rules"] for entry in entries if entry.action == "hooks_changed"]
            assert mine == [0, 1], "the newest first"


def test_the_example_of_the_page_is_one_that_works() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    rules = read_rules(example.encode(), ROUTES)
    asked = {"model": "chat", "messages": [{"role": "user", "content": "I am Ada"}]}
    assert change(asked, rules[:1], hidden) == {
        "model": "chat",
        "messages": [{"role": "user", "content": "I am [name]"}],
        "temperature": 0.2,
    }
    assert change({"id": "c", "usage": {}}, rules[1:2], hidden) == {"id": "c"}
    assert change({"agents": [{"instructions": "x"}]}, rules[2:], hidden) == {"agents": [{"instructions": "***"}]}


def test_the_plugin_of_the_page_is_one_that_works() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    call = Call("/v1/chat/completions", "request", "POST", "ten_a", "usr_1")
    assert asyncio.run(names["stamp"](call, {"n": 1})) == {"n": 1, "user": "usr_1"}
