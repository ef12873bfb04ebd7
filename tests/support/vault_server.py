"""Vault for tests: a real OpenBao, which speaks its API, and a small server that answers as its transit engine does and can be made to fail."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from tests.support.ports import free_ports
from tests.support.servers import answers_http, binary, running

from voiceagent.kit.crypto_envelope import decrypted, encrypted
from voiceagent.kit.errors import Problem

TOKEN = "root-token-of-tests"


@contextmanager
def bao_server(folder: Path, certificate: Path) -> Iterator[str]:
    """A real server with the key `transit/voiceagent`, over TLS; the address without its scheme."""
    port, cluster = free_ports(2)
    (folder / "bao.hcl").write_text(
        f'disable_mlock = true\nstorage "inmem" {{}}\nlistener "tcp" {{\n  address = "127.0.0.1:{port}"\n'
        f'  cluster_address = "127.0.0.1:{cluster}"\n'
        f'  tls_cert_file = "{certificate}"\n  tls_key_file = "{certificate.with_suffix(".key")}"\n}}\n'
    )
    with plain_bao(folder, f"-config={folder / 'bao.hcl'}") as plainly:
        told_bao(plainly, "sys/mounts/transit", {"type": "transit"})
        told_bao(plainly, "transit/keys/voiceagent", {"type": "aes256-gcm96"})
        yield f"127.0.0.1:{port}"


@contextmanager
def plain_bao(folder: Path, *options: str) -> Iterator[str]:
    """A real server that holds nothing yet: its address, of plain HTTP."""
    program = binary("bao")
    port = free_ports(1)[0]
    command = [program, "server", "-dev", f"-dev-root-token-id={TOKEN}", f"-dev-listen-address=127.0.0.1:{port}"]
    plainly = f"http://127.0.0.1:{port}"
    with running(
        [*command, *options, "-log-level=error"],
        lambda: answers_http(f"{plainly}/v1/sys/health"),
        log=folder / "bao.log",
        env={"HOME": str(folder), "GOMAXPROCS": "1"},
    ):
        yield plainly


def told_bao(address: str, path: str, body: dict[str, Any] | None, token: str = TOKEN) -> Any:
    """What the server answers to a write of `body`, or to a read where that is None."""
    headers = {"X-Vault-Token": token, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(f"{address}/v1/{path}", data, headers)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        raw = answer.read()
    return json.loads(raw) if raw else None


@dataclass
class FakeVault:
    """What the small server holds. fails: statuses with which the next calls are answered.  token: the only good one."""

    token: str = TOKEN
    latest: int = 1
    least: int = 1
    ttl_s: int = 3_600
    renewed: int = 0
    fails: list[int] = field(default_factory=list)
    versions: dict[int, bytes] = field(default_factory=lambda: {1: os.urandom(32)})
    address: str = ""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/v1/{path:.+}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        if self.fails:
            return _errors(self.fails.pop(0))
        if request.headers.get("X-Vault-Token") != self.token:
            return _errors(403, "permission denied")
        body = await request.json() if request.can_read_body else {}
        path = request.match_info["path"]
        try:
            match request.method, path.split("/"):
                case "POST", ["transit", "encrypt", "voiceagent"]:
                    return _data(ciphertext=self._sealed(base64.b64decode(body["plaintext"])), key_version=self.latest)
                case "POST", ["transit", "decrypt", "voiceagent"]:
                    return _data(plaintext=base64.b64encode(self._opened(body["ciphertext"])).decode())
                case "POST", ["transit", "rewrap", "voiceagent"]:
                    return _data(ciphertext=self._sealed(self._opened(body["ciphertext"])))
                case "POST", ["transit", "hmac", "voiceagent", "sha2-256"]:
                    digest = hashlib.sha256(self.versions[body["key_version"]] + body["input"].encode()).digest()
                    return _data(hmac=f"vault:v{body['key_version']}:{base64.b64encode(digest).decode()}")
                case "GET", ["transit", "keys", "voiceagent"]:
                    return _data(name="voiceagent", latest_version=self.latest, min_decryption_version=self.least)
                case "POST", ["transit", "keys", "voiceagent", "rotate"]:
                    self.latest += 1
                    self.versions[self.latest] = os.urandom(32)
                    return _data(latest_version=self.latest)
                case "POST", ["transit", "keys", "voiceagent", "config"]:
                    self.least = body["min_decryption_version"]
                    return _data(min_decryption_version=self.least)
                case "GET", ["auth", "token", "lookup-self"]:
                    return _data(ttl=self.ttl_s, renewable=True)
                case "POST", ["auth", "token", "renew-self"]:
                    self.renewed += 1
                    return web.json_response({"auth": {"lease_duration": self.ttl_s, "renewable": True}})
        except (Problem, KeyError, ValueError):
            return _errors(400, "cipher: message authentication failed")
        return _errors(404)

    def _sealed(self, plain: bytes) -> str:
        return f"vault:v{self.latest}:{base64.b64encode(encrypted(self.versions[self.latest], plain, b'')).decode()}"

    def _opened(self, ciphertext: str) -> bytes:
        _, version, sealed = ciphertext.split(":")
        number = int(version[1:])
        if number < self.least:
            raise ValueError("ciphertext or signature version is disallowed by policy (too old)")
        return decrypted(self.versions[number], base64.b64decode(sealed), b"")


@asynccontextmanager
async def fake_vault() -> AsyncIterator[FakeVault]:
    """The small server over plain HTTP on this machine."""
    vault = FakeVault()
    runner = web.AppRunner(vault.app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    vault.address = "{}:{}".format(*runner.addresses[0][:2])
    try:
        yield vault
    finally:
        await runner.cleanup()


def _data(**data: Any) -> web.Response:
    return web.json_response({"request_id": "r", "lease_id": "", "renewable": False, "data": data})


def _errors(status: int, *told: str) -> web.Response:
    return web.json_response({"errors": list(told)}, status=status)
