"""The sentences of ports/vad.py, for every adapter of the port."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from voiceagent.adapters.vad.scripted import open_vad as open_scripted
from voiceagent.adapters.vad.silero import open_vad as open_silero
from voiceagent.kit.errors import InvalidInput, Misconfigured
from voiceagent.ports.vad import VoiceActivity, VoiceActivityStream

WINDOW = 1024
SPEECH = Path(__file__).parents[1] / "data" / "speech"


@pytest.fixture(params=["silero", "scripted"])
def vad(request: pytest.FixtureRequest) -> VoiceActivity:
    return open_silero("silero:///") if request.param == "silero" else open_scripted("scripted:///")


def _speech() -> bytes:
    clips = sorted(SPEECH.glob("turn-complete-*.flac")) or sorted(SPEECH.glob("jfk*"))
    if not clips:
        pytest.skip("missing: tests/data/speech")
    samples, rate_hz = soundfile.read(clips[0], dtype="int16")
    assert rate_hz == 16_000
    return bytes(samples.tobytes())


def _probabilities(stream: VoiceActivityStream, pcm: bytes) -> list[float]:
    return [stream.probability(pcm[at : at + WINDOW]) for at in range(0, len(pcm) - WINDOW + 1, WINDOW)]


def test_every_probability_lies_between_0_and_1(vad: VoiceActivity) -> None:
    noise = np.random.default_rng(1).integers(-32768, 32767, 16_000, dtype=np.int16).tobytes()
    assert all(0 <= p <= 1 for p in _probabilities(vad.open(), noise))


def test_silence_holds_no_speech(vad: VoiceActivity) -> None:
    assert max(_probabilities(vad.open(), bytes(32_000))) < 0.2


def test_speech_is_found_and_the_quiet_around_it_is_not(vad: VoiceActivity) -> None:
    probabilities = _probabilities(vad.open(), bytes(16_000) + _speech() + bytes(32_000))
    assert sum(p > 0.5 for p in probabilities) > 20
    assert max(probabilities[:10]) < 0.5
    assert max(probabilities[-20:]) < 0.5


@pytest.mark.parametrize("size", [0, 1, 1022, 1023, 1025, 2048])
def test_any_other_size_is_bad_audio(vad: VoiceActivity, size: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        vad.open().probability(bytes(size))
    assert caught.value.code == "bad_audio"


def test_reset_forgets_what_was_heard_before(vad: VoiceActivity) -> None:
    pcm = _speech()
    used = vad.open()
    first = _probabilities(used, pcm)
    used.reset()
    assert _probabilities(used, pcm) == pytest.approx(first, abs=1e-5)


def test_streams_share_nothing(vad: VoiceActivity) -> None:
    pcm = _speech()
    alone = _probabilities(vad.open(), pcm)
    one, other = vad.open(), vad.open()
    beside: list[float] = []
    for at in range(0, len(pcm) - WINDOW + 1, WINDOW):
        beside.append(one.probability(pcm[at : at + WINDOW]))
        other.probability(bytes(WINDOW))
    assert beside == pytest.approx(alone, abs=1e-5)


def test_a_threshold_that_is_no_number_is_refused() -> None:
    with pytest.raises(Misconfigured) as caught:
        open_scripted("scripted:///?threshold_dbfs=loud")
    assert caught.value.code == "bad_url"
