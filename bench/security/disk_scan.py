"""What lies on the disk in the clear: canaries through every door of a running platform, then every byte of all that it wrote.

    python -m bench.security.disk_scan [--documents 40] [--calls 10] [--chats 40] [--work DIR] [--only sealed|open]

Starts the platform (`voiceagent up`, scripted models), sends canaries in speech, in words, in documents and their names, in e-mail addresses,
keys and passwords, rotates the organisation's key, ends the platform by SIGKILL and, begun again, by SIGTERM, and looks through the data
folder, the log and the folder for temporary files each time: as they are, without regard to case, as UTF-16, and deflated streams opened.
Then the same without encryption: a kind of canary that is found nowhere then proves nothing, and is named.
Ends with 1 when a sealed canary is found, or the control finds none.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

from bench.security.stage import Stage, stage
from voiceagent.domain.identity import SCOPES
from voiceagent.kit.crypto_frames import MAGIC

WORD = re.compile(rb"canary[0-9a-f]{12}")
_STREAM = re.compile(rb"\x78[\x01\x5e\x9c\xda]")


@dataclass
class Canaries:
    """Words that stand nowhere else, and of which kind each is."""

    kinds: dict[bytes, str] = field(default_factory=dict)

    def word(self, kind: str) -> str:
        made = f"canary{secrets.token_hex(6)}"
        self.kinds[made.encode()] = kind
        return made

    def keep(self, kind: str, secret: str) -> str:
        """Look for `secret` too, which somebody else made."""
        self.kinds[secret.encode()] = kind
        return secret

    def found(self, *folders: Path) -> Counter[tuple[str, str]]:
        """In how many files of which place a canary of each kind stands."""
        count: Counter[tuple[str, str]] = Counter()
        others = [word for word in self.kinds if not WORD.fullmatch(word)]
        for folder in folders:
            for path in sorted(one for one in folder.rglob("*") if one.is_file()):
                with contextlib.suppress(FileNotFoundError):
                    seen = _seen(path.read_bytes() + str(path.relative_to(folder)).encode(), others)
                    place = f"{folder.name}/{path.relative_to(folder).parts[0]}"
                    count.update((self.kinds[word], place) for word in seen if word in self.kinds)
        return count


def _seen(data: bytes, others: list[bytes]) -> set[bytes]:
    found = {word for word in others if word in data}
    lower = data.lower()
    found |= set(WORD.findall(lower)) | set(WORD.findall(lower.replace(b"\0", b"")))
    for start in _STREAM.finditer(data):
        with contextlib.suppress(zlib.error):
            found |= set(WORD.findall(zlib.decompressobj().decompress(data[start.start() :], 1 << 20).lower()))
    return found


class Load:
    """Somebody who uses everything once."""

    def __init__(self, on: Stage, client: aiohttp.ClientSession, canaries: Canaries) -> None:
        self._on = on
        self._client = client
        self._canaries = canaries

    async def _post(self, path: str, body: Any, *statuses: int) -> Any:
        async with self._client.post(path, json=body) as answer:
            text = await answer.text()
            assert answer.status in (statuses or (200, 201)), f"{path}: {answer.status} {text[:300]}"
            return json.loads(text) if text.startswith(("{", "[")) else text

    async def people(self) -> None:
        """E-mail addresses, passwords, keys."""
        for _ in range(10):
            email, password = f"{self._canaries.word('e-mail')}@example.org", self._canaries.word("password") + "-Lx7"
            await self._post("/api/v1/users", {"email": email, "role": "viewer", "password": password})
            made = await self._post("/api/v1/keys", {"name": "scan", "scopes": ["talk"]})
            self._canaries.keep("API key", made["secret"])

    async def provider(self) -> None:
        """The key of a model server elsewhere."""
        key = self._canaries.word("provider's key")
        body = {
            "name": f"p{secrets.token_hex(3)}",
            "url": "openai+https://models.example.org/v1?model=m",
            "api_key": key,
        }
        await self._post("/api/v1/providers", body | {"enabled": False})

    async def document(self, number: int) -> str:
        text = " ".join(f"Chapter {at} speaks of {self._canaries.word('document')} at length." for at in range(20))
        form = aiohttp.FormData()
        name = f"{self._canaries.word('file name')}.txt"
        form.add_field("file", f"Title {self._canaries.word('title')}\n\n{text}".encode(), filename=name)
        async with self._client.post("/api/v1/documents", data=form) as answer:
            body = await answer.json()
            assert answer.status == 202, body
        return str(body.get("document", body)["document_id"])

    async def read(self, ids: list[str]) -> None:
        async with asyncio.timeout(300):
            for one in ids:
                while True:
                    async with self._client.get(f"/api/v1/documents/{one}") as answer:
                        body = await answer.json()
                    state = body.get("document", body).get("state", body.get("status"))
                    if state in ("ready", "failed"):
                        assert state == "ready", body
                        break
                    await asyncio.sleep(0.5)

    async def typed(self) -> None:
        word = self._canaries.word("typed")
        await self._post("/v1/chat/completions", {"model": "chat", "messages": [{"role": "user", "content": word}]})
        await self._post("/api/v1/search", {"query": self._canaries.word("searched")})
        await self._post("/api/v1/ask", {"question": f"What is known of {self._canaries.word('asked')}?"})
        await self.talk(None)

    async def talk(self, sound: bytes | None) -> None:
        """A conversation over the realtime socket, in words or in sound."""
        async with self._client.ws_connect("/v1/realtime?model=m") as socket:
            if sound is None:
                content = [{"type": "input_text", "text": self._canaries.word("talked in words")}]
                item = {"type": "message", "role": "user", "content": content}
                await socket.send_json({"type": "conversation.item.create", "item": item})
                await socket.send_json({"type": "response.create", "response": {"output_modalities": ["text"]}})
            else:
                for at in range(0, len(sound), 4800):
                    piece = base64.b64encode(sound[at : at + 4800]).decode()
                    await socket.send_json({"type": "input_audio_buffer.append", "audio": piece})
                    await asyncio.sleep(0.09)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(120):
                    async for message in socket:
                        if '"response.done"' in str(message.data):
                            break


def speech(words: int) -> bytes:
    """Two seconds of what a loudness detector takes for speech, then silence: PCM16 at 24 kHz. The words of it are the recogniser's."""
    noise = np.random.default_rng(words).normal(size=48_000)
    loud = (noise / np.abs(noise).max() * 20_000).astype("<i2")
    return bytes(loud.tobytes() + bytes(2 * 36_000))


async def loaded(on: Stage, canaries: Canaries, options: argparse.Namespace, headers: Mapping[str, str]) -> None:
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(on.url, timeout=timeout, headers=headers) as client:
        load = Load(on, client, canaries)
        await load.people()
        await load.provider()
        ids = [await load.document(number) for number in range(options.documents)]
        for _ in range(options.chats):
            await load.typed()
        await asyncio.gather(*(load.talk(speech(number)) for number in range(options.calls)))
        await load.read(ids)
        await load.document(0)  # one that is being read when the platform ends


def key_of(on: Stage, told: Mapping[str, str]) -> dict[str, str]:
    """A key with every right."""
    made = _command(on, told, "keys", "create", "scan", "--scopes", ",".join(SCOPES))
    return {"Authorization": f"Bearer {made.strip().splitlines()[-1]}"}


def settings(folder: Path, canaries: Canaries, *, sealed: bool) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    lines = folder / "lines.json"
    if not lines.exists():
        lines.write_text(json.dumps([f"please note {canaries.word('said')} for me" for _ in range(40)]))
    (folder / "temporary").mkdir(exist_ok=True)
    told = {
        "STT__URL": f"scripted://{lines}?words_per_s=0",
        "RECORDINGS__DIR": str(folder / "data" / "recordings"),
    }
    return told if sealed else told | {"KEYS__URL": ""}


def run(folder: Path, options: argparse.Namespace, *, sealed: bool) -> Counter[tuple[str, str]]:
    """Everything that is found, by kind and place."""
    canaries, found = Canaries(), Counter[tuple[str, str]]()
    told = settings(folder, canaries, sealed=sealed)
    places = (folder / "data", folder / "temporary")
    log = Path("log")
    with stage(folder, told, {"TMPDIR": str(folder / "temporary")}) as on:
        headers = key_of(on, told)
        asyncio.run(loaded(on, canaries, options, headers))
        if sealed:
            _command(on, told, "encryption", "rotate")
        asyncio.run(loaded(on, canaries, options, headers))
        live = canaries.found(*places)
        on.kill()
    found |= live | canaries.found(*places)
    (folder / "temporary" / "log.killed").write_bytes((folder / log).read_bytes())
    with stage(folder, told, {"TMPDIR": str(folder / "temporary")}) as on:
        asyncio.run(loaded(on, canaries, options, headers))
    (folder / "temporary" / "log.ended").write_bytes((folder / log).read_bytes())
    found |= canaries.found(*places)
    if sealed:
        found.update(
            ("recording without a seal", str(path.name)) for path in recordings(folder) if not _is_sealed(path)
        )
    print(f"{'sealed' if sealed else 'open'}: {len(canaries.kinds)} canaries: {dict(Counter(canaries.kinds.values()))}")
    print(f"    {len(recordings(folder))} files of recordings")
    size = sum(one.stat().st_size for place in places for one in place.rglob("*") if one.is_file())
    print(f"    {size / 1e6:.0f} MB in {sum(1 for place in places for one in place.rglob('*') if one.is_file())} files")
    for (kind, place), count in sorted(found.items()):
        print(f"    {kind:16} {place:40} {count}")
    missing = sorted(set(canaries.kinds.values()) - {kind for kind, _ in found})
    if not sealed:
        print(f"    kinds that not even the control finds: {', '.join(missing) or 'none'}")
    return found


def recordings(folder: Path) -> list[Path]:
    """Files with what was said and heard; whose call it was and when stands in `about.json`, in the clear."""
    files = [path for path in (folder / "data" / "recordings").rglob("*") if path.is_file() and path.stat().st_size]
    return [path for path in files if path.name != "about.json"]


def _is_sealed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _command(on: Stage, told: Mapping[str, str], *words: str) -> str:
    environment = os.environ | {f"VOICEAGENT_{name}": value for name, value in told.items()}
    environment["VOICEAGENT_DATA__DIR"] = str(on.data_dir)
    done = subprocess.run(
        [sys.executable, "-m", "voiceagent.apps.cli", *words], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-1000:]
    return done.stdout


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--documents", type=int, default=20)
    options.add_argument("--chats", type=int, default=40)
    options.add_argument("--calls", type=int, default=6)
    options.add_argument("--only", choices=["sealed", "open"])
    chosen = options.parse_args()
    result = {}
    for name in ("sealed", "open"):
        if chosen.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                result[name] = run(Path(folder), chosen, sealed=name == "sealed")
    failed = bool(result.get("sealed")) or ("open" in result and not result["open"])
    print("failed" if failed else "nothing was found that was sealed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
