"""Root keys wherever they lie (file, environment, Vault): wrapping, opening, and a newer one in the place of an old one while tenants' keys are read."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.support.vault_server import TOKEN, bao_server, fake_vault

from voiceagent.adapters.blobs.files import open_blobs
from voiceagent.adapters.keys import roots
from voiceagent.adapters.keys.ring import KeyRing
from voiceagent.adapters.keys.roots import LocalRoot, open_keys
from voiceagent.adapters.keys.vault import Place, VaultRoot
from voiceagent.adapters.keys.vault import open_keys as open_vault
from voiceagent.apps.custody.authority import Authority, Order
from voiceagent.apps.custody.rotation import rotate_root
from voiceagent.kit.crypto_envelope import fresh_key
from voiceagent.kit.errors import Conflict, Misconfigured, Problem, Unavailable
from voiceagent.ports.blobs import BlobStore

TENANTS = [f"ten_{number:03}" for number in range(12)]


@dataclass
class Kind:
    """A place of root keys. url: of keys.url.  folder: of the ring.  opened: every ring opened so far."""

    url: str
    folder: Path
    opened: list[KeyRing] = field(default_factory=list)

    def ring(self) -> BlobStore:
        return open_blobs(f"file://{self.folder}/ring")

    async def keys(self) -> KeyRing:
        """As another process would open them."""
        is_vault = self.url.startswith("vault")
        self.opened.append(
            await open_vault(self.url, ring=self.ring()) if is_vault else open_keys(self.url, ring=self.ring())
        )
        return self.opened[-1]


@pytest.fixture(params=["file", "fake vault", "bao"])
async def kind(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Kind]:
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    if request.param == "file":
        made = Kind(f"file://{tmp_path}/root.key", tmp_path)
        yield made
    elif request.param == "fake vault":
        async with fake_vault() as vault:
            made = Kind(f"vault+http://{vault.address}/transit/voiceagent", tmp_path)
            yield made
            for ring in made.opened:
                await ring.close()
            return
    else:
        Authority.kept(tmp_path / "ca.pem", "ca").issue(tmp_path / "bao.pem", Order(("localhost", "127.0.0.1")))
        with bao_server(tmp_path, tmp_path / "bao.pem") as address:
            made = Kind(f"vault+https://{address}/transit/voiceagent?ca={tmp_path}/ca.pem", tmp_path)
            yield made
    for ring in made.opened:
        await ring.close()


class Directory:
    """The tenants, as a store tells them."""

    def __init__(self, tenants: list[str]) -> None:
        self._tenants = tenants
        self.directory = self

    async def tenants(self) -> list[Directory.One]:
        return [Directory.One(name) for name in self._tenants]

    @dataclass
    class One:
        tenant_id: str


def _secrets(keys: KeyRing, tenants: list[str]) -> Callable[[], object]:
    async def read() -> dict[str, bytes]:
        return {tenant: (await keys.of(tenant)).active.secret for tenant in tenants}

    return read


async def test_another_process_opens_the_same_keys_and_hashes_alike(kind: Kind) -> None:
    first, second = await kind.keys(), await kind.keys()
    assert (await first.of("ten_a")).keys == (await second.of("ten_a")).keys
    assert first.blind("ann@example.org") == second.blind("ann@example.org") != first.blind("bob@example.org")


async def test_a_rotation_leaves_every_key_and_hash_as_it_was_and_nothing_under_the_old_one(kind: Kind) -> None:
    keys, other = await kind.keys(), await kind.keys()
    secrets = await _secrets(keys, TENANTS)()  # type: ignore[misc]
    old = {path.name: path.read_bytes() for path in (kind.folder / "ring").rglob("kek_*")}
    blind, reads = keys.blind("x"), 0

    async def waited(_: float) -> None:
        nonlocal reads
        for tenant in TENANTS:
            other._known.clear()
            assert (await other.of(tenant)).active.secret == secrets[tenant]
            reads += 1
        await other.of(f"ten_new{reads}")  # a tenant that comes while it rotates

    count = await rotate_root(Directory(TENANTS), keys, kind.folder / "old.key", wait=waited)  # type: ignore[arg-type]
    assert count == len(TENANTS) and reads >= len(TENANTS)
    for path in (kind.folder / "ring").rglob("kek_*"):
        assert path.read_bytes() != old.get(path.name)
    fresh = await kind.keys()
    assert await _secrets(fresh, TENANTS)() == secrets  # type: ignore[misc]
    assert fresh.blind("x") == blind
    (kind.folder / "ring" / TENANTS[0] / "keys" / next(iter(old))).write_bytes(old[next(iter(old))])
    with pytest.raises(Misconfigured) as raised:  # what a thief copied before does not open any more
        await (await kind.keys()).of(TENANTS[0])
    assert raised.value.code == "root_key_wrong"


@pytest.mark.parametrize("stop_after", [1, 2, 5, 11, 12, 13, 14])
async def test_a_rotation_that_was_killed_anywhere_is_ended_by_the_next(tmp_path: Path, stop_after: int) -> None:
    kind = Kind(f"file://{tmp_path}/root.key", tmp_path)
    keys = await kind.keys()
    secrets = await _secrets(keys, TENANTS)()  # type: ignore[misc]

    class Killed(BaseException):
        pass

    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == stop_after:
            raise Killed

    put = keys._ring.put

    async def dying_put(name: str, data: bytes) -> int:
        step()
        return await put(name, data)

    async def nothing(_: float) -> None:
        return None

    keys._ring.put = dying_put  # type: ignore[method-assign]
    if stop_after > len(TENANTS):
        keys._root.retire = _until_dead(keys, step)  # type: ignore[method-assign]
    with pytest.raises(Killed):
        await rotate_root(Directory(TENANTS), keys, tmp_path / "old.key", wait=nothing)  # type: ignore[arg-type]
    assert await _secrets(await kind.keys(), TENANTS)() == secrets, "all is read while it is unfinished"  # type: ignore[misc]
    again = await kind.keys()
    await rotate_root(Directory(TENANTS), again, tmp_path / "old.key", wait=nothing)  # type: ignore[arg-type]
    assert await _secrets(await kind.keys(), TENANTS)() == secrets  # type: ignore[misc]
    assert len(LocalRoot(kind.url)._text.secrets) == 1
    assert len(roots._decoded((tmp_path / "old.key").read_text()).secrets) == 1
    assert (tmp_path / "old.key").stat().st_mode & 0o077 == 0


def _until_dead(keys: KeyRing, step: Callable[[], None]):  # type: ignore[no-untyped-def]
    async def dying(aside: Path) -> None:
        step()  # before anything is written
        text = keys._root._text  # type: ignore[attr-defined]
        roots._written(aside, str(roots._Text(text.secrets[1:], text.index)))
        step()  # the old key is aside, and still live

    return dying


async def test_a_tenant_destroyed_while_the_root_key_changes_stays_destroyed(tmp_path: Path) -> None:
    kind = Kind(f"file://{tmp_path}/root.key", tmp_path)
    keys, other = await kind.keys(), await kind.keys()
    await keys.of("ten_a")
    await keys.renew_root(tmp_path / "old.key")
    put = keys._ring.put

    async def late(name: str, data: bytes) -> int:
        await other.destroy("ten_a")
        return await put(name, data)

    keys._ring.put = late  # type: ignore[method-assign]
    await keys.rewrap_root("ten_a")
    assert [path.name for path in (tmp_path / "ring" / "ten_a").rglob("kek_*")] == []


async def test_a_root_key_in_the_environment_is_rotated_in_two_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roots, "_taken", {})
    monkeypatch.setenv("ROOT", base64.b64encode(fresh_key()).decode())
    kind = Kind("env:///ROOT", tmp_path)
    keys = await kind.keys()
    secrets, blind = await _secrets(keys, TENANTS)(), keys.blind("x")  # type: ignore[misc]

    async def nothing(_: float) -> None:
        return None

    assert await rotate_root(Directory(TENANTS), keys, tmp_path / "both", wait=nothing) is None  # type: ignore[arg-type]
    monkeypatch.setenv("ROOT", (tmp_path / "both").read_text().replace("\n", " "))
    count = await rotate_root(Directory(TENANTS), await kind.keys(), tmp_path / "new", wait=nothing)  # type: ignore[arg-type]
    assert count == len(TENANTS)
    monkeypatch.setenv("ROOT", (tmp_path / "new").read_text())
    fresh = await kind.keys()
    assert await _secrets(fresh, TENANTS)() == secrets and fresh.blind("x") == blind  # type: ignore[misc]
    assert "ROOT" not in os.environ


async def test_an_old_key_is_never_written_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "old.key").write_text("something else")
    root = LocalRoot(f"file://{tmp_path}/root.key")
    await root.renew(tmp_path / "old.key")
    with pytest.raises(Conflict):
        await root.retire(tmp_path / "old.key")
    assert len(LocalRoot(f"file://{tmp_path}/root.key")._text.secrets) == 2


# --- Vault --------------------------------------------------------------------------------------------------------------


async def test_a_wrapped_key_opens_only_where_it_belongs(kind: Kind) -> None:
    if not kind.url.startswith("vault"):
        pytest.skip("local keys: tests/unit/sealing")
    root = VaultRoot(Place.of(kind.url))
    await root.open(kind.ring())
    wrapped = await root.wrap(b"k" * 32, b"here")
    assert b"k" * 8 not in wrapped
    assert await root.unwrap(wrapped, b"here") == b"k" * 32
    for bad in (b"vault:v1:AAAA", b"\xff\xfe", b"plain", wrapped[:-8] + b"AAAAAAA="):
        with pytest.raises(Problem) as raised:
            await root.unwrap(bad, b"here")
        assert raised.value.code == "sealed_data_broken"
    with pytest.raises(Problem) as raised:
        await root.unwrap(wrapped, b"there")
    assert raised.value.code == "sealed_data_broken"
    await root.close()


async def test_a_vault_that_is_away_is_unavailable_and_known_keys_serve_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    async with fake_vault() as vault:
        keys = await open_vault(
            f"vault+http://{vault.address}/transit/voiceagent", ring=open_blobs(f"file://{tmp_path}/ring")
        )
        known = await keys.of("ten_a")
        vault.fails = [503]  # a change of leader: asked again
        await keys.of("ten_b")
        vault.fails = [503] * 30
        with pytest.raises(Unavailable) as raised:
            await keys.of("ten_c")
        assert raised.value.code == "root_key_unavailable"
        assert (await keys.of("ten_a")).keys == known.keys
        vault.fails = []
        vault.token = "another"
        with pytest.raises(Problem) as refused:
            await keys.of("ten_d")
        assert refused.value.code == "vault_refused"
        await keys.close()


async def test_the_token_is_renewed_before_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    async with fake_vault() as vault:
        vault.ttl_s = 1
        url = f"vault+http://{vault.address}/transit/voiceagent?token_file={token}"
        keys = await open_vault(url, ring=open_blobs(f"file://{tmp_path}/ring"))
        while vault.renewed < 2:  # bounded by the test's own time limit
            await keys.of("ten_a")
            await asyncio.sleep(0.02)
        await keys.close()


@pytest.mark.parametrize("url", ["vault+https://host", "vault+https:///transit/key", "vault+ftp://host/transit/key"])
def test_a_url_that_names_no_key_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        Place.of(url)
    assert raised.value.code == "keys_url"
