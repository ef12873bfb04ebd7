"""Encrypts the words of a row under a key of the row's own, which a key of the tenant wraps. Which columns: SEALED."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from sqlalchemy import Table
from sqlalchemy.types import JSON

from voiceagent.adapters.store.columns import clean, json_text
from voiceagent.adapters.store.tables import (
    conversations,
    documents,
    providers,
    repeats,
    second_factors,
    turn_originals,
    turns,
    users,
)
from voiceagent.kit.crypto_envelope import broken, context_of, decrypted, encrypted, fresh_key
from voiceagent.kit.errors import Misconfigured
from voiceagent.ports.keys import Keys

ROW_KEY = "row_key"
VERSION = "1"
"""Of this form; part of what each ciphertext is bound to."""

SEALED: dict[Table, tuple[str, ...]] = {
    turns: ("asked", "answer", "heard", "citations"),
    documents: ("title", "file_name", "failure_message", "metadata"),
    second_factors: ("secret",),
    conversations: ("title",),
    providers: ("api_key",),
    users: ("email",),
    turn_originals: ("originals",),
    repeats: ("answer",),
}
"""Columns with what people said, wrote or keep secret. None of them is searched in SQL; a person's e-mail is found by its `blind` form."""


class RowSeal:
    """Seals and opens rows of one tenant. Rows that were stored before there were keys stay readable."""

    def __init__(self, keys: Keys, tenant_id: str) -> None:
        self._keys = keys
        self._tenant_id = tenant_id

    async def sealed(self, table: Table, row: dict[str, Any]) -> dict[str, Any]:
        """The row as it goes to the database; a table without such columns is left alone."""
        fields = SEALED.get(table)
        if fields is None:
            return row
        wrapping = (await self._keys.of(self._tenant_id)).active
        place, data_key = self._place(table, row), fresh_key()
        wrapped = wrapping.wrap(data_key, context_of(*place, ROW_KEY, VERSION))
        ciphertexts = {
            name: None if row[name] is None else _text(encrypted(data_key, _bytes(table, name, row[name]), context))
            for name in fields
            for context in (context_of(*place, name, VERSION),)
        }
        return row | ciphertexts | {ROW_KEY: f"{wrapping.key_id}.{_text(wrapped)}"}

    async def opened(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row as it was before `sealed`. Raises Problem `sealed_data_broken`, Forbidden `keys_destroyed`."""
        table = _table_of(row)
        key_id, _, wrapped = row[ROW_KEY].partition(".")
        wrapping = (await self._keys.of(self._tenant_id, needed=key_id)).keys.get(key_id)
        if wrapping is None:
            raise broken()
        place = self._place(table, row)
        data_key = wrapping.unwrap(_raw(wrapped), context_of(*place, ROW_KEY, VERSION))
        clear = {
            name: None
            if row[name] is None
            else _value(table, name, decrypted(data_key, _raw(row[name]), context_of(*place, name, VERSION)))
            for name in SEALED[table]
        }
        return row | clear

    def blind(self, value: str) -> str:
        """What stands in a column by which a sealed value is found again."""
        return blind(self._keys, value)

    async def rewrapped(self, table: Table, row: dict[str, Any]) -> str:
        """The row's key under the tenant's active key. row: its id and its `row_key`."""
        key_id, _, wrapped = row[ROW_KEY].partition(".")
        keys = await self._keys.of(self._tenant_id, needed=key_id)
        old = keys.keys.get(key_id)
        if old is None:
            raise broken()
        context = context_of(*self._place(table, row), ROW_KEY, VERSION)
        return f"{keys.active.key_id}.{_text(keys.active.wrap(old.unwrap(_raw(wrapped), context), context))}"

    def _place(self, table: Table, row: dict[str, Any]) -> tuple[str, str, str]:
        return self._tenant_id, table.name, row[id_of(table)]


def blind(keys: Keys, value: str) -> str:
    """The keyed hash of a value, told from plain values by its beginning."""
    return f"hmac:{keys.blind(value)}"


def id_of(table: Table) -> str:
    """The column that tells the rows of a tenant apart."""
    return str(list(table.primary_key)[1].name)


def no_keys() -> Misconfigured:
    return Misconfigured("keys_needed", "stored data is sealed: set keys.url to the root key that it was sealed under")


def _table_of(row: dict[str, Any]) -> Table:
    for table, fields in SEALED.items():
        if id_of(table) in row and all(name in row for name in fields):
            return table
    raise broken()


def _bytes(table: Table, name: str, value: Any) -> bytes:
    return (json_text(value) if isinstance(table.c[name].type, JSON) else clean(value)).encode()


def _value(table: Table, name: str, data: bytes) -> Any:
    return json.loads(data) if isinstance(table.c[name].type, JSON) else data.decode()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _raw(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as failure:
        raise broken() from failure
