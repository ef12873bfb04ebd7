"""The sentences of ports/tts.py, for every adapter of the port, and what each adapter promises beyond them."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
from aiohttp import web
from tests.support.models import TestModels
from tests.support.ports import free_ports

from voiceagent.adapters.providers.tts import RoutedTts, routed_tts
from voiceagent.adapters.tts.hibari import open_tts as open_hibari
from voiceagent.adapters.tts.openai import open_tts as open_openai
from voiceagent.adapters.tts.scripted import ScriptedTts
from voiceagent.adapters.tts.scripted import open_tts as open_scripted
from voiceagent.domain.audio import Speech
from voiceagent.domain.provider import Provider
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import InvalidInput, Misconfigured, Problem, RateLimited, Unavailable
from voiceagent.ports.tts import TextToSpeech

TEXT = (
    "We open at nine. On Saturdays, we open at ten, and we close at two; on Sundays we stay at home all day long. Bye!"
)
PCM = (6_000 * np.sin(np.arange(24_000) / 10)).astype("<i2").tobytes()

GONE = web.AppKey("gone", asyncio.Event)


async def _speech(request: web.Request) -> web.StreamResponse:
    body = await request.json()
    assert request.headers["Authorization"] == "Bearer k"
    assert body["response_format"] == "pcm"
    if body["voice"] == "nobody":
        return web.json_response({"error": {"message": "unknown voice 'nobody'"}}, status=400)
    response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
    await response.prepare(request)
    size = int(len(body["input"]) / 15 / body["speed"] * 48_000) // 2 * 2
    sound = (PCM * (size // len(PCM) + 1))[:size]
    for at in range(0, size, 4_801):  # odd on purpose: pieces of the network do not end between samples
        await response.write(sound[at : at + 4_801])
    return response


async def _stalled(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
    await response.prepare(request)
    await response.write(PCM)
    with contextlib.suppress(ConnectionResetError):
        for _ in range(600):
            await asyncio.sleep(0.05)
            await response.write(b"\0\0")
    request.app[GONE].set()
    return response


async def _cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "audio/pcm", "Content-Length": "96000"})
    await response.prepare(request)
    await response.write(PCM[:9_600])
    assert request.transport is not None
    request.transport.close()
    return response


def _answers(**kinds: web.Response) -> Callable[[web.Request], AsyncIterator[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        kind = kinds[request.match_info["kind"]]
        return web.Response(body=kind.body, status=kind.status, headers=kind.headers)

    return answer  # type: ignore[return-value]


@pytest.fixture
async def app() -> web.Application:
    made = web.Application()
    made[GONE] = asyncio.Event()
    made.router.add_post("/v1/audio/speech", _speech)
    made.router.add_post("/stalled/audio/speech", _stalled)
    made.router.add_post("/cut/audio/speech", _cut)
    made.router.add_post(
        "/{kind}/audio/speech",
        _answers(  # type: ignore[arg-type]
            refused=web.Response(status=401),
            busy=web.Response(status=429, headers={"Retry-After": "7"}),
            broken=web.Response(status=500),
            page=web.Response(text="<html>", content_type="text/html"),
            file=web.Response(body=b"RIFF" + PCM, content_type="audio/wav"),
            nothing=web.Response(body=b"", content_type="audio/pcm"),
            moved=web.Response(status=302, headers={"Location": "/v1/audio/speech"}),
        ),
    )
    return made


@pytest.fixture
async def server(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"openai+http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def _piper() -> TextToSpeech:
    if importlib.util.find_spec("piper") is None:
        pytest.skip("optional: the extra `piper` is not installed")
    from voiceagent.adapters.tts.piper import open_tts

    return open_tts("piper:///", models=TestModels())


def _behind_a_broken_one(server: str) -> TextToSpeech:
    """A voice of another rate behind one that fails each call."""
    made = routed_tts(open_scripted("scripted:///"), clock=SystemClock())
    broken = open_openai(f"{server}/broken?model=m&voice=tone")
    made.pool.put(Provider("broken", "", kind="tts", priority=1), broken)
    made.pool.put(Provider("well", "", kind="tts", priority=2), open_scripted("scripted:///?rate_hz=16000"))
    return made


@pytest.fixture(params=["hibari", "piper", "openai", "scripted", "routed"])
async def tts(request: pytest.FixtureRequest, server: str) -> AsyncIterator[TextToSpeech]:
    made: TextToSpeech
    match request.param:
        case "hibari":
            made = open_hibari("hibari:///")
        case "piper":
            made = _piper()
        case "routed":
            made = _behind_a_broken_one(server)
        case "openai":
            made = open_openai(f"{server}/v1?model=m&voice=alloy", api_key="k")
        case _:
            made = open_scripted("scripted:///")
    yield made
    await made.close()


async def _all(pieces: AsyncIterator[Speech]) -> list[Speech]:
    return [piece async for piece in pieces]


async def test_the_text_of_all_pieces_joined_says_the_text(tts: TextToSpeech) -> None:
    assert "".join(piece.text for piece in await _all(tts.synthesize(TEXT))) == TEXT


async def test_pieces_are_whole_audible_samples_at_the_rate_of_the_capabilities(tts: TextToSpeech) -> None:
    pieces = await _all(tts.synthesize(TEXT))
    assert len(pieces) > 2
    for piece in pieces:
        assert piece.rate_hz == tts.capabilities.rate_hz
        assert piece.pcm
        assert len(piece.pcm) % 2 == 0
    sound = np.frombuffer(b"".join(piece.pcm for piece in pieces), "<i2")
    assert 1_000 < int(np.abs(sound).max()) <= 32_767


async def test_speech_lasts_as_long_as_people_take(tts: TextToSpeech) -> None:
    seconds = sum(piece.seconds for piece in await _all(tts.synthesize(TEXT)))
    assert 5 < seconds < 12


async def test_the_first_sound_comes_within_a_tenth_of_a_second_of_the_start_of_the_audio(tts: TextToSpeech) -> None:
    first = (await _all(tts.synthesize("Sure, I can help with that.")))[0]
    sound = np.abs(np.frombuffer(first.pcm, "<i2").astype(np.int32))
    assert int(np.flatnonzero(sound > 200)[0]) / first.rate_hz < 0.1


async def test_speed_changes_the_length(tts: TextToSpeech) -> None:
    slow, natural, fast = [
        sum(piece.seconds for piece in await _all(tts.synthesize(TEXT, speed=speed))) for speed in (0.5, 1.0, 2.0)
    ]
    assert 1.5 < slow / natural < 2.5
    assert 0.4 < fast / natural < 0.7


@pytest.mark.parametrize("speed", [0.25, 4.0])
async def test_the_slowest_and_the_fastest_speed_speak(tts: TextToSpeech, speed: float) -> None:
    assert sum(piece.seconds for piece in await _all(tts.synthesize("Good morning.", speed=speed))) > 0.1


@pytest.mark.parametrize("text", ["", "   ", "...", "\n\n", "—!?", "😀 👍"])
async def test_text_without_anything_to_say_yields_nothing(tts: TextToSpeech, text: str) -> None:
    assert await _all(tts.synthesize(text)) == []


async def test_hostile_text_is_spoken_or_passed_over(tts: TextToSpeech) -> None:
    texts = [
        "\x00\x07bell",
        "日本語 and English",
        "[x](/kˈɑm/)",
        "a" * 500,
        "<b>" * 50 + "ok",
        "½ \ud7ff \U0010ffff ok",
        "1" * 300,
    ]
    for text in texts:
        for piece in await _all(tts.synthesize(text)):
            assert len(piece.pcm) % 2 == 0


@pytest.mark.parametrize("speed", [0.0, 0.24, 4.1, -1.0, float("nan"), float("inf")])
async def test_another_speed_is_refused(tts: TextToSpeech, speed: float) -> None:
    with pytest.raises(InvalidInput) as caught:
        await _all(tts.synthesize("Hello", speed=speed))
    assert caught.value.code == "bad_speed"


async def test_an_unknown_voice_is_refused(tts: TextToSpeech) -> None:
    if isinstance(tts, RoutedTts):  # by the provider that is asked first; one that stands in has a voice of its own
        tts.pool.remove("broken")
    with pytest.raises(InvalidInput) as caught:
        await _all(tts.synthesize("Hello", voice="nobody"))
    assert caught.value.code == "unknown_voice"


async def test_each_voice_of_the_capabilities_speaks(tts: TextToSpeech) -> None:
    for voice in tts.capabilities.voices:
        assert await _all(tts.synthesize("Hello.", voice=voice))


async def test_closing_the_iterator_stops_and_others_go_on(tts: TextToSpeech) -> None:
    first = tts.synthesize(TEXT)
    await anext(first)
    await first.aclose()  # type: ignore[attr-defined]
    assert "".join(piece.text for piece in await _all(tts.synthesize(TEXT))) == TEXT


async def test_a_cancelled_call_ends_and_harms_no_other(tts: TextToSpeech) -> None:
    cancelled = asyncio.ensure_future(_all(tts.synthesize(TEXT)))
    other = asyncio.ensure_future(_all(tts.synthesize(TEXT)))
    await asyncio.sleep(0)
    cancelled.cancel()
    _, pending = await asyncio.wait({cancelled}, timeout=60)
    assert not pending
    assert "".join(piece.text for piece in await other) == TEXT


async def test_close_is_idempotent_and_later_calls_are_unavailable(tts: TextToSpeech) -> None:
    await tts.close()
    await tts.close()
    with pytest.raises(Unavailable) as caught:
        await _all(tts.synthesize("Hello"))
    assert caught.value.code == "tts_unavailable"
    assert caught.value.retryable


@pytest.mark.parametrize("opened", ["hibari", "scripted"])
async def test_the_same_words_sound_the_same(opened: str) -> None:
    tts: TextToSpeech = open_hibari("hibari:///") if opened == "hibari" else open_scripted("scripted:///")
    once, again = [await _all(tts.synthesize("Hello there, how are you?")) for _ in range(2)]
    assert once == again
    await tts.close()


@pytest.mark.parametrize(
    ("kind", "error", "code"),
    [
        ("refused", Misconfigured, "tts_credentials"),
        ("busy", RateLimited, "tts_rate_limited"),
        ("broken", Unavailable, "tts_unavailable"),
        ("page", Unavailable, "tts_unavailable"),
        ("file", Unavailable, "tts_unavailable"),
        ("nothing", Unavailable, "tts_unavailable"),
        ("moved", Unavailable, "tts_unavailable"),
        ("cut", Unavailable, "tts_unavailable"),
    ],
)
async def test_a_server_that_misbehaves_becomes_an_error_of_ours(
    server: str, kind: str, error: type[Problem], code: str
) -> None:
    tts = open_openai(f"{server}/{kind}?model=m&voice=alloy", api_key="k")
    with pytest.raises(error) as caught:
        await _all(tts.synthesize(TEXT))
    assert caught.value.code == code
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after_s == 7
    await tts.close()


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    tts = open_openai(f"openai+http://127.0.0.1:{free_ports(1)[0]}/v1?model=m&voice=v", api_key="")
    with pytest.raises(Unavailable) as caught:
        await _all(tts.synthesize("Hello"))
    assert caught.value.code == "tts_unavailable"
    await tts.close()


async def test_cancelling_hangs_up_so_that_the_server_stops(app: web.Application, server: str) -> None:
    tts = open_openai(f"{server}/stalled?model=m&voice=alloy", api_key="k")
    pieces = tts.synthesize(TEXT)
    await anext(pieces)
    await pieces.aclose()  # type: ignore[attr-defined]
    await asyncio.wait_for(app[GONE].wait(), 60)
    await tts.close()


async def test_words_are_told_at_the_pace_of_speech(server: str) -> None:
    tts = open_openai(f"{server}/v1?model=m&voice=alloy", api_key="k")
    heard, seconds = "", 0.0
    for piece in await _all(tts.synthesize(TEXT)):
        heard, seconds = heard + piece.text, seconds + piece.seconds
        if len(heard) < len(TEXT):
            assert abs(len(heard) - seconds * 15) < 16
    await tts.close()


@pytest.mark.parametrize(
    "url", ["openai+https://h/v1", "openai+https://h/v1?model=m", "openai+https://h/v1?model=m&voice=v&rate_hz=1"]
)
def test_a_url_without_what_is_needed_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        open_openai(url, api_key="")
    assert caught.value.code == "bad_url"


def test_a_voice_that_is_not_installed_is_not_fetched() -> None:
    with pytest.raises(Misconfigured) as caught:
        open_hibari("hibari:///?voice=nobody")
    assert caught.value.code == "model_missing"


async def test_scripted_pieces_wait_with_the_sleep_that_they_are_given() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    pieces = await _all(ScriptedTts(delay_s=0.1, sleep=sleep).synthesize(TEXT))
    assert slept == [0.1] * len(pieces)
