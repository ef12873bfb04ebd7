"""Service tokens: for one service, for a short time, made and checked rarely; keys that can be replaced; weak secrets refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from starlette.requests import HTTPConnection

from voiceagent.domain.identity import Principal
from voiceagent.kit.crypto import random_token
from voiceagent.kit.errors import Misconfigured, Unauthenticated
from voiceagent.web.context import context_of
from voiceagent.web.jwt import TokenKeys, refuse_weak
from voiceagent.web.tokens import AccessTokens, ServiceAuthenticator, ServiceTokens

CALLER = Principal("ten_a", "key_1", frozenset({"talk", "agents:read"}), "key")


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at_s = 1_800_000_000.0

    def monotonic_s(self) -> float:
        return self.at_s

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at_s, UTC)


def test_a_token_carries_the_caller_to_its_service_and_no_other() -> None:
    tokens = ServiceTokens(TokenKeys.random())
    token = tokens.issue(CALLER, "engine")
    assert tokens.verify(token, "engine") == CALLER
    assert tokens.verify(token, "engine") == CALLER
    for audience in ("voice", "documents", "api", ""):
        with pytest.raises(Unauthenticated):
            tokens.verify(token, audience)


def test_one_token_a_minute_and_none_outlives_five() -> None:
    clock = HandClock()
    tokens = ServiceTokens(TokenKeys.random(), clock=clock)
    token = tokens.issue(CALLER, "engine")
    clock.at_s += 59
    assert tokens.issue(CALLER, "engine") == token
    clock.at_s += 1
    assert tokens.issue(CALLER, "engine") != token
    clock.at_s += 239
    assert tokens.verify(token, "engine") == CALLER
    clock.at_s += 31
    with pytest.raises(Unauthenticated) as refused:
        tokens.verify(token, "engine")
    assert refused.value.code == "token_expired"


def test_a_clock_that_went_back_makes_new_tokens() -> None:
    clock, others = HandClock(), HandClock()
    keys = TokenKeys.random()
    mine, theirs = ServiceTokens(keys, clock=clock), ServiceTokens(keys, clock=others)
    clock.at_s += 3600
    mine.issue(CALLER, "engine")
    clock.at_s -= 3600
    assert theirs.verify(mine.issue(CALLER, "engine"), "engine") == CALLER


def test_callers_with_other_scopes_get_other_tokens() -> None:
    tokens = ServiceTokens(TokenKeys.random())
    less = Principal("ten_a", "key_1", frozenset({"talk"}), "key")
    tokens.issue(CALLER, "engine")
    assert tokens.verify(tokens.issue(less, "engine"), "engine") == less


def test_the_purposes_do_not_mix_even_under_one_key() -> None:
    keys = TokenKeys.random()
    service, access = ServiceTokens(keys), AccessTokens(keys)
    person = Principal("ten_a", "usr_1", frozenset({"talk"}), "user")
    assert access.verify(access.issue(person, "ses_1")).principal == person
    with pytest.raises(Unauthenticated):
        service.verify(access.issue(person, "ses_1"), "api")
    with pytest.raises(Unauthenticated):
        access.verify(service.issue(person, "api"))


def test_an_old_key_still_verifies_after_a_new_one_signs() -> None:
    old, new = random_token(48), random_token(48)
    token = ServiceTokens(TokenKeys.from_secrets(old)).issue(CALLER, "engine")
    assert ServiceTokens(TokenKeys.from_secrets(new, old)).verify(token, "engine") == CALLER
    with pytest.raises(Unauthenticated):
        ServiceTokens(TokenKeys.from_secrets(new)).verify(token, "engine")


@pytest.mark.parametrize(
    "secret", ["", "short", "a" * 64, "changeme" * 8, "my-secret-0123456789-abcdefghijklmnop", "ab" * 40]
)
def test_weak_and_sample_secrets_are_refused(secret: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        refuse_weak(secret)
    assert refused.value.code == "weak_secret"
    assert not secret or secret not in refused.value.message


async def test_a_request_id_is_adopted_only_with_a_good_token() -> None:
    tokens = ServiceTokens(TokenKeys.random())
    check = ServiceAuthenticator(tokens, "engine")

    def call(*headers: tuple[bytes, bytes]) -> HTTPConnection:
        return HTTPConnection(
            {"type": "http", "path": "/", "headers": [(b"x-request-id", b"req_from_gateway"), *headers]}
        )

    good = call((b"x-voiceagent-service", tokens.issue(CALLER, "engine").encode()))
    assert await check(good) == CALLER
    assert context_of(good).request_id == "req_from_gateway"
    stranger = call()
    assert await check(stranger) is None
    assert context_of(stranger).request_id != "req_from_gateway"
    twice = call(*[(b"x-voiceagent-service", tokens.issue(CALLER, "engine").encode())] * 2)
    with pytest.raises(Unauthenticated):
        await check(twice)
    crooked = call((b"x-voiceagent-service", tokens.issue(CALLER, "engine").encode()))
    crooked.scope["headers"][0] = (b"x-request-id", b"bad id\n")
    await check(crooked)
    assert context_of(crooked).request_id.startswith("req_")
    assert "\n" not in context_of(crooked).request_id
