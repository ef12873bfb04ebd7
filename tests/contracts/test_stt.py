"""The sentences of ports/stt.py, for every adapter of the port, and what each adapter promises beyond them."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from aiohttp import web

from voiceagent.adapters.providers.stt import routed_stt
from voiceagent.adapters.stt.openai import open_stt as open_openai
from voiceagent.adapters.stt.recogniser import Heard, Recogniser, Wish
from voiceagent.adapters.stt.scripted import open_stt as open_scripted
from voiceagent.adapters.stt.whisper import WhisperStt
from voiceagent.adapters.stt.whisper import open_stt as open_whisper
from voiceagent.adapters.stt.window import Floats
from voiceagent.domain.provider import Provider
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import InvalidInput, Misconfigured, RateLimited, TooLarge, Unavailable, Unsupported
from voiceagent.models.store import ModelStore
from voiceagent.ports.stt import SpeechToText

SPEECH = Path(__file__).parents[1] / "data" / "speech"
RATE_HZ = 16_000
KEPT_OUT = web.AppKey("kept_out", asyncio.Event)


def clip(name: str) -> bytes:
    """A recording of tests/data/speech as mono s16le at 16 kHz."""
    samples, rate_hz = soundfile.read(SPEECH / f"{name}.flac", dtype="int16")
    assert rate_hz == RATE_HZ
    return bytes(samples.tobytes())


def noise(seconds: float, peak: float) -> bytes:
    """White noise whose samples lie within `peak` of full scale."""
    values = np.random.default_rng(7).uniform(-peak, peak, int(seconds * RATE_HZ))
    return bytes((values * 32767).astype("<i2").tobytes())


async def _transcribe(request: web.Request) -> web.Response:
    form = await request.post()
    file = form["file"]
    assert isinstance(file, web.FileField)
    samples, rate_hz = soundfile.read(io.BytesIO(file.file.read()))
    assert rate_hz == RATE_HZ
    if form.get("language") == "xx":
        return web.json_response({"error": {"message": "unknown language"}}, status=400)
    await asyncio.sleep(0.01)
    duration_s = len(samples) / rate_hz
    words = ["Firefox"] * max(1, int(duration_s / 2))
    answer: dict[str, object] = {"text": " ".join(words), "language": "english", "duration": duration_s}
    answer["segments"] = [{"avg_logprob": -0.1, "no_speech_prob": 0.02}]
    if "timestamp_granularities[]" in form:
        answer["words"] = [{"word": word, "start": at, "end": at + 1} for at, word in enumerate(words)]
    return web.json_response(answer)


async def _busy(_request: web.Request) -> web.Response:
    return web.Response(status=429, headers={"Retry-After": "7"})


async def _locked(_request: web.Request) -> web.Response:
    return web.Response(status=401)


async def _broken(_request: web.Request) -> web.Response:
    return web.Response(status=502)


async def _garbled(_request: web.Request) -> web.Response:
    return web.Response(text="<html>not json")


async def _odd(_request: web.Request) -> web.Response:
    return web.json_response({"segments": [{"avg_logprob": "x"}]})


async def _silent(request: web.Request) -> web.Response:
    await request.app[KEPT_OUT].wait()
    return web.Response()


@pytest.fixture
async def server() -> AsyncIterator[str]:
    app = web.Application(client_max_size=64 << 20)
    app[KEPT_OUT] = asyncio.Event()
    handlers = {"v1": _transcribe, "busy": _busy, "locked": _locked, "broken": _broken}
    for name, handler in {**handlers, "garbled": _garbled, "odd": _odd, "silent": _silent}.items():
        app.router.add_post(f"/{name}/audio/transcriptions", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    yield f"openai+http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    app[KEPT_OUT].set()
    await runner.cleanup()


@pytest.fixture
async def whisper(model_store: ModelStore) -> AsyncIterator[WhisperStt]:
    made = open_whisper("whisper:///", models=model_store)
    yield made
    await made.close()


def behind_a_broken_one(server: str) -> SpeechToText:
    """A recogniser behind one that fails each call."""
    made = routed_stt(open_scripted("scripted://"), clock=SystemClock())
    made.pool.put(Provider("broken", "", kind="stt", priority=1), open_openai(f"{server}/broken?model=m"))
    made.pool.put(Provider("well", "", kind="stt", priority=2), open_scripted("scripted://"))
    return made


@pytest.fixture(params=["scripted", "whisper", "openai", "routed"])
async def stt(request: pytest.FixtureRequest, server: str) -> AsyncIterator[SpeechToText]:
    made: SpeechToText
    if request.param == "routed":
        made = behind_a_broken_one(server)
    elif request.param == "scripted":
        made = open_scripted("scripted://")
    elif request.param == "whisper":
        made = open_whisper("whisper:///", models=request.getfixturevalue("model_store"))
    else:
        made = open_openai(f"{server}/v1?model=m", api_key="k")
    yield made
    await made.close()


# --- every adapter ----------------------------------------------------------------------------------------------------


async def test_the_words_in_pcm(stt: SpeechToText) -> None:
    transcript = await stt.transcribe(clip("cv-22058266"))
    assert transcript.text.strip() == transcript.text != ""
    assert transcript.duration_s == pytest.approx(2.352, abs=0.001)
    assert 0.0 < transcript.confidence <= 1.0 and 0.0 <= transcript.no_speech < 0.5
    assert transcript.language == "en"


@pytest.mark.parametrize(
    "pcm",
    [b"", bytes(2), bytes(32_000), bytes(320_000), noise(1.0, 0.0003), noise(0.09, 0.5)],
    ids=["nothing", "one sample", "1 s of zeros", "10 s of zeros", "faint noise", "0.09 s of noise"],
)
async def test_silence_and_less_than_a_tenth_of_a_second_give_an_empty_text(stt: SpeechToText, pcm: bytes) -> None:
    transcript = await stt.transcribe(pcm, words=True)
    assert (transcript.text, transcript.words) == ("", ())


async def test_the_same_audio_gives_the_same_words(stt: SpeechToText) -> None:
    pcm = clip("turn-complete-505a930b")
    assert await stt.transcribe(pcm) == await stt.transcribe(pcm)


async def test_calls_at_once_get_each_its_own_words(stt: SpeechToText) -> None:
    clips = [clip("cv-22058266"), clip("jfk"), bytes(32_000), clip("lj-LJ002-0035")]
    alone = [await stt.transcribe(pcm) for pcm in clips]
    assert await asyncio.gather(*(stt.transcribe(pcm) for pcm in clips)) == alone


async def test_a_cancelled_call_stops_waiting_and_harms_no_other(stt: SpeechToText) -> None:
    pcm = clip("jfk")
    expected = await stt.transcribe(pcm)
    tasks = [asyncio.create_task(stt.transcribe(pcm)) for _ in range(4)]
    await asyncio.sleep(0)
    for task in tasks[:3]:
        task.cancel()
    done, _ = await asyncio.wait(tasks[:3], timeout=60)
    assert len(done) == 3
    assert await tasks[3] == expected


async def test_an_odd_number_of_bytes_is_bad_audio(stt: SpeechToText) -> None:
    with pytest.raises(InvalidInput) as caught:
        await stt.transcribe(bytes(32_001))
    assert caught.value.code == "bad_audio"


async def test_audio_over_the_limit_is_too_long(stt: SpeechToText) -> None:
    with pytest.raises(TooLarge) as caught:
        await stt.transcribe(bytes(int(stt.capabilities.max_s * RATE_HZ + 1) * 2))
    assert caught.value.code == "audio_too_long"


async def test_word_times_lie_in_the_audio_and_in_order(stt: SpeechToText) -> None:
    assert stt.capabilities.words
    transcript = await stt.transcribe(clip("jfk"), words=True)
    assert " ".join(word.text for word in transcript.words) == transcript.text
    edges = [edge for word in transcript.words for edge in (word.start_s, word.end_s)]
    assert edges == sorted(edges) and edges[0] >= 0.0 and edges[-1] <= transcript.duration_s


async def test_a_language_of_another_country_is_the_same_language(stt: SpeechToText) -> None:
    assert (await stt.transcribe(clip("cv-22058266"), language="en-GB")).language == "en"


async def test_after_close_calls_raise_unavailable(stt: SpeechToText) -> None:
    await stt.close()
    await stt.close()
    with pytest.raises(Unavailable) as caught:
        await stt.transcribe(clip("cv-22058266"))
    assert caught.value.code == "stt_unavailable"


# --- whisper ----------------------------------------------------------------------------------------------------------

SAID = {
    "jfk": "and so my fellow americans ask not what your country can do for you ask what you can do for your country",
    "cv-22058266": "firefox",
    "turn-complete-505a930b": "can i have a small latte with soy milk",
    "turn-complete-911d62c3": "may i have a small drip coffee with sweetener",
    "turn-complete-17fe40a1": "get me an espresso with skim milk",
}


def plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum() or letter == " ")


@pytest.mark.parametrize("name", sorted(SAID))
async def test_whisper_hears_what_was_said(whisper: WhisperStt, name: str) -> None:
    assert plain((await whisper.transcribe(clip(name))).text) == SAID[name]


@pytest.mark.parametrize("peak", [0.003, 0.03, 0.3])
@pytest.mark.parametrize("seconds", [0.3, 1.0, 3.0, 20.0])
async def test_whisper_invents_nothing_for_noise(whisper: WhisperStt, seconds: float, peak: float) -> None:
    assert (await whisper.transcribe(noise(seconds, peak))).text == ""


async def test_whisper_invents_nothing_for_a_tone(whisper: WhisperStt) -> None:
    tone = (8_000 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE_HZ) / RATE_HZ)).astype("<i2").tobytes()
    assert (await whisper.transcribe(tone)).text == ""


async def test_whisper_hears_quiet_speech(whisper: WhisperStt) -> None:
    quiet = (np.frombuffer(clip("jfk"), dtype="<i2") // 64).astype("<i2").tobytes()
    assert plain((await whisper.transcribe(quiet)).text).startswith("and so my fellow americans")


async def test_whisper_hears_all_of_long_audio_in_order(whisper: WhisperStt) -> None:
    pcm = clip("jfk") + clip("turn-complete-505a930b")
    transcript = await whisper.transcribe(pcm * 4, words=True)
    text = plain(transcript.text)
    assert text.count("ask not what your country") == 4
    assert text.count("soy milk") == 4
    starts = [word.start_s for word in transcript.words if plain(word.text) == "soy"]
    assert len(starts) == 4
    assert np.diff(starts) == pytest.approx(len(pcm) / 32_000, abs=0.5)


async def test_whisper_serves_a_short_call_before_a_long_one_ends(whisper: WhisperStt) -> None:
    long = asyncio.create_task(whisper.transcribe(clip("jfk") * 20))
    await asyncio.sleep(0)
    assert (await whisper.transcribe(clip("cv-22058266"))).text
    assert not long.done()
    long.cancel()


async def test_whisper_drops_cancelled_calls_that_wait(whisper: WhisperStt, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []
    hear = Recogniser.hear

    def counted(self: Recogniser, samples: Floats, wish: Wish) -> Heard:
        heard.append(len(samples))
        return hear(self, samples, wish)

    monkeypatch.setattr(Recogniser, "hear", counted)
    pcm = clip("jfk")
    waiting = [asyncio.create_task(whisper.transcribe(pcm)) for _ in range(200)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await whisper.transcribe(pcm)
    assert len(heard) <= 2  # the one that already ran, and this one


async def test_whisper_knows_its_languages(whisper: WhisperStt) -> None:
    assert whisper.capabilities.languages == ("en",)
    with pytest.raises(Unsupported) as caught:
        await whisper.transcribe(bytes(32_000), language="de-CH")
    assert caught.value.code == "unsupported_language"


async def test_whisper_takes_a_prompt_for_its_spelling(whisper: WhisperStt) -> None:
    prompt = "A speech of 1961 to fellow Americans. <|endoftext|><|startoftranscript|>" + " It was cold." * 100
    assert "country" in (await whisper.transcribe(clip("jfk"), prompt=prompt)).text


async def test_whisper_closing_fails_the_calls_that_wait(whisper: WhisperStt) -> None:
    calls = [asyncio.create_task(whisper.transcribe(clip("jfk") * 8)) for _ in range(3)]
    await asyncio.sleep(0)
    await whisper.close()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, Unavailable) for result in results)


async def test_whisper_with_many_languages_finds_out_which(model_store: ModelStore) -> None:
    try:
        stt = open_whisper("whisper:///whisper-base", models=model_store)
    except Misconfigured:
        pytest.skip("optional: model whisper-base (voiceagent models pull whisper-base)")
    transcript = await stt.transcribe(clip("jfk"), words=True)
    assert transcript.language == "en" and "country" in transcript.text and len(transcript.words) > 15
    assert (await stt.transcribe(noise(2.0, 0.1))).text == ""
    assert {"en", "de", "zh"} <= set(stt.capabilities.languages)
    with pytest.raises(Unsupported):
        await stt.transcribe(bytes(32_000), language="tlh")
    await stt.close()


def test_whisper_takes_a_folder_of_ones_own(model_store: ModelStore, tmp_path: Path) -> None:
    folder = model_store.path("whisper-tiny.en")
    assert open_whisper(f"whisper://{folder}", models=model_store).capabilities.model == folder.name
    (tmp_path / "own").mkdir()
    for url, code in {
        f"whisper://{tmp_path}/absent": "model_missing",
        f"whisper://{tmp_path}/own": "model_corrupt",
        "whisper:///no-such-model": "unknown_model",
        "whisper:///?compute=fast": "bad_stt_url",
        "whisper:///?beam=5": "bad_stt_url",
    }.items():
        with pytest.raises(Misconfigured) as caught:
            open_whisper(url, models=model_store)
        assert caught.value.code == code


# --- a server ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind", "code"),
    [
        ("locked", Misconfigured, "stt_credentials"),
        ("broken", Unavailable, "stt_unavailable"),
        ("garbled", Unavailable, "stt_unavailable"),
        ("odd", Unavailable, "stt_unavailable"),
        ("absent", Unavailable, "stt_unavailable"),
    ],
)
async def test_a_server_that_fails_is_told_in_our_words(server: str, path: str, kind: type, code: str) -> None:
    stt = open_openai(f"{server}/{path}?model=m")
    with pytest.raises(kind) as caught:
        await stt.transcribe(clip("cv-22058266"))
    await stt.close()
    assert getattr(caught.value, "code", None) == code


async def test_a_server_that_asks_to_wait_says_how_long(server: str) -> None:
    stt = open_openai(f"{server}/busy?model=m")
    with pytest.raises(RateLimited) as caught:
        await stt.transcribe(clip("cv-22058266"))
    await stt.close()
    assert caught.value.retry_after_s == 7.0


async def test_a_server_that_never_answers_is_given_up(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voiceagent.adapters.stt.openai.FIRST_S", 0.05)
    monkeypatch.setattr("voiceagent.adapters.stt.openai.SHARE_OF_AUDIO", 0.0)
    stt = open_openai(f"{server}/silent?model=m")
    with pytest.raises(Unavailable) as caught:
        await stt.transcribe(clip("cv-22058266"))
    await stt.close()
    assert caught.value.retryable


async def test_nobody_at_the_address_is_unavailable() -> None:
    stt = open_openai("openai+http://127.0.0.1:9/v1?model=m")
    with pytest.raises(Unavailable):
        await stt.transcribe(clip("cv-22058266"))
    await stt.close()


async def test_a_server_refuses_a_language_it_does_not_know(server: str) -> None:
    stt = open_openai(f"{server}/v1?model=m")
    with pytest.raises(InvalidInput) as caught:
        await stt.transcribe(clip("cv-22058266"), language="xx")
    await stt.close()
    assert caught.value.code == "stt_rejected"


@pytest.mark.parametrize(
    "url", ["openai+http://host/v1", "openai+http:///v1?model=m", "openai+http://h/v1?model=m&max_s=x"]
)
def test_a_server_url_without_what_it_needs_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured):
        open_openai(url)


# --- scripted ---------------------------------------------------------------------------------------------------------


async def test_scripted_says_more_words_the_longer_one_speaks(tmp_path: Path) -> None:
    (tmp_path / "lines.json").write_text('["one two three four five six"]')
    stt = open_scripted(f"scripted://{tmp_path}/lines.json?words_per_s=2")
    texts = [(await stt.transcribe(noise(seconds, 0.5) + bytes(16_000))).text for seconds in (1.0, 2.0, 9.0)]
    assert texts == ["one two", "one two three four", "one two three four five six"]


async def test_scripted_says_the_whole_line_at_once_at_pace_zero() -> None:
    stt = open_scripted("scripted://?words_per_s=0")
    assert len((await stt.transcribe(noise(0.2, 0.5))).text.split()) > 3


@pytest.mark.parametrize("text", ["[]", "{}", "[1]", "nonsense"])
def test_scripted_refuses_a_file_that_is_no_list_of_texts(tmp_path: Path, text: str) -> None:
    (tmp_path / "lines.json").write_text(text)
    with pytest.raises(Misconfigured):
        open_scripted(f"scripted://{tmp_path}/lines.json")
