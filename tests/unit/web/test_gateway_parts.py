"""Small parts of the gateway: the shape of keys, which headers and paths pass, which address is next."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceagent.gateway.identity.keys import is_well_formed, new_secret
from voiceagent.gateway.passing.headers import check_path, content_length, request_headers, response_headers
from voiceagent.kit.calls.balance import Upstreams
from voiceagent.kit.errors import InvalidInput, Unavailable


def test_keys_are_random_and_recognised_by_their_checksum() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(is_well_formed(secret) and secret.startswith("va_") for secret in made)


@given(st.integers(3, 41), st.sampled_from("0123456789abcdefghjkmnpqrstvwxyz"))
def test_one_wrong_letter_is_noticed(position: int, letter: str) -> None:
    secret = new_secret()
    changed = secret[:position] + letter + secret[position + 1 :]
    assert is_well_formed(changed) == (changed == secret)


@given(st.text(max_size=60))
def test_other_text_is_no_key(text: str) -> None:
    assert not is_well_formed(text)


names = st.sampled_from(
    (
        "X-Forwarded-For x-VOICEAGENT-service X-User-Role Connection TE Upgrade X_Real Cookie Accept Transfer-Encoding "
        "Content-Length Host Authorization X-Custom Sec-WebSocket-Key Keep-Alive"
    ).split()
)
headers = st.lists(st.tuples(names, st.sampled_from(["x-custom", "close, X-Custom", "1", "chunked"])), max_size=12)


@given(headers)
def test_only_harmless_headers_pass(raw: list[tuple[str, str]]) -> None:
    passed = request_headers([(name.encode(), value.encode()) for name, value in raw])
    assert {name.lower() for name in passed} <= {"accept", "x-custom"}
    if any(name == "Connection" and "custom" in value.lower() for name, value in raw):
        assert "x-custom" not in passed
    back = response_headers([(name.lower().encode(), value.encode()) for name, value in raw])
    assert not {b"connection", b"te", b"upgrade", b"transfer-encoding", b"keep-alive", b"x-user-role"} & {
        k for k, _ in back
    }


@given(st.binary(max_size=30))
def test_paths_that_pass_are_plain(raw: bytes) -> None:
    try:
        path = check_path(b"/" + raw)
    except InvalidInput:
        return
    assert "//" not in path and "\\" not in path and path.isascii() and path.isprintable() and " " not in path
    assert not {".", ".."} & set(path.split("/"))


@pytest.mark.parametrize(
    "path", [b"/v1/files/file-1/content", b"/v1/models/qwen2.5:0.5b", b"/v1/models/a%20b", b"/v1/x/"]
)
def test_ordinary_paths_pass(path: bytes) -> None:
    assert check_path(path) == path.decode()


@pytest.mark.parametrize(
    "raw",
    [
        [(b"content-length", b"1"), (b"content-length", b"1")],
        [(b"content-length", b"1"), (b"transfer-encoding", b"chunked")],
        [(b"content-length", b"-1")],
        [(b"content-length", b"9" * 16)],
    ],
)
def test_unclear_lengths_are_refused(raw: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(InvalidInput):
        content_length(raw)


class HandClock:
    """A clock that stands until it is moved."""

    at_s = 0.0

    def monotonic_s(self) -> float:
        return self.at_s

    def now(self) -> datetime:
        return datetime.now(UTC)


def test_the_least_busy_address_is_next() -> None:
    upstreams = Upstreams("voice", ["http://a", "http://b/"], clock=HandClock())
    with upstreams.lease() as first, upstreams.lease() as second:
        assert {first.url, second.url} == {"http://a", "http://b"}
        with upstreams.lease(but=first) as third:
            assert third is second
    assert [one.outstanding for one in upstreams.all] == [0, 0]


def test_a_failing_address_rests_longer_each_time_but_serves_when_it_is_the_last() -> None:
    clock = HandClock()
    upstreams = Upstreams("voice", ["http://a", "http://b"], clock=clock)
    bad = upstreams.all[0]
    for rest_s in (1.0, 2.0, 4.0):
        upstreams.failed(bad)
        assert bad.ejected_until_s == clock.at_s + rest_s
        clock.at_s += rest_s - 0.1
        with upstreams.lease() as chosen:
            assert chosen is not bad
        clock.at_s += 0.2
    upstreams.failed(bad)
    upstreams.failed(upstreams.all[1])
    with upstreams.lease() as chosen:
        assert chosen is upstreams.all[1], "the one that comes back first"
    upstreams.worked(bad)
    assert bad.ejected_until_s == 0.0
    for one in upstreams.all:
        one.missed_probes = 2
    with upstreams.lease() as chosen:
        assert chosen in upstreams.all, "both may only be busy"
    for one in upstreams.all:
        one.missed_probes = 4
    with pytest.raises(Unavailable), upstreams.lease():
        pass
