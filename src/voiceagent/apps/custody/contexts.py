"""The TLS contexts of one process, by the settings: of its doors, of its service, of its calls to others."""

from __future__ import annotations

import ssl

from voiceagent.apps.settings import TlsSettings
from voiceagent.kit.errors import Misconfigured
from voiceagent.kit.tls import TlsFiles, client_context, server_context

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class TlsContexts:
    """doors: of gateway and dashboard.  internal: of the services, for callers with a certificate.  caller: to call services. None: plain HTTP.

    Raises Misconfigured `tls_incomplete` or `certificate_unreadable`.
    """

    def __init__(self, tls: TlsSettings) -> None:
        self.doors: ssl.SSLContext | None = None
        self.internal: ssl.SSLContext | None = None
        self.caller: ssl.SSLContext | None = None
        minimum = _VERSIONS[tls.minimum]
        if _whole(tls, "certificate", "key"):
            self.doors = server_context(TlsFiles(tls.certificate, tls.key, tls.client_ca), minimum=minimum)
        if _whole(tls, "internal_certificate", "internal_key", "internal_ca"):
            files = TlsFiles(tls.internal_certificate, tls.internal_key, tls.internal_ca, tls.internal_crl)
            self.internal = server_context(files, minimum=minimum)
            self.caller = client_context(files, server_name=tls.internal_server_name)


def _whole(tls: TlsSettings, *names: str) -> bool:
    missing = [name for name in names if not getattr(tls, name)]
    if missing and len(missing) < len(names):
        raise Misconfigured(
            "tls_incomplete", f"tls.{missing[0]} is needed beside {_others(names, missing)}", param=f"tls.{missing[0]}"
        )
    return not missing


def _others(names: tuple[str, ...], missing: list[str]) -> str:
    return " and ".join(f"tls.{name}" for name in names if name not in missing)
