"""`voiceagent ask`: a recorded question through the running platform, and what came of it."""

from __future__ import annotations

import ssl
import wave
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from voiceagent.apps.commands.options import (
    CaOption,
    ConfigOption,
    DataDirOption,
    JsonOption,
    KeyOption,
    SetOption,
    UrlOption,
    api_key,
    gateway_tls,
    gateway_url,
    loaded,
)
from voiceagent.apps.commands.outcome import out, plain, print_json, run
from voiceagent.apps.commands.realtime import Asked
from voiceagent.apps.commands.realtime import ask as ask_gateway
from voiceagent.domain.audio import SPEECH_RATE_HZ, WIRE_PCM
from voiceagent.kit.errors import InvalidInput, StorageFull
from voiceagent.voice.codec import Encoder
from voiceagent.voice.files import decode

LONGEST_S = 120.0
STAGES = {
    "soft_end": "silence noticed",
    "transcript": "words known",
    "committed": "turn declared over",
    "retrieval": "documents searched",
    "first_token": "first token",
    "first_clause": "first clause",
    "first_audio": "first sound sent",
}


def register(app: typer.Typer) -> None:
    app.command(
        epilog="Examples: `voiceagent ask question.flac`, `voiceagent ask question.mp3 -o reply.wav`, `voiceagent ask question.wav --json`"
    )(ask)


def ask(
    audio: Annotated[Path, typer.Argument(help="A recording: WAV, FLAC, OGG or MP3, any rate, at most 2 minutes.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the reply to this WAV file.", show_default=False)
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    ca: CaOption = None,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Speak a recording to the running platform in real time; print what was heard and answered, and how long each stage took."""
    settings = loaded(config, sets, data_dir).settings
    asked = spoken(audio, gateway_url(settings, url), api_key(settings, key), gateway_tls(settings, ca))
    if output is not None:
        write_wav(output, asked)
    show(asked, output, as_json=as_json)


def spoken(audio: Path, url: str, key: str, tls: ssl.SSLContext | None = None) -> Asked:
    """Ask the recording at the gateway. Raises InvalidInput for a file that cannot be read, and what realtime.ask raises."""

    async def conversation() -> Asked:
        return await ask_gateway(url, key, await _wire_pcm(audio), tls=tls)

    return run(conversation())


async def _wire_pcm(audio: Path) -> bytes:
    if not audio.is_file():  # noqa: ASYNC240 - one look at the disk before anything runs
        raise InvalidInput("no_such_file", f"there is no file {audio}", param="audio")
    return Encoder(SPEECH_RATE_HZ, WIRE_PCM).push(await decode(audio, max_s=LONGEST_S))


def show(asked: Asked, output: Path | None, *, as_json: bool) -> None:
    """Print one question and its answer."""
    if as_json:
        print_json({
            "heard": asked.heard, "answered": asked.answered, "status": asked.status,
            "latency_ms": asked.latency_ms, "timings_ms": asked.timings_ms, "reply": str(output) if output else None,
        })  # fmt: skip
        return
    out.print(f"[bold]heard[/]     {plain(asked.heard)}")
    out.print(f"[bold]answered[/]  {plain(asked.answered)}")
    table = Table("after the last voiced sample", "ms", box=None, pad_edge=False)
    for name, title in STAGES.items():
        value = next((asked.timings_ms[key] for key in (name, f"{name}_ms") if key in asked.timings_ms), None)
        if value is not None:
            table.add_row(title, f"{value:.0f}")
    if asked.latency_ms is not None:
        table.add_row("first sound heard by this client", f"{asked.latency_ms:.0f}")
    out.print(table)
    if output is not None:
        out.print(f"reply written to {output}")


def write_wav(output: Path, asked: Asked) -> None:
    """Write the sound of the answer. Raises StorageFull `reply_not_written`."""
    try:
        with output.open("wb") as opened, wave.open(opened, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(asked.rate_hz)
            file.writeframes(bytes(asked.audio))
    except OSError as error:
        raise StorageFull("reply_not_written", f"cannot write {output}: {error.strerror}") from error
