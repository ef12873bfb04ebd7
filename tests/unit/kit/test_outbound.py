"""Where calls outward may go: spellings of private addresses, names that resolve to them, what the operator lists."""

from __future__ import annotations

import pytest

from voiceagent.kit.calls.outbound import GuardedResolver, Outbound, address_of
from voiceagent.kit.errors import InvalidInput

PRIVATE = """127.0.0.1 127.1.2.3 10.0.0.1 172.16.5.5 192.168.1.1 100.64.0.1 169.254.169.254 0.0.0.0 224.0.0.1 255.255.255.255 198.18.0.1
[::1] [::] [fe80::1] [fc00::1] [fd00:ec2::254] [::ffff:127.0.0.1] [::ffff:10.0.0.1] [64:ff9b::7f00:1] [64:ff9b::a9fe:a9fe]
[2002:7f00:1::] [ff02::1] 2130706433 0x7f000001 0x7f.1 127.1 017700000001 0177.0.0.1 127.0.0.1. localhost LOCALHOST localhost.
a.localhost db.local metadata.google.internal host.internal. [fe80::1%25eth0] user@10.0.0.1 user:pass@models.example
１２７.0.0.1 ⓛocalhost""".split()


@pytest.mark.parametrize("host", PRIVATE)
@pytest.mark.parametrize("scheme", ["https", "http", "openai+https"])
def test_what_only_this_network_reaches_is_refused(host: str, scheme: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Outbound().check(f"{scheme}://{host}:8443/v1")
    assert caught.value.code == "address_refused"


@pytest.mark.parametrize(
    "url", ["http://[::ffff:127.0.27.0.1]:80/", "https://[x]/", "https://a:99999/", "https://a:b/"]
)
def test_what_is_no_url_is_refused_as_any_other(url: str) -> None:
    with pytest.raises(InvalidInput):
        Outbound().check(url)


def test_public_hosts_may_be_called_with_tls_only() -> None:
    for host in ("api.openai.com", "8.8.8.8", "[2606:4700::1111]", "x.openai.azure.com"):
        Outbound().check(f"openai+https://{host}/v1")
        with pytest.raises(InvalidInput):
            Outbound().check(f"openai+http://{host}/v1")


def test_the_operator_opens_names_and_networks_but_never_link_local() -> None:
    outbound = Outbound(("vllm", "*.models.internal", "10.1.0.0/16", "127.0.0.1", "169.254.0.0/16", "fe80::/10"))
    for url in ("http://vllm:8000", "https://a.models.internal", "http://10.1.2.3", "http://127.0.0.1:11434"):
        outbound.check(url)
    for url in ("http://10.2.0.1", "http://127.0.0.2", "https://models.internal", "http://169.254.169.254", "http://[fe80::1]"):  # fmt: skip
        with pytest.raises(InvalidInput):
            outbound.check(url)


async def test_a_name_that_leads_inside_is_refused_when_it_is_called() -> None:
    with pytest.raises(OSError, match="may not be called"):
        await GuardedResolver(Outbound()).resolve("localhost", 80)
    found = await GuardedResolver(Outbound(("localhost",))).resolve("localhost", 80)
    assert {one["host"] for one in found} <= {"127.0.0.1", "::1"}


def test_one_private_address_among_public_ones_is_enough() -> None:
    outbound = Outbound()
    loopback, public = address_of("127.0.0.1"), address_of("8.8.8.8")
    assert loopback and public
    assert not outbound.takes("rebound.example", loopback) and outbound.takes("rebound.example", public)
