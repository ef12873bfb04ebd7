"""A stranger clones the repository, starts the platform and talks with it."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import pytest
from tests.conftest import ROOT
from tests.e2e.conftest import Platform

QUESTION = ROOT / "demo" / "question.flac"

pytestmark = pytest.mark.timeout(600)


def test_a_recorded_question_is_heard_and_answered_aloud(platform: Platform, tmp_path: Path) -> None:
    reply = tmp_path / "reply.wav"
    run = platform.run("ask", str(QUESTION), "-o", str(reply), "--json")
    assert run.returncode == 0, run.stdout + run.stderr
    asked = json.loads(run.stdout)
    assert "safe to swim" in asked["heard"].lower()
    assert len(asked["answered"].split()) >= 2
    assert {"committed_ms", "first_token_ms", "first_audio_ms"} <= set(asked["timings_ms"])
    with wave.open(str(reply)) as sound:
        assert sound.getnframes() / sound.getframerate() > 0.5
        assert any(sound.readframes(sound.getnframes()))


def test_the_question_may_be_a_wave_file_of_any_rate(platform: Platform, tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    soxr = pytest.importorskip("soxr")
    samples, rate = soundfile.read(QUESTION)
    odd = tmp_path / "question.wav"
    soundfile.write(odd, soxr.resample(samples, rate, 11_025), 11_025, subtype="PCM_U8")
    run = platform.run("ask", str(odd), "--json")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "swim" in json.loads(run.stdout)["heard"].lower()


def test_silence_is_told_as_such_and_nothing_is_answered(platform: Platform, tmp_path: Path) -> None:
    silence = tmp_path / "silence.wav"
    with wave.open(str(silence), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(32_000))
    run = platform.run("ask", str(silence))
    assert run.returncode == 2
    assert "nothing_heard" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_wrong_key_is_refused_in_one_line(platform: Platform) -> None:
    run = platform.run("ask", str(QUESTION), "--key", "va_wrong")
    assert run.returncode == 4
    assert run.stderr.count("\n") == 1
    assert "key" in run.stderr
