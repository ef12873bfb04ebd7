"""Audio files in and out: every container, every kind of damage, every bound."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceagent.kit.errors import InvalidInput, Problem, TooLarge, Unsupported
from voiceagent.voice import files
from voiceagent.voice.files import blocks, decode, encode


def _tone(rate_hz: int = 24_000, seconds: float = 1.0, channels: int = 1) -> np.ndarray:
    wave = 0.4 * np.sin(2 * np.pi * 500 * np.arange(int(rate_hz * seconds)) / rate_hz)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def _file(samples: np.ndarray, rate_hz: int = 24_000, kind: str = "WAV", subtype: str = "PCM_16") -> bytes:
    made = io.BytesIO()
    soundfile.write(made, samples, rate_hz, format=kind, subtype=subtype)
    return made.getvalue()


def _samples(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, "<i2").astype(int)


def _is_the_tone(pcm: bytes, seconds: float = 1.0) -> None:
    samples = _samples(pcm)
    assert len(samples) / 16_000 == pytest.approx(seconds, abs=0.06)
    middle = samples[4_000:12_000]
    assert int(np.abs(np.fft.rfft(middle)).argmax()) == 250  # 500 Hz in half a second
    assert np.abs(middle).max() == pytest.approx(0.4 * 32_768, rel=0.1)


@pytest.mark.parametrize(
    ("kind", "subtype", "rate_hz"),
    [
        ("WAV", "PCM_16", 8_000),
        ("WAV", "PCM_16", 16_000),
        ("WAV", "PCM_U8", 11_025),
        ("WAV", "PCM_24", 44_100),
        ("WAV", "PCM_32", 96_000),
        ("WAV", "FLOAT", 192_000),
        ("WAV", "DOUBLE", 48_000),
        ("WAV", "ULAW", 8_000),
        ("WAV", "ALAW", 8_000),
        ("RF64", "PCM_16", 24_000),
        ("FLAC", "PCM_16", 44_100),
        ("FLAC", "PCM_24", 192_000),
        ("OGG", "VORBIS", 22_050),
        ("OGG", "OPUS", 48_000),
        ("MP3", "MPEG_LAYER_III", 44_100),
        ("MP3", "MPEG_LAYER_III", 16_000),
    ],
)
async def test_every_container_and_rate_is_heard(kind: str, subtype: str, rate_hz: int) -> None:
    _is_the_tone(await decode(_file(_tone(rate_hz), rate_hz, kind, subtype)))


@pytest.mark.parametrize("channels", [2, 6, 8])
async def test_channels_are_folded_into_one(channels: int) -> None:
    _is_the_tone(await decode(_file(_tone(48_000, channels=channels), 48_000)))


async def test_16_khz_16_bit_comes_through_untouched() -> None:
    samples = np.random.default_rng(0).integers(-32_768, 32_767, 20_000).astype(np.int16)
    np.testing.assert_array_equal(_samples(await decode(_file(samples, 16_000))), samples)


async def test_a_path_is_read_like_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    path.write_bytes(_file(_tone()))
    assert await decode(path) == await decode(path.read_bytes())


async def test_nan_and_infinity_become_zero() -> None:
    samples = _tone(16_000)
    samples[100:200] = np.nan
    samples[300:400] = np.inf
    samples[500:600] = -np.inf
    heard = _samples(await decode(_file(samples, 16_000, subtype="FLOAT")))
    assert not heard[100:200].any()
    assert not heard[300:400].any()
    assert not heard[500:600].any()
    _is_the_tone(heard.astype("<i2").tobytes())


async def test_clipped_audio_stays_within_full_scale() -> None:
    heard = _samples(await decode(_file(_tone(16_000) * 50, 16_000, subtype="FLOAT")))
    assert heard.max() == 32_767
    assert heard.min() == -32_768


async def test_silence_is_silence() -> None:
    assert not _samples(await decode(_file(np.zeros(48_000, np.float32)))).any()


async def _refused(data: bytes | Path, code: str, kind: type[Problem] = InvalidInput, **limits: float) -> None:
    with pytest.raises(kind) as caught:
        await decode(data, **limits)
    assert caught.value.code == code
    assert caught.value.param == "file"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "audio_empty"),
        (_file(np.zeros(0, np.float32)), "audio_empty"),
        (b"To be or not to be, that is the question.\n" * 50, "bad_audio"),
        (b"%PDF-1.7 ...", "bad_audio"),
        (b"RIFF", "bad_audio"),
        (_file(_tone())[:12], "bad_audio"),
        (b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(64), "bad_audio"),
        (b"fLaC" + bytes(200), "bad_audio"),
        (b"OggS" + bytes(200), "bad_audio"),
        (b"ID3\x04" + bytes(200), "bad_audio"),
        (b"\xff\xfb", "bad_audio"),
        (_file(_tone(), kind="FLAC")[:-4_000], "bad_audio"),
        (_file(_tone(), kind="OGG", subtype="OPUS")[:2_000], "bad_audio"),
        (_file(_tone(), kind="OGG", subtype="VORBIS")[:2_000], "bad_audio"),
    ],
)
async def test_what_is_no_audio_is_refused(data: bytes, code: str) -> None:
    await _refused(data, code)


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00",
        b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81",
        b"FORM\x00\x00\x00\x00AIFFCOMM",
        b"#!AMR\n\x3c\x08\x00\x00\x00\x00",
        _file(_tone(), subtype="IMA_ADPCM"),
        _file(_tone(seconds=0.1, channels=9), 48_000),
        _file(_tone(4_000), 4_000),
        _file(_tone(384_000, 0.1), 384_000),
    ],
    ids=["m4a", "webm", "aiff", "amr", "adpcm", "9 channels", "4 kHz", "384 kHz"],
)
async def test_what_is_audio_but_not_read_is_unsupported(data: bytes) -> None:
    await _refused(data, "unsupported_audio", Unsupported)


async def test_a_file_that_is_not_there_is_bad_audio(tmp_path: Path) -> None:
    await _refused(tmp_path / "none.wav", "bad_audio")
    await _refused(tmp_path, "bad_audio")


async def test_a_wav_that_breaks_off_is_taken_as_far_as_it_goes() -> None:
    whole = _file(_tone(seconds=2), 24_000)
    _is_the_tone(await decode(whole[: len(whole) // 2]))


@pytest.mark.parametrize("claimed", [0xFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFFE])
async def test_a_wav_header_that_lies_about_its_size_is_not_believed(claimed: int) -> None:
    data = bytearray(_file(_tone()))
    data[4:8] = data[40:44] = claimed.to_bytes(4, "little")
    _is_the_tone(await decode(bytes(data)))


async def test_the_limit_is_counted_while_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    data = _file(_tone(seconds=3), 24_000, "FLAC")
    assert len(await decode(data, max_s=3.0)) == 96_000
    await _refused(data, "audio_too_long", TooLarge, max_s=2.99)
    monkeypatch.setattr(files, "MOST_SAMPLES", 48_000)
    await _refused(data, "audio_too_long", TooLarge)


async def test_a_file_over_the_size_limit_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST_FILE_BYTES", 1_000)
    await _refused(_file(_tone()), "audio_too_large", TooLarge)


def _three_hours(path: Path) -> Path:
    with soundfile.SoundFile(path, "w", 16_000, 1, "PCM_16", format="FLAC") as file:
        minute = np.zeros(16_000 * 60, np.int16)
        for _ in range(180):
            file.write(minute)
    return path


async def test_a_three_hour_file_neither_fills_the_memory_nor_holds_up_the_loop(tmp_path: Path) -> None:
    path = _three_hours(tmp_path / "long.flac")
    await _refused(path, "audio_too_long", TooLarge, max_s=60)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.002)
            turns += 1

    task = asyncio.ensure_future(others())
    size = largest = 0
    async for block in blocks(path):
        size, largest = size + len(block), max(largest, len(block))
    task.cancel()
    assert size == 3 * 3_600 * 32_000
    assert largest < 1 << 20
    assert turns > 100


async def test_a_decode_that_is_given_up_ends_and_the_pool_goes_on(tmp_path: Path) -> None:
    path = _three_hours(tmp_path / "long.flac")
    task = asyncio.ensure_future(decode(path))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait({task}, timeout=60)
    assert task.cancelled()
    _is_the_tone(await decode(_file(_tone())))


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(
        [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "OPUS"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")]
    ),
    cut=st.floats(0.0, 1.0),
    place=st.floats(0.0, 1.0),
    garbage=st.binary(max_size=64),
)
def test_damage_gives_sound_or_a_stable_code(kind: tuple[str, str], cut: float, place: float, garbage: bytes) -> None:
    data = bytearray(_file(_tone(seconds=0.3), 24_000, *kind))
    at = int(place * len(data))
    data[at : at + len(garbage)] = garbage
    try:
        pcm = asyncio.run(decode(bytes(data[: int(cut * len(data))]), max_s=60))
    except InvalidInput as problem:
        assert problem.code in {"bad_audio", "audio_empty", "unsupported_audio", "audio_too_long"}
    else:
        assert len(pcm) % 2 == 0


@pytest.mark.parametrize("container", ["wav", "flac", "mp3", "opus"])
@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 24_000])
async def test_what_was_encoded_is_heard_again(container: str, rate_hz: int) -> None:
    pcm = np.rint(_tone(rate_hz)[:, 0] * 32_767).astype("<i2").tobytes()
    _is_the_tone(await decode(encode(pcm, rate_hz, container)))


def test_pcm_is_passed_on_whole_samples_only() -> None:
    assert encode(b"\x01\x02\x03", 24_000, "pcm") == b"\x01\x02"


@pytest.mark.parametrize("container", ["wav", "flac", "mp3", "opus"])
def test_no_sound_is_still_a_file(container: str) -> None:
    assert isinstance(encode(b"", 24_000, container), bytes)


async def test_two_minutes_of_opus_do_not_overflow_the_encoder() -> None:
    assert len(encode(bytes(2 * 24_000 * 120), 24_000, "opus")) > 1_000


@pytest.mark.parametrize("container", ["aac", "m4a", "", "WAV ", "../x"])
def test_other_containers_are_unsupported(container: str) -> None:
    with pytest.raises(Unsupported) as caught:
        encode(bytes(100), 24_000, container)
    assert caught.value.code == "unsupported_response_format"
