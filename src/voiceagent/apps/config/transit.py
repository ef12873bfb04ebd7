"""What would leave this machine unencrypted, or to a server that nobody verified, by the settings. Looks at addresses alone; asks nobody."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import SplitResult, parse_qs, urlsplit

from voiceagent.apps.settings import Settings

_REDIS = ("cache", "bus", "discovery")
_MODELS = ("llm", "stt", "tts", "embed")


def in_the_clear(settings: Settings) -> dict[str, str]:
    """Each setting by whose value something travels between machines without verified TLS, with what is wrong."""
    return dict([*_doors(settings), *_services(settings), *_stores(settings), *_models(settings)])


def _doors(settings: Settings) -> Iterator[tuple[str, str]]:
    server, tls = settings.server, settings.tls
    for name, host, certificate in (
        ("server.host", server.host, "tls.certificate" if not tls.certificate else ""),
        (
            "server.internal_host",
            server.internal_host,
            "tls.internal_certificate" if not tls.internal_certificate else "",
        ),
    ):
        if certificate and not is_loopback(host):
            yield name, f"({host}) is reached from other machines without {certificate}"


def _services(settings: Settings) -> Iterator[tuple[str, str]]:
    for service in ("engine", "voice", "documents"):
        for url in settings.service_urls(service):
            if url.startswith("http://") and not is_loopback(urlsplit(url).hostname or ""):
                yield f"services.{service}", "is called over http"


def _stores(settings: Settings) -> Iterator[tuple[str, str]]:
    for name, address in (
        ("store.url", settings.store.url),
        *(("store.replicas", one) for one in settings.store.replicas),
    ):
        store = _split(address)
        if store.scheme == "postgresql" and _is_remote(store) and _asked(store, "sslmode") != "verify-full":
            yield name, "has no sslmode=verify-full"
    for area in _REDIS:
        url = _split(getattr(settings, area).url)
        scheme = url.scheme.partition("+")[0]
        if scheme == "redis" and any(map(_is_remote, _each(url))):
            yield f"{area}.url", f"is {url.scheme}://, not {url.scheme.replace('redis', 'rediss')}://"
        elif scheme == "rediss" and (
            _asked(url, "ssl_cert_reqs", "required") != "required"
            or _asked(url, "ssl_check_hostname", "true").lower() != "true"
        ):
            yield f"{area}.url", "does not verify the server"
    for name, value in (("blobs.url", settings.blobs.url), ("keys.ring_url", settings.keys.ring_url)):
        if value.startswith("s3:") and _is_http(_asked(_split(value), "endpoint")):
            yield name, "has an endpoint over http"
    vectors = _split(settings.vectors.url)
    if vectors.scheme == "weaviate" and _is_remote(vectors) and _asked(vectors, "tls") != "true":
        yield "vectors.url", "is weaviate://, not weaviates://"
    if settings.keys.url.startswith("vault+http://") and _is_remote(_split(settings.keys.url)):
        yield "keys.url", "is vault+http://, not vault+https://"


def _models(settings: Settings) -> Iterator[tuple[str, str]]:
    urls = {f"{area}.url": getattr(settings, area).url for area in _MODELS}
    for name, url in (urls | {"llm.fallback_url": settings.llm.fallback_url}).items():
        if _is_http(url.removeprefix("openai+")):
            yield name, "calls a model over http"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(url: str) -> SplitResult:
    return urlsplit(url.replace("{data}", ""))


def _each(url: SplitResult) -> Iterator[SplitResult]:
    """The URL with each of its hosts alone: Sentinels and clusters have several, separated by commas."""
    for host in url.netloc.rpartition("@")[2].split(","):
        yield url._replace(netloc=host)


def _is_remote(url: SplitResult) -> bool:
    return url.hostname is not None and not is_loopback(url.hostname)  # without a host it is a socket of this machine


def _is_http(url: str) -> bool:
    return url.startswith("http://") and _is_remote(urlsplit(url))


def _asked(url: SplitResult, name: str, otherwise: str = "") -> str:
    return parse_qs(url.query).get(name, [otherwise])[0]
