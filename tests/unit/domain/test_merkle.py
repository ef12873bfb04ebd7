"""domain/trail/merkle.py against the values that Certificate Transparency's own tests use, and its proofs over every leaf."""

from __future__ import annotations

import hashlib

import pytest

from voiceagent.domain.trail import merkle

LEAVES = [bytes.fromhex(one) for one in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]  # fmt: skip
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


@pytest.mark.parametrize("size", range(1, 9))
def test_the_root_of_known_leaves_is_the_known_one(size: int) -> None:
    assert merkle.root(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert merkle.root([]) == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 33, 100])
def test_every_leaf_can_be_proven_and_no_other_bytes_can(size: int) -> None:
    leaves = [number.to_bytes(4) for number in range(size)]
    root = merkle.root(leaves)
    for index, leaf in enumerate(leaves):
        path = merkle.proof(leaves, index)
        assert merkle.holds(leaf, index, size, path, root)
        assert not merkle.holds(b"other", index, size, path, root)
        assert not merkle.holds(leaf, index, size, (*path, root), root)
        assert size == 1 or not merkle.holds(leaf, (index + 1) % size, size, path, root)


def test_a_proof_among_a_million_records_is_short() -> None:
    assert 32 * len(merkle.proof([b"x"] * 1_000_000, 123_456)) <= 4096


def test_a_leaf_that_is_not_there_has_no_proof() -> None:
    with pytest.raises(IndexError):
        merkle.proof(LEAVES, 8)
    assert not merkle.holds(b"", 8, 8, (), merkle.root(LEAVES))
