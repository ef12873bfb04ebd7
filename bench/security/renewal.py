"""Certificates, signing keys, tenant and root keys, an API key and a provider's key made anew while 100 calls a second are answered.

    python -m bench.security.renewal [--rate 100] [--work DIR]

The platform with TLS at its doors and between its services, from `voiceagent tls init`. Half of the calls open a connection of their own, the
others keep theirs; half show an API key, half the token of a signed-in person. Each renewal happens by its
command or route, and that it took effect is looked at from outside. Ends with 1 when a call fails, or a renewal has not taken effect.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import ssl
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from cryptography import x509

from bench.security.disk_scan import _command, key_of
from bench.security.stage import Stage, stage
from voiceagent.apps.custody.authority import make_development_set

PATHS = ("/api/v1/me", "/api/v1/documents", "/api/v1/conversations", "/v1/models")
PERSON = {"email": "owner@example.org", "role": "owner", "password": "quite a long pass phrase of 1907"}
SIGNS_AFTER_S = 100.0
"""A new signing key is shown for 90 s before it signs."""


@dataclass
class Load:
    """What the calls show, and how they went. during: the renewal under way."""

    on: Stage
    trusted: ssl.SSLContext
    key: dict[str, str]
    token: dict[str, str] = field(default_factory=dict)
    during: str = "before"
    took_ms: dict[str, list[float]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)

    async def run(self, rate: int) -> None:
        """Calls at a steady pace, however long each takes, until it is cancelled."""
        begun, number = time.perf_counter(), 0
        kept = aiohttp.TCPConnector(ssl=self.trusted, limit=20)
        fresh = aiohttp.TCPConnector(ssl=self.trusted, force_close=True, limit=100)
        timeout = aiohttp.ClientTimeout(total=30)
        async with (
            aiohttp.ClientSession(self.on.url, connector=kept, timeout=timeout) as keeping,
            aiohttp.ClientSession(self.on.url, connector=fresh, timeout=timeout) as opening,
            asyncio.TaskGroup() as calls,
        ):
            while True:
                await asyncio.sleep(begun + number / rate - time.perf_counter())
                session = (keeping, opening)[number % 2]
                headers = self.key if number % 4 < 2 else self.token
                calls.create_task(self._call(session, PATHS[number // 4 % len(PATHS)], headers))
                number += 1

    async def _call(self, session: aiohttp.ClientSession, path: str, headers: dict[str, str]) -> None:
        begun, during = time.perf_counter(), self.during
        try:
            async with session.get(path, headers=headers) as answer:
                body = await answer.read()
                if answer.status != 200:
                    self.failures[f"{during}: {path} {answer.status} {body[:120]!r}"] += 1
        except (aiohttp.ClientError, TimeoutError) as error:
            self.failures[f"{during}: {path} {type(error).__name__} {error}"[:200]] += 1
        self.took_ms.setdefault(during, []).append((time.perf_counter() - begun) * 1000)

    async def signed_in(self) -> str:
        """Sign in, or anew; returns the id of the key that signed."""
        async with aiohttp.ClientSession(self.on.url, connector=aiohttp.TCPConnector(ssl=self.trusted)) as client:
            body = {name: PERSON[name] for name in ("email", "password")}
            async with client.post("/api/v1/auth/login", json=body) as answer:
                told = await answer.json()
                assert answer.status == 200, told
        self.token = {"Authorization": f"Bearer {told['access_token']}"}
        head = told["access_token"].partition(".")[0]
        return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])

    async def posted(self, method: str, path: str, body: Any, *good: int) -> Any:
        async with (
            aiohttp.ClientSession(self.on.url, connector=aiohttp.TCPConnector(ssl=self.trusted)) as client,
            client.request(method, path, json=body, headers=self.key) as answer,
        ):
            told = await answer.json(content_type=None)
            assert answer.status in good, (path, answer.status, told)
            return told


def serial_at(url: str) -> int:
    """Of the certificate that is shown there now."""
    host, _, port = url.rpartition("/")[2].partition(":")
    return x509.load_pem_x509_certificate(ssl.get_server_certificate((host, int(port))).encode()).serial_number


async def renewed(load: Load, told: dict[str, str], folder: Path) -> list[tuple[str, bool]]:
    """Each renewal, and whether it is in force."""
    done: list[tuple[str, bool]] = []

    async def command(name: str, *words: str) -> None:
        load.during = name
        await asyncio.to_thread(_command, load.on, told, *words)

    first_kid = await load.signed_in()
    await asyncio.sleep(8)
    before = serial_at(load.on.url)
    await command("certificates of doors and services", "tls", "init", "--folder", str(folder / "tls"))
    await asyncio.sleep(3)
    done.append((load.during, serial_at(load.on.url) != before))
    await command("key that signs tokens, drawn", "keys", "rotate-signing")
    signed_from_s = time.monotonic() + SIGNS_AFTER_S
    await command("tenant key", "encryption", "rotate")
    ring = list((folder / "data").rglob("kek_*"))
    done.append((load.during, len(ring) == 1))
    root = (folder / "data" / "root.key").read_bytes()
    await command("root key", "encryption", "rotate-root", "--aside", str(folder / "old-root.key"))
    done.append((load.during, (folder / "data" / "root.key").read_bytes() != root))
    load.during = "API key"
    listed = await load.posted("GET", "/api/v1/keys", None, 200)
    shown = next(one for one in listed["items"] if load.key["Authorization"].startswith(f"Bearer {one['prefix']}"))
    made = await load.posted("POST", f"/api/v1/keys/{shown['key_id']}/rotate", {"overlap_hours": 1}, 201)
    load.key = {"Authorization": f"Bearer {made['secret']}"}
    done.append((load.during, made["key_id"] != shown["key_id"]))
    load.during = "provider's key"
    provider = {"url": "openai+https://models.example.org/v1?model=m", "enabled": False}
    await load.posted("POST", "/api/v1/providers", provider | {"name": "far", "api_key": "one of before"}, 201)
    await load.posted("PUT", "/api/v1/providers/far", provider | {"api_key": "one of now"}, 200)
    done.append((load.during, True))
    load.during = "key that signs tokens, in force"
    await asyncio.sleep(max(0.0, signed_from_s - time.monotonic()))
    old_token = load.token
    kid = await load.signed_in()
    done.append((load.during, kid != first_kid))
    await asyncio.sleep(5)
    load.token, load.during = old_token, "tokens of the key before"
    await asyncio.sleep(5)
    done.append((load.during, True))
    return done


async def measured(on: Stage, told: dict[str, str], folder: Path, rate: int) -> bool:
    load = Load(on, ssl.create_default_context(cafile=str(folder / "tls" / "ca.pem")), key_of(on, told))
    await load.posted("POST", "/api/v1/users", PERSON, 201)
    await load.signed_in()
    running = asyncio.create_task(load.run(rate))
    try:
        done = await renewed(load, told, folder)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    for name, took in load.took_ms.items():
        p95 = statistics.quantiles(took, n=20)[-1] if len(took) > 1 else took[0]
        print(f"    {name:36} {len(took):>6} calls, p50 {statistics.median(took):7.1f} ms, p95 {p95:7.1f} ms")
    count = sum(map(len, load.took_ms.values()))
    print(
        f"{count} calls at {rate} a second, {sum(load.failures.values())} failed; in force: {sum(ok for _, ok in done)} of {len(done)}"
    )
    for line, times in load.failures.most_common(10):
        print(f"    {times} times {line}")
    for name, ok in done:
        if not ok:
            print(f"    not in force: {name}")
    return not load.failures and all(ok for _, ok in done)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rate", type=int, default=100)
    options.add_argument("--work", type=Path)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.work, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        made = make_development_set(folder / "tls").settings
        told = {key.upper().replace(".", "__"): value for key, value in made.items()}
        with stage(folder, told, trusted=folder / "tls" / "ca.pem") as on:
            good = asyncio.run(measured(on, told, folder, chosen.rate))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
