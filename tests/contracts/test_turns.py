"""The sentences of ports/turns.py, for every adapter of the port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.support.models import TestModels, model_path

from voiceagent.adapters.turns.scripted import ScriptedTurns
from voiceagent.adapters.turns.scripted import open_turns as open_scripted
from voiceagent.adapters.turns.smartturn import features_of
from voiceagent.adapters.turns.smartturn import open_turns as open_smartturn
from voiceagent.kit.errors import InvalidInput, Misconfigured, Unavailable
from voiceagent.kit.mel import samples_of
from voiceagent.ports.turns import EndOfTurn

SPEECH = Path(__file__).parents[1] / "data" / "speech"


@pytest.fixture(params=["smartturn", "scripted"])
async def turns(request: pytest.FixtureRequest) -> AsyncIterator[EndOfTurn]:
    made: EndOfTurn
    real = request.param == "smartturn"
    made = open_smartturn("smartturn:///", models=TestModels()) if real else open_scripted("scripted:///")
    yield made
    await made.close()


def _noise(seconds: float) -> bytes:
    rng = np.random.default_rng(3)
    return rng.integers(-3000, 3000, int(seconds * 16_000), dtype=np.int16).tobytes()


async def test_the_probability_lies_between_0_and_1(turns: EndOfTurn) -> None:
    for pcm in (_noise(0.1), _noise(3), _noise(20), bytes(64_000)):
        assert 0 <= await turns.probability(pcm) <= 1


async def test_only_the_last_8_seconds_count(turns: EndOfTurn) -> None:
    last = _noise(8)
    assert await turns.probability(bytes(320_000) + last) == await turns.probability(last)


@pytest.mark.parametrize("size", [0, 2, 3_198])
async def test_less_than_a_tenth_of_a_second_gives_one_half(turns: EndOfTurn, size: int) -> None:
    assert await turns.probability(bytes(size)) == 0.5


async def test_the_same_audio_gives_the_same_probability(turns: EndOfTurn) -> None:
    pcm = _noise(2)
    assert await turns.probability(pcm) == await turns.probability(pcm)


async def test_a_cancelled_call_stops_waiting_and_harms_no_other(turns: EndOfTurn) -> None:
    pcm = _noise(2)
    alone = await turns.probability(pcm)
    first, second, third = (asyncio.ensure_future(turns.probability(pcm)) for _ in range(3))
    await asyncio.sleep(0)
    second.cancel()
    _, pending = await asyncio.wait({second}, timeout=60)
    assert not pending
    assert await first == alone
    assert await third == alone


async def test_an_odd_number_of_bytes_is_bad_audio(turns: EndOfTurn) -> None:
    with pytest.raises(InvalidInput) as caught:
        await turns.probability(bytes(32_001))
    assert caught.value.code == "bad_audio"


async def test_close_is_idempotent_and_later_calls_are_unavailable(turns: EndOfTurn) -> None:
    await turns.close()
    await turns.close()
    with pytest.raises(Unavailable) as caught:
        await turns.probability(_noise(1))
    assert caught.value.code == "turns_unavailable"


async def test_a_script_is_told_in_order_and_then_silence_decides() -> None:
    turns = ScriptedTurns([0.1, 0.9], full_s=0.4)
    told = [await turns.probability(_noise(1)) for _ in range(3)]
    assert told == pytest.approx([0.1, 0.9, 0.0], abs=0.05)
    assert await turns.probability(_noise(1) + bytes(6_400)) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("url", ["scripted:///?answers=2", "scripted:///?answers=x", "scripted:///?full_s=0"])
def test_a_script_that_makes_no_sense_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        open_scripted(url)
    assert caught.value.code == "bad_url"


# Probabilities of the model's authors' own preprocessing (Whisper feature extractor, do_normalize) on these clips:
# end of the words in s; judged with 0.2 s of the quiet after them; judged after the first 60 % of the words.
PUBLISHED = {
    "turn-complete-17fe40a1": (2.18, 0.979, 0.011),
    "turn-complete-3da49d22": (4.29, 0.221, 0.432),
    "turn-complete-3df6c3a4": (4.29, 0.823, 0.080),
    "turn-complete-505a930b": (2.98, 0.864, 0.019),
    "turn-complete-911d62c3": (3.10, 0.975, 0.025),
    "turn-complete-04b09ada": (2.69, 0.989, 0.931),
    "turn-complete-914cbcc0": (2.94, 0.971, 0.952),
    "turn-complete-d6576d6f": (3.04, 0.304, 0.280),
}


async def test_real_speech_is_judged_as_by_the_published_preprocessing() -> None:
    clips = [SPEECH / f"{clip}.flac" for clip in PUBLISHED if (SPEECH / f"{clip}.flac").exists()]
    if not clips:
        pytest.skip("missing: tests/data/speech/turn-complete-*.flac")
    turns = open_smartturn("smartturn:///", models=TestModels())
    for clip in clips:
        samples, _ = soundfile.read(clip, dtype="int16")
        end_s, whole, cut = PUBLISHED[clip.stem]
        pcm = samples[: int((end_s + 0.2) * 16_000)].tobytes()
        assert await turns.probability(pcm) == pytest.approx(whole, abs=0.05)
        pcm = samples[: int(0.6 * end_s * 16_000)].tobytes()
        assert await turns.probability(pcm) == pytest.approx(cut, abs=0.05)
    await turns.close()


def test_features_are_padded_in_front_and_normalised_over_the_whole_window() -> None:
    features = features_of(samples_of(_noise(1)))
    assert features.shape == (80, 800)
    assert np.ptp(features[:, 2:698], axis=1).max() < 1e-4  # the padding is a constant
    assert features[:, 702:].min() > features[:, 2:698].min()


def test_a_model_of_the_users_own_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        open_smartturn(f"smartturn://{tmp_path}/none.onnx", models=TestModels())
    assert caught.value.code == "model_missing"


def test_a_file_that_is_no_model_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(Misconfigured) as caught:
        open_smartturn(f"smartturn://{tmp_path}/text.onnx", models=TestModels())
    assert caught.value.code == "model_corrupt"


def test_half_a_model_is_corrupt(tmp_path: Path) -> None:
    data = model_path("smart-turn-v3.2").read_bytes()
    (tmp_path / "short.onnx").write_bytes(data[: len(data) // 2])
    with pytest.raises(Misconfigured) as caught:
        open_smartturn(f"smartturn://{tmp_path}/short.onnx", models=TestModels())
    assert caught.value.code == "model_corrupt"
