"""What people and machines have on the network: e-mail, IP and MAC addresses, URLs with credentials."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from voiceagent.domain.pii.spans import Span
from voiceagent.domain.pii.view import View, any_of

_EMAIL = re.compile(r"(?<![\w.+%'-])[\w.+%'-]{1,64}+@(?:[^\W_](?:[\w-]{0,61})\.){1,6}[^\W\d_][\w-]{1,23}", re.UNICODE)
_HALF_AN_EMAIL = re.compile(
    r"\be-?mail(?:\s{1,3}address)?(?:\s{1,3}is|\s?:)\s{1,3}([^\W\d_][\w+-]{0,63}+(?:\.[\w+-]{1,63}+){1,4}+)(?![@\w])",
    re.IGNORECASE,
)
"""A recogniser that loses "at example dot com" still hears the name: "my e-mail address is anna.kowalska"."""
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9a-fA-F:]{2,39}+(?:(?:\.\d{1,3}){3})?(?![\w:])")
_MAC = re.compile(
    r"(?<![\w:.-])(?:[0-9a-fA-F]{2}([:-])(?:[0-9a-fA-F]{2}\1){4}[0-9a-fA-F]{2}|[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}\.[0-9a-fA-F]{4})(?![\w:-])"
)
_LOGIN_URL = re.compile(
    r"(?<![a-z])[a-z][a-z0-9+.-]{1,15}://[^\s/?#@:]{0,128}+:[^\s/?#@]{1,128}+@[^\s/?#'\"<>]{1,253}", re.IGNORECASE
)
_SECRET_QUERY = re.compile(
    r"[?&](?:access_token|token|api_?key|key|password|passwd|pwd|secret|signature|sig|auth)=([^\s&#'\"<>]{4,512}+)",
    re.IGNORECASE,
)
_VERSION = any_of("version | release | firmware | build | v | section | chapter | paragraph | clause")


def recognise(view: View) -> Iterator[Span]:
    """Addresses of the network in a text."""
    text = view.text
    if "@" in text:
        yield from _emails(view)
    if "://" in text:
        for found in _LOGIN_URL.finditer(text):
            yield view.span("url_credentials", found.start(), found.end(), 0.98)
    for found in _SECRET_QUERY.finditer(text):
        yield view.span("url_credentials", found.start(1), found.end(1), 0.9)
    for found in _HALF_AN_EMAIL.finditer(text):
        yield view.span("email", found.start(1), found.end(1), 0.8, found.group(1).lower())
    yield from _addresses(view)


def _emails(view: View) -> Iterator[Span]:
    for found in _EMAIL.finditer(view.text):
        address = found.group()
        start = found.start() + len(address) - len(address.lstrip(".'-%+"))
        end = found.end() - (len(address) - len(address.rstrip("-_")))
        yield view.span("email", start, end, 0.97, view.text[start:end].lower())


def _addresses(view: View) -> Iterator[Span]:
    for found in _IPV4.finditer(view.text):
        if all(int(part) <= 255 for part in found.group().split(".")):
            version = _VERSION.search(view.before(found.start(), 16))
            if not version:
                yield view.span("ip", found.start(), found.end(), 0.9)
    if ":" not in view.text and "-" not in view.text and "." not in view.text:
        return
    for found in _MAC.finditer(view.text):
        value = "".join(char for char in found.group().lower() if char.isalnum())
        yield view.span("mac", found.start(), found.end(), 0.95, value)
    for found in _IPV6.finditer(view.text):
        if found.group().count(":") >= 2 and _is_ipv6(found.group()):
            yield view.span("ip", found.start(), found.end(), 0.9, found.group().lower())


def _is_ipv6(text: str) -> bool:
    if not any(char.isalnum() for char in text):
        return False
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return text.count(":") >= 3 or "::" in text
