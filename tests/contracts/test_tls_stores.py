"""PostgreSQL, Redis and S3 over TLS on real servers: answered when the certificate is good, refused when its authority or name is another's."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.ports import free_ports
from tests.support.servers import BUCKET, S3_SECRET, S3_USER, answers, answers_http, binary, postgresql_server, running

from voiceagent.adapters.cache.redis import open_cache
from voiceagent.adapters.store.sql import open_store
from voiceagent.apps.custody.authority import Authority, Order
from voiceagent.kit.errors import Misconfigured, Unavailable


@pytest.fixture(scope="module")
def papers() -> Iterator[Path]:
    """ca.pem and other-ca.pem; server.pem for localhost and 127.0.0.1, elsewhere.pem for another name; readable for servers of other users."""
    with tempfile.TemporaryDirectory(prefix="va-papers-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        ours = Authority.kept(folder / "ca.pem", "ca")
        Authority.kept(folder / "other-ca.pem", "other")
        ours.issue(folder / "server.pem", Order(("localhost", "127.0.0.1")))
        ours.issue(folder / "elsewhere.pem", Order(("elsewhere.test",)))
        yield folder


def _own_key(folder: Path, name: str) -> str:
    """PostgreSQL reads no key that belongs to somebody else."""
    key = folder / f"postgres-{name}.key"
    key.write_bytes((folder / f"{name}.key").read_bytes())
    key.chmod(0o600)
    if os.geteuid() == 0:
        subprocess.run(["chown", "postgres", str(key)], check=True)
    return str(key)


@pytest.mark.parametrize(
    ("certificate", "words", "good"),
    [
        ("server", "sslmode=verify-full&sslrootcert={folder}/ca.pem", True),
        ("server", "sslmode=verify-full&sslrootcert={folder}/other-ca.pem", False),
        ("server", "sslmode=verify-full", False),
        ("elsewhere", "sslmode=verify-full&sslrootcert={folder}/ca.pem", False),
        ("elsewhere", "sslmode=verify-ca&sslrootcert={folder}/ca.pem", True),
        ("", "sslmode=verify-full&sslrootcert={folder}/ca.pem", False),
    ],
    ids=["good", "wrong authority", "unknown authority", "wrong name", "name not asked", "plaintext"],
)
async def test_postgresql(papers: Path, certificate: str, words: str, good: bool) -> None:
    options = []
    if certificate:
        key = _own_key(papers, certificate)
        options = ["ssl=on", f"ssl_cert_file={papers}/{certificate}.pem", f"ssl_key_file={key}"]
    with postgresql_server(*options) as url:
        store = open_store(f"{url}?{words.format(folder=papers)}")
        try:
            if good:
                await store.migrate()
                assert await store.ready()
            else:
                with pytest.raises(Unavailable):
                    await store.migrate()
        finally:
            await store.close()


def test_postgresql_names_certificates_that_cannot_be_read() -> None:
    with pytest.raises(Misconfigured) as raised:
        open_store("postgresql://localhost/db?sslmode=verify-full&sslrootcert=/nonexistent")
    assert raised.value.code == "store_url"


@pytest.fixture(scope="module")
def redis_tls(papers: Path) -> Iterator[dict[str, int]]:
    """The ports of a Redis with a good certificate and of one with another's, both without a plaintext port."""
    with tempfile.TemporaryDirectory(prefix="va-redis-tls-") as folder:
        good, elsewhere = free_ports(2)
        with _redis(papers, "server", good, folder), _redis(papers, "elsewhere", elsewhere, folder):
            yield {"server": good, "elsewhere": elsewhere}


def _redis(papers: Path, certificate: str, port: int, folder: str):  # type: ignore[no-untyped-def]
    tls = ["--tls-port", str(port), "--port", "0", "--tls-auth-clients", "no", "--tls-ca-cert-file", f"{papers}/ca.pem"]
    files = ["--tls-cert-file", f"{papers}/{certificate}.pem", "--tls-key-file", f"{papers}/{certificate}.key"]
    command = [binary("redis-server"), "--bind", "127.0.0.1", "--save", "", "--dir", folder, *tls, *files]
    return running(command, lambda: answers(port), log=Path(folder) / f"{certificate}.log")


@pytest.mark.parametrize(
    ("scheme", "certificate", "authority", "good"),
    [
        ("rediss", "server", "ca", True),
        ("rediss", "server", "other-ca", False),
        ("rediss", "server", "", False),
        ("rediss", "elsewhere", "ca", False),
        ("redis", "server", "", False),
    ],
    ids=["good", "wrong authority", "unknown authority", "wrong name", "plaintext"],
)
async def test_redis(
    papers: Path, redis_tls: dict[str, int], scheme: str, certificate: str, authority: str, good: bool
) -> None:
    words = f"?ssl_ca_certs={papers}/{authority}.pem" if authority else ""
    cache = open_cache(f"{scheme}://127.0.0.1:{redis_tls[certificate]}/0{words}", deadline_s=60.0)
    try:
        if good:
            await cache.put("key", b"value", ttl_s=600)
            assert await cache.get("key") == b"value"
        else:
            with pytest.raises(Unavailable):
                await cache.get("key")
    finally:
        await cache.close()


@pytest.mark.parametrize(("authority", "good"), [("ca", True), ("other-ca", False)], ids=["good", "wrong authority"])
def test_s3_by_the_authorities_of_the_process(papers: Path, tmp_path: Path, authority: str, good: bool) -> None:
    program = binary("minio")
    port, console = free_ports(2)
    certificates = tmp_path / "certs"
    certificates.mkdir()
    (certificates / "public.crt").write_bytes((papers / "server.pem").read_bytes())
    (certificates / "private.key").write_bytes((papers / "server.key").read_bytes())
    (tmp_path / "data" / BUCKET).mkdir(parents=True)
    command = [program, "server", "--quiet", "--certs-dir", str(certificates), "--address", f"127.0.0.1:{port}"]
    command += ["--console-address", f"127.0.0.1:{console}", f"{tmp_path}/data"]
    env = {"MINIO_ROOT_USER": S3_USER, "MINIO_ROOT_PASSWORD": S3_SECRET, "HOME": str(tmp_path)}
    script = (
        "import asyncio, sys\n"
        "from voiceagent.adapters.blobs.s3 import open_blobs\n"
        "async def main():\n"
        "    blobs = open_blobs(sys.argv[1])\n"
        "    await blobs.put('ten_a/area/x', b'value')\n"
        "    assert b''.join([p async for p in blobs.get('ten_a/area/x')]) == b'value'\n"
        "    await blobs.close()\n"
        "asyncio.run(main())\n"
    )
    url = f"s3://{BUCKET}?endpoint=https://127.0.0.1:{port}&region=us-east-1"
    keys = {"AWS_ACCESS_KEY_ID": S3_USER, "AWS_SECRET_ACCESS_KEY": S3_SECRET}
    health = f"https://127.0.0.1:{port}/minio/health/ready"
    with running(command, lambda: answers_http(health), log=tmp_path / "log", env=env):
        told = subprocess.run(
            [sys.executable, "-c", script, url],
            env=os.environ | keys | {"SSL_CERT_FILE": str(papers / f"{authority}.pem")},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert (told.returncode == 0) is good, told.stderr[-2000:]
    if not good:
        assert "Unavailable" in told.stderr or "blobs_unavailable" in told.stderr
