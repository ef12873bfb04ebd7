"""kit/crypto_frames.py: what was appended comes back, a torn end costs its frame, anything else is found out."""

from __future__ import annotations

import os
import random

import pytest

from voiceagent.kit.crypto_envelope import WrappingKey
from voiceagent.kit.crypto_frames import SealedFrames, opened_frames
from voiceagent.kit.errors import Problem

KEY = WrappingKey("kek_1", os.urandom(32))
KEYS = {KEY.key_id: KEY}
PLACE = ("recording", "ten_a", "rec_1")


def sealed(*pieces: bytes, name: str = "caller.pcm") -> list[bytes]:
    frames = SealedFrames(KEY, *PLACE)
    return [frames.appended(name, piece) for piece in pieces]


def test_what_was_appended_comes_back() -> None:
    parts = sealed(b"one", b"", b"two", b"three")
    assert parts[1] == b""
    assert opened_frames(b"".join(parts), KEYS, "caller.pcm", *PLACE) == b"onetwothree"
    assert opened_frames(b"never sealed", KEYS, "caller.pcm", *PLACE) == b"never sealed"


def test_a_last_frame_that_was_cut_off_costs_no_other() -> None:
    parts = sealed(b"one", b"two")
    whole = b"".join(parts)
    for cut in range(len(parts[0]), len(whole)):
        assert opened_frames(whole[:cut], KEYS, "caller.pcm", *PLACE) == b"one"


def test_changed_swapped_and_moved_frames_do_not_open() -> None:
    one, two, three = sealed(b"one", b"two", b"six")
    dice = random.Random(1)
    bad = [one + three + two, one + three, one + two + two, sealed(b"other")[0] + two]
    for _ in range(100):
        changed = bytearray(one + two)
        changed[dice.randrange(len(one) + 4, len(changed))] ^= 1 << dice.randrange(8)
        bad.append(bytes(changed))
    for data in bad:
        with pytest.raises(Problem) as caught:
            opened_frames(data, KEYS, "caller.pcm", *PLACE)
        assert caught.value.code == "sealed_data_broken"
    for name, place in (
        ("agent.pcm", PLACE),
        ("caller.pcm", (*PLACE[:2], "rec_2")),
        ("caller.pcm", ("recording", "ten_b", "rec_1")),
    ):
        with pytest.raises(Problem):
            opened_frames(one, KEYS, name, *place)
    with pytest.raises(Problem):
        opened_frames(one, {}, "caller.pcm", *PLACE)
