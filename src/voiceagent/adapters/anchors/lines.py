"""How an anchor is written: one signed line of JSON that names the hash of the line before. No files."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from voiceagent.domain.trail.check import Anchor
from voiceagent.kit.crypto_signing import Signer, is_signed

NO_LINE = "0" * 64
_encoded = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands in the lines. bad_line: the first, counted from 1, that is not ours or not in its place; None when all are good.

    anchors: those before the bad line.  starts: how often a process began to write.  end_sha256: hash of the last line.
    """

    anchors: tuple[Anchor, ...]
    starts: int
    bad_line: int | None
    end_sha256: str


def written(signer: Signer, previous_sha256: str, anchor: Anchor | None, at: datetime) -> bytes:
    """The line of an anchor; of the start of a writer when there is none."""
    body: dict[str, Any] = {"kind": "started"} if anchor is None else {"kind": "anchor", **asdict(anchor)}
    body |= {"at": at.isoformat(), "previous": previous_sha256}
    signature = base64.b64encode(signer.sign(_encoded(body).encode())).decode()
    return (_encoded({"body": body, "signature": signature}) + "\n").encode()


def hash_of(line: bytes) -> str:
    """What the next line names as its `previous`."""
    return hashlib.sha256(line).hexdigest()


def read(lines: Iterable[bytes], public_hex: str) -> Reading:
    """The anchors in these lines, as far as each was signed by that key and follows the one before."""
    anchors: list[Anchor] = []
    reached: dict[str, int] = {}
    reading = Reading((), 0, None, NO_LINE)
    for number, line in enumerate(lines, start=1):
        if reading.bad_line is None:
            try:
                anchor = _anchor(line, public_hex, reading.end_sha256)
                if anchor is None:
                    reading = replace(reading, starts=reading.starts + 1)
                elif anchor.first != reached.get(anchor.tenant_id, 0) + 1:
                    reading = replace(reading, bad_line=number)
                else:
                    reached[anchor.tenant_id] = anchor.last
                    anchors.append(anchor)
            except (ValueError, KeyError, TypeError):
                reading = replace(reading, bad_line=number)
        reading = replace(reading, end_sha256=hash_of(line))
    return replace(reading, anchors=tuple(anchors))


def _anchor(line: bytes, public_hex: str, previous_sha256: str) -> Anchor | None:
    """The anchor of a line, None when it tells of a start. Raises ValueError, KeyError or TypeError when it is no line of ours."""
    told = json.loads(line)
    body = told["body"]
    try:
        signature = base64.b64decode(told["signature"], validate=True)
    except binascii.Error as error:
        raise ValueError("no signature") from error
    if not is_signed(public_hex, signature, _encoded(body).encode()) or body["previous"] != previous_sha256:
        raise ValueError("not signed, or not in its place")
    if body["kind"] == "started":
        return None
    return Anchor(
        tenant_id=body["tenant_id"],
        first=body["first"],
        last=body["last"],
        head_sha256=body["head_sha256"],
        root_sha256=body["root_sha256"],
        marks=body["marks"],
        at=datetime.fromisoformat(body["at"]),
    )
