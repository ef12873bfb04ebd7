"""What would travel unencrypted between machines is named, setting by setting, and refused where TLS is demanded."""

from __future__ import annotations

import pytest

from voiceagent.apps.config.guards import check
from voiceagent.apps.config.transit import in_the_clear
from voiceagent.apps.settings import Settings
from voiceagent.kit.errors import Misconfigured

FAR = "far.internal"


def _named(**areas: object) -> set[str]:
    return set(in_the_clear(Settings.model_validate(areas)))


@pytest.mark.parametrize(
    "url",
    [
        f"redis://{FAR}/0",
        f"redis+sentinel://127.0.0.1:1,{FAR}:2/main",
        f"redis+cluster://va:p@{FAR},127.0.0.1",
        f"rediss://{FAR}/0?ssl_cert_reqs=none",
        f"rediss+cluster://{FAR}?ssl_check_hostname=false",
    ],
)
def test_redis_elsewhere_without_verified_tls(url: str) -> None:
    for area in ("cache", "bus", "discovery"):
        assert _named(**{area: {"url": url}}) == {f"{area}.url"}


@pytest.mark.parametrize(
    "url",
    [
        "memory://",
        "redis://127.0.0.1/0",
        "redis+cluster://127.0.0.1:7000,[::1]:7001",
        f"rediss://va:p@{FAR}/0",
        f"rediss+sentinel://{FAR},other.internal/main/0",
        f"rediss+cluster://{FAR}?ssl_ca_certs=/ca.pem",
    ],
)
def test_redis_on_this_machine_or_behind_verified_tls(url: str) -> None:
    assert _named(cache={"url": url}, bus={"url": url}) == set()


@pytest.mark.parametrize(
    ("areas", "named"),
    [
        ({"store": {"url": f"postgresql://va@{FAR}/va"}}, {"store.url"}),
        ({"store": {"url": f"postgresql://va@{FAR}/va?sslmode=require"}}, {"store.url"}),
        ({"store": {"url": f"postgresql://va@{FAR}/va?sslmode=verify-full"}}, set()),
        ({"blobs": {"url": f"s3://b?endpoint=http://{FAR}:9000"}}, {"blobs.url"}),
        ({"blobs": {"url": f"s3://b?endpoint=https://{FAR}:9000"}}, set()),
        ({"vectors": {"url": f"weaviate://{FAR}"}}, {"vectors.url"}),
        ({"vectors": {"url": f"weaviates://{FAR}"}}, set()),
        ({"llm": {"url": f"openai+http://{FAR}/v1?model=m"}}, {"llm.url"}),
        ({"llm": {"url": f"openai+https://{FAR}/v1?model=m"}}, set()),
        ({"services": {"engine": f"http://{FAR}:8000"}}, {"services.engine"}),
        ({"server": {"host": "0.0.0.0"}}, {"server.host"}),
        ({"server": {"host": "127.0.0.1"}}, set()),
    ],
)
def test_each_setting(areas: dict[str, object], named: set[str]) -> None:
    assert _named(**areas) == named


def test_where_tls_is_demanded_the_start_is_refused_and_says_which_setting() -> None:
    demanding = Settings.model_validate({"tls": {"required": True}, "cache": {"url": f"redis://{FAR}/0"}})
    with pytest.raises(Misconfigured, match=r"cache\.url"):
        check(demanding)
