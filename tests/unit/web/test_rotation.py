"""Signing keys that change while we run: shown before they sign, valid after, no call refused; the file that holds them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from voiceagent.apps import keyring
from voiceagent.apps.settings import DataSettings, IdentitySettings, Settings
from voiceagent.domain.identity import Principal
from voiceagent.kit.crypto import random_token
from voiceagent.kit.errors import Conflict, Misconfigured, Unauthenticated
from voiceagent.web.jwt import KEYS_READ_EVERY_S, DatedSecret, TokenKeys
from voiceagent.web.tokens import AccessTokens

CALLER = Principal("ten_a", "user_1", frozenset({"talk"}), "user")


class HandClock:
    def __init__(self, at_s: float = 1_800_000_000.0) -> None:
        self.at_s = at_s

    def monotonic_s(self) -> float:
        return self.at_s

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at_s, UTC)


def test_three_replicas_rotate_without_one_refused_token() -> None:
    clock = HandClock()
    secrets = [DatedSecret(random_token(48))]
    replicas = []
    for _ in range(3):  # each reads the keys at its own time
        clock.at_s += 7
        keys = TokenKeys.rotating(lambda: list(secrets), clock=clock)
        replicas.append((keys, AccessTokens(keys, clock=clock)))
    old_kid = replicas[0][0].signing.kid
    for second in range(600):
        clock.at_s += 1
        if second == 100:
            secrets.insert(0, DatedSecret(random_token(48), clock.at_s + keyring.ROTATION_LEAD_S))
        token = replicas[second % 3][1].issue(CALLER, "ses_1")
        for _, access in replicas:
            assert access.verify(token).principal == CALLER
    assert {keys.signing.kid for keys, _ in replicas} != {old_kid}
    assert len({keys.signing.kid for keys, _ in replicas}) == 1
    assert len(replicas[0][0].public()["keys"]) == 2


def test_unknown_keys_cause_no_more_reading_than_one_in_thirty_seconds() -> None:
    clock, reads = HandClock(), 0
    secrets = [DatedSecret(random_token(48))]

    def source() -> list[DatedSecret]:
        nonlocal reads
        reads += 1
        return secrets

    keys = TokenKeys.rotating(source, clock=clock)
    for number in range(1000):
        clock.at_s += 0.06
        assert keys.verifying(f"{number:016x}") is None
    assert reads == 1 + int(60 / KEYS_READ_EVERY_S) or reads == int(60 / KEYS_READ_EVERY_S)


def test_a_broken_source_leaves_the_good_keys_in_force() -> None:
    clock, secrets = HandClock(), [DatedSecret(random_token(48))]
    keys = TokenKeys.rotating(lambda: list(secrets), clock=clock)
    access = AccessTokens(keys, clock=clock)
    token = access.issue(CALLER, "ses_1")
    secrets.clear()
    clock.at_s += 2 * KEYS_READ_EVERY_S
    assert access.verify(token).principal == CALLER
    secrets.append(DatedSecret(random_token(48)))
    clock.at_s += 2 * KEYS_READ_EVERY_S
    with pytest.raises(Unauthenticated):
        access.verify(token)


def test_the_file_keeps_two_keys_and_refuses_to_hurry(tmp_path: Path) -> None:
    settings = Settings(data=DataSettings(dir=tmp_path))
    file = tmp_path / keyring.TOKEN_FILE
    first = keyring.access_keys(settings).signing.kid
    assert file.stat().st_mode & 0o777 == 0o600
    assert keyring.access_keys(settings).signing.kid == first, "kept over a restart"
    now_s = datetime.now(UTC).timestamp()
    keyring.rotate(settings, now_s)
    keys = keyring.access_keys(settings)
    assert keys.signing.kid == first and len(keys.public()["keys"]) == 2, "shown, not signing yet"
    with pytest.raises(Conflict, match="try again"):
        keyring.rotate(settings, now_s + 60)
    keyring.rotate(settings, now_s + 3600)
    assert len(file.read_text(encoding="utf-8").split("\n")) == 3  # two lines and the end of the last
    assert first not in [key["kid"] for key in keyring.access_keys(settings).public()["keys"]]


def test_a_file_of_the_time_before_rotation_is_read(tmp_path: Path) -> None:
    secret = random_token(48)
    (tmp_path / keyring.TOKEN_FILE).write_text(secret + "\n", encoding="utf-8")
    settings = Settings(data=DataSettings(dir=tmp_path))
    assert keyring.access_keys(settings).signing.kid == TokenKeys.from_secrets(secret).signing.kid
    (tmp_path / keyring.TOKEN_FILE).write_text(f"noon {secret}\n", encoding="utf-8")
    with pytest.raises(Misconfigured):
        keyring.access_keys(settings)


def test_secrets_that_the_operator_gives_are_rotated_by_the_operator(tmp_path: Path) -> None:
    old, new = random_token(48), random_token(48)
    identity = IdentitySettings(token_secret=new, token_secret_previous=old)  # type: ignore[arg-type]
    settings = Settings(data=DataSettings(dir=tmp_path), identity=identity)
    keys = keyring.access_keys(settings)
    assert keys.signing.kid == TokenKeys.from_secrets(new).signing.kid and len(keys.public()["keys"]) == 2
    with pytest.raises(Misconfigured, match="previous"):
        keyring.rotate(settings, 0.0)
