"""Codes of authenticator apps by the RFC's own examples, and passwords that guessers try first."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceagent.gateway.identity import totp
from voiceagent.gateway.identity.breached import is_breached
from voiceagent.gateway.identity.guessable import is_guessable
from voiceagent.gateway.identity.passwords import Passwords
from voiceagent.kit.errors import InvalidInput

RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("at_s", "code"),
    [(59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924"), (2000000000, "69279037"),
     (20000000000, "65353130")],
)  # fmt: skip
def test_the_examples_of_rfc_6238(at_s: int, code: str) -> None:
    assert totp.code_at(RFC_SECRET, at_s // 30) == code[-6:]
    assert totp.step_of(RFC_SECRET, code[-6:], at_s) == at_s // 30


@given(st.integers(min_value=100, max_value=2**40), st.integers(min_value=-3, max_value=3))
def test_a_code_is_taken_one_step_early_or_late_and_no_more(step: int, off: int) -> None:
    found = totp.step_of(RFC_SECRET, totp.code_at(RFC_SECRET, step + off), step * 30 + 7)
    # Another step's code may be the same by chance; then that step is meant.
    assert found == step + off if abs(off) <= 1 else found is None or abs(found - step) <= 1


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６", "-12345", "\0" * 6])
def test_what_is_no_code_fits_no_step(code: str) -> None:
    assert totp.step_of(RFC_SECRET, code, 1_800_000_000) is None


def test_recovery_codes_differ_and_forgive_case_and_blanks() -> None:
    codes = totp.new_recovery_codes()
    assert len(set(codes)) == totp.RECOVERY_CODES
    assert totp.recovery_sha256(f" {codes[0].upper()} ") == totp.recovery_sha256(codes[0])


@pytest.mark.parametrize(
    "password",
    """passwordpassword 123456789012345 qwertyuiopasdfgh 1qaz2wsx3edc4rfv iloveyouiloveyou P@ssw0rd12345678 administrator123
    Password2024!!! abcxyzabcxyzabcxyz football19871987 zaq12wsxcde34rfv letmeinletmein1 aaaaaaaaaaaaaaab qwerty123456789
    00000000000000000 superman123456! abcdefghijklmnop princess20101999 MonkeyDragon2023 welcomewelcome1""".split(),
)
def test_common_passwords_are_known_in_their_usual_disguises(password: str) -> None:
    assert is_guessable(password)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "kangaroo under my piano",
        "wet Otter sings",
        "ж7-окно-выше-стола",
        "fJ2k9vQw81LmZp0xT",
        "ein Esel liest Noten",
    ],
)
def test_passphrases_and_random_ones_are_taken(password: str) -> None:
    assert not is_guessable(password)


def test_a_persons_own_words_are_no_secret() -> None:
    assert is_guessable("lovelace2024!!!", "ada", "lovelace")
    assert not is_guessable("lovelace sings to whales", "ada", "lovelace")


@given(st.text(max_size=128))
def test_any_text_gets_an_answer(text: str) -> None:
    assert is_guessable(text) in (True, False)


@pytest.mark.parametrize(
    "password",
    ["neworleans12345", "PolniyPizdec0211", "migrationschool", "!!somanypickles27", "passwordstandard", "butterflyviolet",
     "dragonflymonkey2024", "!starw4rsbutterfly"],
)  # fmt: skip
def test_passwords_of_leaks_are_known_alone_and_joined(password: str) -> None:
    assert is_breached(password)


@pytest.mark.parametrize(
    "password", ["violet engines hum slowly", "kangaroo under my piano", "tRq9-zulmv-40khx-wep", "a" * 3]
)
def test_others_are_not_in_the_list(password: str) -> None:
    assert not is_breached(password)


@given(st.text(max_size=140))
def test_any_text_may_be_looked_up(text: str) -> None:
    assert is_breached(text) in (True, False)


async def test_a_new_password_may_not_come_from_a_leak() -> None:
    passwords = Passwords()
    try:
        with pytest.raises(InvalidInput) as refused:
            await passwords.hashed("butterflyviolet")
        assert refused.value.code == "breached_password"
        assert (await passwords.hashed("violet engines hum slowly")).startswith("$argon2id$")
    finally:
        passwords.close()
