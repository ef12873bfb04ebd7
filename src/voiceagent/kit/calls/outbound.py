"""Where calls to other people's servers may go: never to what only this machine or its network can reach, unless the operator lists it."""

from __future__ import annotations

import fnmatch
import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from voiceagent.kit.errors import InvalidInput

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NEVER = tuple(
    ipaddress.ip_network(one) for one in ("169.254.0.0/16", "fe80::/10", "0.0.0.0/32", "::/128", "fd00:ec2::/32")
)
"""Link-local addresses hold the credentials of machines in clouds: not even a list opens them."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Outbound:
    """Which hosts calls may go to. allowed: names, `*.names`, addresses and networks that may be private; public ones always may."""

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self._names = tuple(one.lower() for one in allowed if _network(one) is None)
        self._networks = tuple(found for one in allowed if (found := _network(one)) is not None)

    def listed(self, host: str) -> bool:
        """Whether the operator names this host: it may be private, and need not be encrypted."""
        host = host.lower().rstrip(".")
        address = address_of(host)
        if address is None:
            return any(fnmatch.fnmatchcase(host, one) for one in self._names)
        return any(address.version == one.version and address in one for one in self._networks)

    def takes(self, host: str, address: Address) -> bool:
        """Whether a call to `host`, found at `address`, may go out."""
        address = _inner(address)
        if any(address.version == one.version and address in one for one in _NEVER) or address.is_multicast:
            return False
        return address.is_global or self.listed(host) or self.listed(str(address))

    def check(self, url: str) -> None:
        """Look at a URL before it is kept; names are looked up at each call. Raises InvalidInput `address_refused`."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except ValueError as failure:
            raise _refused("the address is not a URL") from failure
        address = address_of(host)
        odd = not host or not host.isascii() or parts.username is not None or parts.password is not None
        if odd or (address is None and _looks_like_an_address(host)):
            raise _refused("the address has a plain host and no password")
        if address is not None and not self.takes(host, address):
            raise _refused("the address is not public, and routing.allowed_hosts does not list it")
        private = address is None and host.lower().rstrip(".").endswith(("localhost", ".local", ".internal"))
        if private and not self.listed(host):
            raise _refused("the host is a private one, and routing.allowed_hosts does not list it")
        if not parts.scheme.endswith("https") and not self.listed(host):
            raise _refused("use https, or list the host in routing.allowed_hosts")


class GuardedResolver(AbstractResolver):
    """Looks names up, and refuses a name with any address that may not be called. aiohttp connects to what it returns, to nothing else."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._inner: ThreadedResolver | None = None

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises OSError, which aiohttp turns into its own error, when one address of the host may not be called."""
        self._inner = self._inner or ThreadedResolver()
        found = await self._inner.resolve(host, port, family)
        for one in found:
            address = address_of(one["host"])
            if address is None or not self._outbound.takes(host, address):
                raise OSError("the host has an address that may not be called")
        return found

    async def close(self) -> None:
        if self._inner is not None:
            await self._inner.close()


def guarded(outbound: Outbound | None) -> TCPConnector | None:
    """What a session connects with: to nothing that `outbound` refuses. None for the default, where the operator wrote the address."""
    return None if outbound is None else TCPConnector(resolver=GuardedResolver(outbound))


def address_of(host: str) -> Address | None:
    """The address that `host` spells in its usual form, None for a name."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, by its usual name or any address of it."""
    address = address_of(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _network(one: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(one, strict=False)
    except ValueError:
        return None


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one carries."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address


def _looks_like_an_address(host: str) -> bool:
    """Octal, hexadecimal and shortened spellings, which libraries read in different ways: 0x7f.1, 2130706433."""
    last = host.rstrip(".").rpartition(".")[2].lower()
    return last.isdigit() or last.startswith("0x")


def _refused(message: str) -> InvalidInput:
    return InvalidInput("address_refused", message, param="url")
