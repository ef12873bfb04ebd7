"""`voiceagent talk`: a conversation by microphone and loudspeaker. The audio library is an extra; everything else works without it."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import threading
from contextlib import ExitStack
from typing import Any

import aiohttp
import typer

from voiceagent.apps.commands.options import (
    CaOption,
    ConfigOption,
    DataDirOption,
    KeyOption,
    SetOption,
    UrlOption,
    api_key,
    gateway_tls,
    gateway_url,
    loaded,
)
from voiceagent.apps.commands.outcome import out, plain, run
from voiceagent.apps.commands.realtime import FRAME_BYTES, connected
from voiceagent.domain.audio import SAMPLE_BYTES, WIRE_RATE_HZ
from voiceagent.kit.errors import Misconfigured, Unavailable

try:
    import sounddevice
except (ImportError, OSError):  # OSError: the package is there, PortAudio is not
    sounddevice = None

__all__ = ["register", "sounddevice", "talk"]
FRAME_SAMPLES = FRAME_BYTES // SAMPLE_BYTES
_WAITING_FRAMES = 250  # 5 s of microphone that the network may be behind


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: `voiceagent talk` (wear a headset: without one the agent may hear itself)")(talk)


def talk(
    url: UrlOption = None,
    key: KeyOption = None,
    ca: CaOption = None,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Talk with the running platform through microphone and loudspeaker. Ctrl-C ends the conversation."""
    if sounddevice is None:
        raise Misconfigured(
            "talk_not_installed",
            "talking needs the audio library: pip install 'voiceagent[talk]', and on Debian apt install libportaudio2",
        )
    settings = loaded(config, sets, data_dir).settings
    run(_conversation(gateway_url(settings, url), api_key(settings, key), gateway_tls(settings, ca)))


class Speaker:
    """What still has to be played. Filled by the event loop, emptied by the sound card's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = bytearray()
        self._item_id = ""
        self._played_bytes = 0

    def play(self, item_id: str, pcm: bytes) -> None:
        with self._lock:
            if item_id != self._item_id:
                self._item_id, self._played_bytes = item_id, 0
            self._waiting += pcm

    def hush(self) -> None:
        """The caller speaks: nothing of what waits is played."""
        with self._lock:
            self._waiting.clear()

    def take(self, size_bytes: int) -> bytes:
        with self._lock:
            taken = bytes(self._waiting[:size_bytes])
            del self._waiting[:size_bytes]
            self._played_bytes += len(taken)
        return taken.ljust(size_bytes, b"\0")

    def position(self) -> tuple[str, int]:
        """The answer that is being played, and how many milliseconds of it were."""
        with self._lock:
            return self._item_id, self._played_bytes * 1000 // (WIRE_RATE_HZ * SAMPLE_BYTES)


async def _conversation(url: str, key: str, tls: ssl.SSLContext | None = None) -> None:
    speaker = Speaker()
    heard: asyncio.Queue[bytes] = asyncio.Queue(_WAITING_FRAMES)
    loop = asyncio.get_running_loop()

    def exchange(recorded: Any, played: Any, _frames: int, _time: Any, _status: Any) -> None:
        loop.call_soon_threadsafe(_offer, heard, bytes(recorded))
        played[:] = speaker.take(len(played))

    line = connected(url, key, tls)
    with ExitStack() as sound:
        async with line as socket:
            out.print("speak; Ctrl-C ends", style="dim")
            sound.enter_context(_sound_card(exchange))
            over = await _talked(socket, heard, speaker)
        while not over:
            speaker.hush()
            out.print("the connection broke; going on", style="dim")
            async with line as socket:
                over = await _talked(socket, heard, speaker)


async def _talked(socket: aiohttp.ClientWebSocketResponse, heard: asyncio.Queue[bytes], speaker: Speaker) -> bool:
    """Talk until the socket ends. Returns whether the conversation is over; otherwise it broke off, as when a process died."""
    tasks = [asyncio.create_task(part) for part in (_send(socket, heard, speaker), _receive(socket, speaker))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return socket.close_code == aiohttp.WSCloseCode.OK


def _sound_card(exchange: Any) -> Any:
    try:
        return sounddevice.RawStream(
            samplerate=WIRE_RATE_HZ, blocksize=FRAME_SAMPLES, channels=1, dtype="int16", callback=exchange
        )
    except sounddevice.PortAudioError as error:
        raise Unavailable("no_audio_device", f"no microphone or loudspeaker can be opened ({error})") from error


def _offer(heard: asyncio.Queue[bytes], frame: bytes) -> None:
    if not heard.full():  # a network 5 s behind loses sound rather than memory
        heard.put_nowait(frame)


async def _send(socket: aiohttp.ClientWebSocketResponse, heard: asyncio.Queue[bytes], speaker: Speaker) -> None:
    told_ms = 0
    while True:
        frame = await heard.get()
        await socket.send_json({"type": "input_audio_buffer.append", "audio": base64.b64encode(frame).decode()})
        item_id, played_ms = speaker.position()
        if item_id and abs(played_ms - told_ms) >= 100:
            told_ms = played_ms
            await socket.send_json({"type": "voiceagent.playback", "item_id": item_id, "played_ms": played_ms})


async def _receive(socket: aiohttp.ClientWebSocketResponse, speaker: Speaker) -> None:
    async for message in socket:
        if message.type == aiohttp.WSMsgType.TEXT:
            _on_event(json.loads(message.data), speaker)


def _on_event(event: dict[str, Any], speaker: Speaker) -> None:
    match event.get("type"):
        case "input_audio_buffer.speech_started":
            speaker.hush()
        case "conversation.item.input_audio_transcription.completed":
            out.print(f"[bold]you[/]    {plain(str(event.get('transcript', '')))}")
        case "response.output_audio.delta":
            speaker.play(str(event.get("item_id", "")), base64.b64decode(str(event.get("delta", ""))))
        case "response.output_audio_transcript.done":
            out.print(f"[bold]agent[/]  {plain(str(event.get('transcript', '')))}")
        case "error":
            out.print(plain(str((event.get("error") or {}).get("message", ""))), style="red")
