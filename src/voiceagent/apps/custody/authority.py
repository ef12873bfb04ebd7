"""A certificate authority for development: its own certificate, and those of servers and services under it. Writes files; serves nothing."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from voiceagent.apps.first_start import write_secret
from voiceagent.kit.errors import Misconfigured

CA_DAYS = 3_650
LEAF_DAYS = 365
SKEW = timedelta(minutes=5)
"""Certificates begin this long ago, for clocks that are behind."""
SERVICES = ("gateway", "engine", "voice", "documents", "worker", "dashboard")
INTERNAL_NAME = "voiceagent.internal"
"""In every service's certificate: tls.internal_server_name for services that are found by address."""

_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Order:
    """A certificate to make. names: DNS names and addresses.  days: how long it is good from `starts` on."""

    names: tuple[str, ...]
    days: float = LEAF_DAYS
    starts: datetime | None = None


@dataclass(frozen=True, slots=True)
class DevelopmentSet:
    """The files that `voiceagent tls init` makes."""

    folder: Path

    @property
    def settings(self) -> dict[str, str]:
        """By which everything in one process uses them."""
        folder = self.folder.absolute()
        return {
            "tls.certificate": str(folder / "doors.pem"),
            "tls.key": str(folder / "doors.key"),
            "tls.trusted_ca": str(folder / "ca.pem"),
            "tls.hsts_s": "0",  # it would bind every other page of localhost, too
            **self.internal("all"),
        }

    def internal(self, service: str) -> dict[str, str]:
        """By which one service uses its own."""
        folder = self.folder.absolute()
        return {
            "tls.internal_certificate": str(folder / "internal" / f"{service}.pem"),
            "tls.internal_key": str(folder / "internal" / f"{service}.key"),
            "tls.internal_ca": str(folder / "internal-ca.pem"),
            "tls.internal_server_name": INTERNAL_NAME,
        }


def make_development_set(folder: Path, hosts: Sequence[str] = ()) -> DevelopmentSet:
    """Certificates for the doors at localhost and `hosts`, and for every service. An authority that is there stays; what it signed is made anew.

    Raises Misconfigured `certificates_not_written` or `certificate_unreadable`.
    """
    try:
        (folder / "internal").mkdir(mode=0o700, parents=True, exist_ok=True)
        doors = Authority.kept(folder / "ca.pem", "voiceagent development CA")
        doors.issue(folder / "doors.pem", Order((*_LOCAL, *hosts)))
        internal = Authority.kept(folder / "internal-ca.pem", "voiceagent development CA for services")
        for service in (*SERVICES, "all"):
            names = (service, *_LOCAL, INTERNAL_NAME)
            internal.issue(folder / "internal" / f"{service}.pem", Order(names))
    except OSError as failure:
        message = f"cannot write {failure.filename}: {failure.strerror}"
        raise Misconfigured("certificates_not_written", message) from failure
    except ValueError as failure:
        message = "the authority that is there cannot be read, or a host is no name"
        raise Misconfigured("certificate_unreadable", message) from failure
    return DevelopmentSet(folder)


class Authority:
    """Signs certificates. P-256 keys, SHA-256: what every client knows."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate
        self.key = key

    @classmethod
    def new(cls, name: str) -> Authority:
        """A self-signed one that may sign nothing but end certificates."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _named(name)
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - SKEW)
            .not_valid_after(now + timedelta(days=CA_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        return cls(builder.sign(key, hashes.SHA256()), key)

    @classmethod
    def kept(cls, file: Path, name: str) -> Authority:
        """The one in `file`, its key beside it with the ending `.key`; made when there is none. Raises OSError or ValueError."""
        if file.exists():
            key = serialization.load_pem_private_key(file.with_suffix(".key").read_bytes(), None)
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise ValueError("not a key of an authority made here")
            return cls(x509.load_pem_x509_certificate(file.read_bytes()), key)
        made = cls.new(name)
        _write(file, made.certificate, made.key)
        return made

    def issue(self, file: Path, order: Order) -> x509.Certificate:
        """Make a certificate, good for servers and clients, and write it into `file` and its key beside it with the ending `.key`."""
        key = ec.generate_private_key(ec.SECP256R1())
        starts = order.starts or datetime.now(UTC) - SKEW
        public = key.public_key()
        builder = (
            x509.CertificateBuilder(self.certificate.subject, _named(order.names[0]), public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(starts)
            .not_valid_after(starts + timedelta(days=order.days))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False
            )
            .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in order.names]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        certificate = builder.sign(self.key, hashes.SHA256())
        _write(file, certificate, key)
        return certificate


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write(file: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    """The key first: who follows the certificate's file then finds both new."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_secret(file.with_suffix(".key"), private.decode().strip())
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    os.replace(fresh, file)
