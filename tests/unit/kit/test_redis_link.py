"""What a URL of Redis says: one server, Sentinels, a cluster."""

from __future__ import annotations

import pytest

from voiceagent.kit.redis_link import linked


def test_one_server() -> None:
    link = linked("redis://va:p%40ss@cache.internal:6380/3")
    assert (link.kind, link.nodes) == ("one", (("cache.internal", 6380),))
    assert link.options == {"username": "va", "password": "p@ss", "db": 3}
    assert link.together("va:r") == "va:r"


def test_sentinels_and_the_name_of_their_primary() -> None:
    link = linked("rediss+sentinel://va:p@a:1,b,[::1]:3/main/2?sentinel_password=q&ssl_ca_certs=/ca.pem")
    assert link.nodes == (("a", 1), ("b", 26379), ("::1", 3))
    assert (link.kind, link.primary) == ("sentinel", "main")
    assert link.options["ssl"] is True
    assert (link.options["db"], link.options["password"], link.options["sentinel_password"]) == (2, "p", "q")
    assert link.options["ssl_ca_certs"] == "/ca.pem"


def test_keys_that_belong_together_lie_together_in_a_cluster() -> None:
    link = linked("redis+cluster://a,b:7001")
    assert link.nodes == (("a", 6379), ("b", 7001))
    assert link.together("va:r") == "{va:r}"


@pytest.mark.parametrize("url", ["redis:@/x", "redis:///0", "redis:"])
def test_a_url_without_a_host_means_this_machine(url: str) -> None:
    assert linked(url).nodes == (("localhost", 6379),)


def test_a_password_is_not_shown() -> None:
    assert "hidden" not in repr(linked("redis+cluster://va:hidden@a"))


@pytest.mark.parametrize(
    "url",
    [
        "redis://[",
        "redis://host:port/0",
        "redis://a,b",  # a cluster, or Sentinels?
        "redis+sentinel://a:1",  # of which primary?
        "redis+sentinel://a:1/main/first",
        "redis+sentinel://a:1/main/0/0",
        "redis+cluster://a/1",  # a cluster has no numbered databases
        "redis://a/0?socket_timeout=soon",
        "http://a",
    ],
)
def test_what_cannot_be_meant_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        linked(url)
