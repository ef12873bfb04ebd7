"""A microphone of the browser that speaks when the test says so: what is said never comes too early or too late for a slow machine."""

from __future__ import annotations

import base64
import json
import wave
from pathlib import Path

from tests.support.chromium import Page

_TAKE = """(async (sound) => {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  const bytes = Uint8Array.from(atob(sound), (letter) => letter.charCodeAt(0));
  navigator.mediaDevices.getUserMedia = async (wishes) => {
    const context = new AudioContext();
    const mixed = context.createMediaStreamDestination();
    context.createMediaStreamSource(await open(wishes)).connect(mixed);
    const said = await context.decodeAudioData(bytes.slice().buffer);
    window.speak = () => {
      const mouth = new AudioBufferSourceNode(context, { buffer: said });
      mouth.connect(mixed);
      mouth.start();
    };
    return mixed.stream;
  };
})"""


def silence(path: Path) -> Path:
    """What the device itself hears."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(bytes(32_000))
    return path


async def take(page: Page, sound: Path) -> None:
    """From the next time that the page opens the microphone, `speak` puts this sound file into it, over what the device hears."""
    await page.run(f"{_TAKE}({json.dumps(base64.b64encode(sound.read_bytes()).decode())})")


async def speak(page: Page) -> None:
    """Say all of it once, from now on."""
    await page.run("window.speak()")
