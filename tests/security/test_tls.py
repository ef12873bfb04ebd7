"""Encryption on the way: who is refused at the doors and between services, in both directions, and that new certificates are taken up while serving."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from voiceagent.adapters.services.engine_http import open_engine
from voiceagent.apps.custody.authority import INTERNAL_NAME, Authority, Order, make_development_set
from voiceagent.domain.identity import Principal
from voiceagent.kit import tls
from voiceagent.kit.errors import Misconfigured, Unavailable
from voiceagent.kit.tls import TlsFiles, client_context, server_context
from voiceagent.web.app import create_app
from voiceagent.web.serve import Listener, Servers

LONG_AGO = datetime.now(UTC) - timedelta(days=10)
HERE = ("localhost", "127.0.0.1", INTERNAL_NAME)


async def nobody(_conn: HTTPConnection) -> Principal | None:
    return None


@dataclass(frozen=True)
class Papers:
    """Certificates of two authorities, one of them trusted, in a folder. `of(name)` makes the files of one."""

    folder: Path
    ours: Authority
    theirs: Authority

    def of(self, name: str, *, ca: str = "ca.pem", crl: str = "") -> TlsFiles:
        certificate, key = (str(self.folder / f"{name}{end}") for end in (".pem", ".key"))
        return TlsFiles(certificate, key, str(self.folder / ca) if ca else "", crl)


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder = tmp_path_factory.mktemp("papers")
    ours, theirs = (Authority.kept(folder / f"{name}.pem", name) for name in ("ca", "other-ca"))
    ours.issue(folder / "good.pem", Order(HERE))
    ours.issue(folder / "expired.pem", Order(HERE, days=1, starts=LONG_AGO))
    ours.issue(folder / "early.pem", Order(HERE, starts=datetime.now(UTC) + timedelta(days=1)))
    ours.issue(folder / "elsewhere.pem", Order(("elsewhere.test", "192.0.2.1")))
    revoked = ours.issue(folder / "revoked.pem", Order(HERE))
    (folder / "crl.pem").write_bytes(_crl(ours, revoked))
    theirs.issue(folder / "foreign.pem", Order(HERE))
    return Papers(folder, ours, theirs)


def _crl(authority: Authority, *revoked: x509.Certificate) -> bytes:
    now = datetime.now(UTC)
    builder = x509.CertificateRevocationListBuilder(
        authority.certificate.subject, now - timedelta(hours=1), now + timedelta(days=1)
    )
    for one in revoked:
        entry = x509.RevokedCertificateBuilder(one.serial_number, now - timedelta(minutes=30)).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def served() -> FastAPI:
    return create_app("engine", title="engine", auth=nobody)


@asynccontextmanager
async def running(context: ssl.SSLContext | None, *, hsts_s: int = 0) -> AsyncIterator[int]:
    servers = Servers([Listener(served(), 0, "127.0.0.1", context, hsts_s)], drain_s=1)
    await servers.start()
    try:
        yield servers.ports[0]
    finally:
        await servers.stop()


async def asked(port: int, context: ssl.SSLContext | None, scheme: str = "https") -> int:
    connector = aiohttp.TCPConnector(ssl=context or True, force_close=True)
    timeout = aiohttp.ClientTimeout(total=60)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout) as client,
        client.get(f"{scheme}://127.0.0.1:{port}/health/live") as answer,
    ):
        return answer.status


@pytest.mark.parametrize(
    "server",
    [
        pytest.param("expired", id="expired"),
        pytest.param("early", id="not valid yet"),
        pytest.param("elsewhere", id="wrong name"),
        pytest.param("foreign", id="wrong authority"),
        pytest.param("revoked", id="revoked"),
        pytest.param("", id="plaintext"),
    ],
)
async def test_no_client_of_ours_talks_to_a_server_with_a_bad_certificate(papers: Papers, server: str) -> None:
    crl = str(papers.folder / "crl.pem") if server == "revoked" else ""
    client = client_context(papers.of("good", crl=crl))
    async with running(server_context(papers.of("good"))) as port:
        assert await asked(port, client) == 200, "the control: the same client is answered by a good server"
    context = server_context(papers.of(server)) if server else None
    async with running(context) as port:
        with pytest.raises(aiohttp.ClientConnectorError):
            await asked(port, client)


@pytest.mark.parametrize(
    "client",
    [
        pytest.param("", id="no certificate"),
        pytest.param("expired", id="expired"),
        pytest.param("early", id="not valid yet"),
        pytest.param("foreign", id="wrong authority"),
        pytest.param("revoked", id="revoked"),
        pytest.param("http", id="plaintext"),
    ],
)
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2], ids=["TLS 1.3", "TLS 1.2"])
async def test_no_service_answers_a_caller_without_a_good_certificate(
    papers: Papers, client: str, newest: ssl.TLSVersion
) -> None:
    crl = str(papers.folder / "crl.pem")
    async with running(server_context(papers.of("good", crl=crl))) as port:
        assert await asked(port, client_context(papers.of("good"))) == 200
        with pytest.raises((aiohttp.ClientError, OSError)):
            await asked(port, _caller(papers, client, newest), "http" if client == "http" else "https")


def _caller(papers: Papers, name: str, newest: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(papers.folder / "ca.pem"))
    context.maximum_version = newest
    if name not in ("", "http"):
        context.load_cert_chain(papers.folder / f"{name}.pem", papers.folder / f"{name}.key")
    return context


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
async def test_a_tls_client_of_1_1_is_refused_and_1_3_is_preferred(papers: Papers) -> None:
    async with running(server_context(papers.of("good", ca=""))) as port:
        old = ssl.create_default_context(cafile=str(papers.folder / "ca.pem"))
        old.set_ciphers("DEFAULT@SECLEVEL=0")
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with pytest.raises(OSError):  # an alert, or a connection that is cut
            await asyncio.open_connection("127.0.0.1", port, ssl=old)
        assert await _spoken(port, client_context(papers.of("good"))) == "TLSv1.3"


async def test_a_server_of_1_3_speaks_nothing_older(papers: Papers) -> None:
    context = server_context(papers.of("good", ca=""), minimum=ssl.TLSVersion.TLSv1_3)
    async with running(context) as port:
        with pytest.raises(OSError):
            await _spoken(port, _caller(papers, "", ssl.TLSVersion.TLSv1_2))


async def _spoken(port: int, context: ssl.SSLContext) -> str:
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    version = writer.get_extra_info("ssl_object").version()
    writer.close()
    return str(version)


async def test_a_changed_certificate_is_used_by_the_next_connection_and_a_broken_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "LOOK_EVERY_S", 0.0)
    authority = Authority.kept(tmp_path / "ca.pem", "ca")
    first = authority.issue(tmp_path / "server.pem", Order(HERE))
    files = TlsFiles(str(tmp_path / "server.pem"), str(tmp_path / "server.key"))
    client = client_context(TlsFiles(ca=str(tmp_path / "ca.pem")))
    async with running(server_context(files)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client)
        assert await _shown(port, client) == first.serial_number
        second = authority.issue(tmp_path / "server.pem", Order(HERE))
        assert await _shown(port, client) == second.serial_number
        Authority.new("x").issue(tmp_path / "unfit.pem", Order(HERE))
        (tmp_path / "server.key").write_bytes((tmp_path / "unfit.key").read_bytes())  # the pair does not fit together
        assert await _shown(port, client) == second.serial_number
        third = authority.issue(tmp_path / "server.pem", Order(HERE))
        assert await _shown(port, client) == third.serial_number
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")  # the first connection still serves
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_clients_follow_their_files_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "LOOK_EVERY_S", 0.0)
    for number in (1, 2):
        Authority.kept(tmp_path / f"ca{number}.pem", "ca").issue(tmp_path / f"one{number}.pem", Order(HERE))
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes((tmp_path / "ca1.pem").read_bytes())
    client = client_context(TlsFiles(ca=str(trusted)))
    second = TlsFiles(str(tmp_path / "one2.pem"), str(tmp_path / "one2.key"))
    async with running(server_context(second)) as port:
        with pytest.raises(aiohttp.ClientConnectorError):
            await asked(port, client)
        trusted.write_bytes((tmp_path / "ca2.pem").read_bytes())
        assert await asked(port, client) == 200


async def _shown(port: int, client: ssl.SSLContext) -> int:
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(der).serial_number


async def test_browsers_are_told_to_come_over_tls_alone_and_only_over_tls(papers: Papers) -> None:
    client = client_context(papers.of("good"))
    for context, scheme, expected in (
        (server_context(papers.of("good", ca="")), "https", "max-age=600"),
        (None, "http", None),
    ):
        async with running(context, hsts_s=600) as port, aiohttp.ClientSession() as http:
            async with http.get(f"{scheme}://127.0.0.1:{port}/health/live", ssl=client) as answer:
                assert answer.headers.get("strict-transport-security") == expected
            async with http.get(f"{scheme}://127.0.0.1:{port}/nothing", ssl=client) as answer:
                assert answer.headers.get("strict-transport-security") == expected


async def test_a_service_found_by_its_address_is_known_by_the_name_of_all_services(papers: Papers) -> None:
    papers.ours.issue(papers.folder / "named.pem", Order((INTERNAL_NAME,)))
    async with running(server_context(papers.of("named"))) as port:
        assert await asked(port, client_context(papers.of("good"), server_name=INTERNAL_NAME)) == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await asked(port, client_context(papers.of("good")))
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await asked(port, client_context(papers.of("good"), server_name="other.internal"))


async def test_a_call_to_a_service_with_a_foreign_certificate_is_unavailable(papers: Papers) -> None:
    async with running(server_context(papers.of("foreign", ca="other-ca.pem"))) as port:
        engine = open_engine(
            f"https://127.0.0.1:{port}", service_token=lambda _: "token", tls=client_context(papers.of("good"))
        )
        caller = Principal("ten_a", "usr_a", frozenset({"talk"}))
        with pytest.raises(Unavailable):
            await engine.open_conversation(caller, agent_id="agt_a", conversation_id=None, channel="voice")
        await engine.close()


def test_files_that_do_not_fit_end_the_start_with_their_names(papers: Papers, tmp_path: Path) -> None:
    mixed = TlsFiles(papers.of("good").certificate, papers.of("expired").key)
    for files in (mixed, TlsFiles(str(tmp_path / "none.pem")), TlsFiles(ca=papers.of("good").key)):
        with pytest.raises(Misconfigured) as raised:
            server_context(files)
        assert raised.value.code == "certificate_unreadable"


def test_a_development_set_keeps_its_authority_and_hides_its_keys(tmp_path: Path) -> None:
    made = make_development_set(tmp_path, ["voice.test"])
    first = (tmp_path / "ca.pem").read_bytes()
    doors = x509.load_pem_x509_certificate((tmp_path / "doors.pem").read_bytes())
    names = doors.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", "voice.test"} <= set(names.get_values_for_type(x509.DNSName))
    make_development_set(tmp_path)
    assert (tmp_path / "ca.pem").read_bytes() == first
    for key in tmp_path.rglob("*.key"):
        assert key.stat().st_mode & 0o077 == 0, key
    for name, value in made.settings.items():
        assert not value.startswith("/") or Path(value).is_file(), name
