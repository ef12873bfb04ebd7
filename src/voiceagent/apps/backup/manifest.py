"""What a backup says about itself, signed: its pieces, what they hold, and the wrapped key that opens them."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from voiceagent.apps.backup.pieces import Piece, Seal, broken, synced, written
from voiceagent.apps.backup.secrets import BackupKeys
from voiceagent.kit.crypto_envelope import context_of
from voiceagent.kit.crypto_signing import is_signed
from voiceagent.kit.errors import Forbidden, Misconfigured, Problem

FORMAT = 1
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
ERASED, ERASED_SIGNATURE = "erased.json", "erased.sig"


@dataclass(frozen=True, slots=True)
class TenantContent:
    """What a backup holds of one organisation: numbers, and hashes that a restored installation must have too."""

    rows: dict[str, int]
    rows_sha256: str
    objects: int
    objects_sha256: str
    key_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """One backup. key_check: which backup key it needs.  revision: of the tables.

    missing: objects that rows speak of and that were not there when it was made.
    """

    backup_id: str
    created_at: datetime
    product: str
    dialect: str
    revision: str
    wrapped_key: str
    key_check: str
    tenants: dict[str, TenantContent]
    settings: dict[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    pieces: tuple[Piece, ...] = ()
    format: int = FORMAT

    def stream(self, name: str) -> tuple[Piece, ...]:
        """The pieces of one stream in order."""
        return tuple(piece for piece in self.pieces if piece.stream == name)

    def seal(self, keys: BackupKeys) -> Seal:
        """What opens the pieces. Raises Problem `backup_broken`."""
        try:
            wrapped = base64.b64decode(self.wrapped_key, validate=True)
            return Seal(self.backup_id, keys.wrapping.unwrap(wrapped, _for(self.backup_id)))
        except (Problem, binascii.Error) as failure:
            raise broken("its key does not open") from failure

    @property
    def size_bytes(self) -> int:
        return sum(piece.size_bytes for piece in self.pieces)


def wrapped(keys: BackupKeys, seal: Seal) -> str:
    """The key of a backup as its manifest holds it."""
    return base64.b64encode(keys.wrapping.wrap(seal.data_key, _for(seal.backup_id))).decode()


def write_manifest(folder: Path, manifest: Manifest, keys: BackupKeys) -> None:
    """Sign and write it: the last thing that a backup gets."""
    told = asdict(manifest) | {"created_at": manifest.created_at.isoformat()}
    _write_signed(folder, (MANIFEST, SIGNATURE), told, keys)


def read_manifest(folder: Path, keys: BackupKeys) -> Manifest:
    """The manifest of the backup in `folder`, which says nothing that was not written.

    Raises Problem `backup_broken`, Forbidden `backup_key_wrong`, Misconfigured `backup_newer`.
    """
    told = _read(folder / MANIFEST)
    if told.get("format") != FORMAT:
        raise Misconfigured(
            "backup_newer", f"the backup has the format {told.get('format')}; this version reads {FORMAT}"
        )
    if told.get("key_check") != keys.check:
        raise Forbidden("backup_key_wrong", "the backup was made with another key", param="backup.key_url")
    _check_signature(folder, (MANIFEST, SIGNATURE), keys)
    try:
        return _manifest(told)
    except (KeyError, TypeError, ValueError) as failure:
        raise broken("its manifest cannot be read") from failure


def erased_tenants(folder: Path, keys: BackupKeys) -> frozenset[str]:
    """The organisations whose keys were taken out of this backup after it was made. Raises Problem `backup_broken`."""
    if not (folder / ERASED).exists():
        return frozenset()
    told = _read(folder / ERASED)
    _check_signature(folder, (ERASED, ERASED_SIGNATURE), keys)
    if told.get("backup_id") != folder.name:
        raise broken("its list of erased organisations is that of another backup")
    return frozenset(str(one) for one in told.get("tenants", ()))


def write_erased(folder: Path, tenants: frozenset[str], keys: BackupKeys) -> None:
    """Note that the keys of these organisations are gone from this backup for good."""
    told = {"backup_id": folder.name, "tenants": sorted(tenants)}
    _write_signed(folder, (ERASED, ERASED_SIGNATURE), told, keys)


def _write_signed(folder: Path, names: tuple[str, str], told: dict[str, Any], keys: BackupKeys) -> None:
    data = json.dumps(told, sort_keys=True, indent=1).encode()
    for name, content in zip(names, (data, keys.signer.sign(data).hex().encode()), strict=True):
        written(folder / f".{name}", content)
        (folder / f".{name}").replace(folder / name)
    synced(folder)


def _check_signature(folder: Path, names: tuple[str, str], keys: BackupKeys) -> None:
    try:
        data = (folder / names[0]).read_bytes()
        signature = bytes.fromhex((folder / names[1]).read_text(encoding="ascii"))
    except (OSError, ValueError) as failure:
        raise broken(f"{names[1]} cannot be read") from failure
    if not is_signed(keys.signer.public_hex, signature, data):
        raise broken(f"{names[0]} was changed")


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_bytes())
    except FileNotFoundError as failure:
        raise broken(f"{path.name} is missing") from failure
    except (OSError, ValueError) as failure:
        raise broken(f"{path.name} cannot be read") from failure
    if not isinstance(told, dict):
        raise broken(f"{path.name} cannot be read")
    return told


def _manifest(told: dict[str, Any]) -> Manifest:
    manifest = Manifest(**told)
    return replace(
        manifest,
        created_at=datetime.fromisoformat(told["created_at"]),
        tenants={name: _content(one) for name, one in told["tenants"].items()},
        missing=tuple(told["missing"]),
        pieces=tuple(Piece(**piece) for piece in told["pieces"]),
    )


def _content(told: dict[str, Any]) -> TenantContent:
    content = TenantContent(**told)
    return replace(content, key_ids=tuple(content.key_ids))


def _for(backup_id: str) -> bytes:
    return context_of("backup key", backup_id)
