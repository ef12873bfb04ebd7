"""Wire formats to the inner one and back. G.711 is checked against libsndfile, which has tables of its own."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from voiceagent.domain.audio import SPEECH_PCM, WIRE_PCM, WIRE_PCMA, WIRE_PCMU, AudioFormat
from voiceagent.voice.codec import Decoder, Encoder

FORMATS = [
    WIRE_PCM,
    WIRE_PCMU,
    WIRE_PCMA,
    SPEECH_PCM,
    AudioFormat("pcm_s16le", 48_000, 2),
    AudioFormat("pcm_s16le", 44_100),
]


def _tone(rate_hz: int, hz: float = 500, seconds: float = 1.0) -> np.ndarray:
    return np.rint(12_000 * np.sin(2 * np.pi * hz * np.arange(int(rate_hz * seconds)) / rate_hz)).astype("<i2")


@pytest.mark.parametrize("wire", FORMATS, ids=str)
def test_there_and_back_keeps_the_sound(wire: AudioFormat) -> None:
    encoder, decoder = Encoder(16_000, wire), Decoder(wire)
    coded = encoder.push(_tone(16_000).tobytes()) + encoder.flush()
    back = np.frombuffer(decoder.push(coded) + decoder.flush(), "<i2").astype(float)
    assert len(back) == pytest.approx(16_000, abs=2)
    error = back[1_000:15_000] - _tone(16_000)[1_000:15_000]
    assert np.sqrt(np.mean(np.square(error))) < 0.03 * 12_000


@pytest.mark.parametrize(("wire", "subtype"), [(WIRE_PCMU, "ULAW"), (WIRE_PCMA, "ALAW")])
def test_every_code_of_g711_has_its_value(wire: AudioFormat, subtype: str) -> None:
    codes = bytes(range(256))
    expected, _ = soundfile.read(
        io.BytesIO(codes), dtype="int16", samplerate=8_000, channels=1, format="RAW", subtype=subtype
    )
    narrow = AudioFormat(wire.encoding, 16_000)  # at the inner rate, so that no filter touches the values
    np.testing.assert_array_equal(np.frombuffer(Decoder(narrow).push(codes), "<i2"), expected)


@pytest.mark.parametrize("encoding", ["pcmu", "pcma"])
def test_coding_loses_little_and_only_once(encoding: str) -> None:
    wire = AudioFormat(encoding, 16_000)  # type: ignore[arg-type]
    samples = np.arange(-32_768, 32_768, 37).astype("<i2")
    once = Decoder(wire).push(Encoder(16_000, wire).push(samples.tobytes()))
    coded = np.frombuffer(once, "<i2").astype(int)
    assert (np.abs(coded - samples) <= np.abs(samples.astype(int)) / 32 + 16).all()
    assert (np.diff(coded) >= 0).all()
    assert Decoder(wire).push(Encoder(16_000, wire).push(once)) == once


@given(cuts=st.lists(st.integers(0, 300), max_size=10), kind=st.sampled_from(FORMATS))
def test_bytes_may_be_cut_anywhere(cuts: list[int], kind: AudioFormat) -> None:
    data = np.random.default_rng(sum(cuts)).integers(0, 256, sum(cuts), dtype=np.uint8).tobytes()
    decoder, parts, at = Decoder(kind), b"", 0
    for cut in cuts:
        parts += decoder.push(data[at : at + cut])
        at += cut
    parts += decoder.flush()
    whole = Decoder(kind)
    expected = np.frombuffer(whole.push(data) + whole.flush(), "<i2").astype(int)
    assert len(parts) == 2 * len(expected)
    assert np.abs(np.frombuffer(parts, "<i2") - expected).max(initial=0) <= 1


@given(cuts=st.lists(st.integers(0, 300), max_size=10))
def test_an_encoder_takes_half_samples(cuts: list[int]) -> None:
    data = np.random.default_rng(1).integers(0, 256, sum(cuts), dtype=np.uint8).tobytes()
    encoder, parts, at = Encoder(24_000, WIRE_PCM), b"", 0
    for cut in cuts:
        parts += encoder.push(data[at : at + cut])
        at += cut
    assert parts == data[: len(data) // 2 * 2]


def test_channels_are_averaged() -> None:
    stereo = np.array([[1_000, 3_000], [-32_768, -32_768], [32_767, 32_767], [100, -100]], "<i2")
    decoder = Decoder(AudioFormat("pcm_s16le", 16_000, 2))
    np.testing.assert_array_equal(np.frombuffer(decoder.push(stereo.tobytes()), "<i2"), [2_000, -32_768, 32_767, 0])


def test_a_mono_stream_fills_every_channel() -> None:
    pcm = np.array([1, -2], "<i2")
    coded = Encoder(16_000, AudioFormat("pcm_s16le", 16_000, 2)).push(pcm.tobytes())
    np.testing.assert_array_equal(np.frombuffer(coded, "<i2"), [1, 1, -2, -2])


def test_silence_stays_silence_in_every_format() -> None:
    for wire in FORMATS:
        decoder, encoder = Decoder(wire), Encoder(24_000, wire)
        pcm = decoder.push(encoder.push(bytes(48_000)) + encoder.flush())
        assert np.abs(np.frombuffer(pcm, "<i2")).max() <= 10


def test_reset_forgets_the_sound_that_was_not_given_out() -> None:
    encoder = Encoder(24_000, WIRE_PCMU)
    encoder.push(_tone(24_000).tobytes() + b"\x01")
    encoder.reset()
    assert set(encoder.push(bytes(4_800)) + encoder.flush()) == {0xFF}
