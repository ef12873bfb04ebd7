"""Whose a recording of a session is: the small file that lies beside its sound. Ids only, nothing that was said."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

LOG_FILE = "events.jsonl"
"""What happened in the session, word by word."""
ABOUT_FILE = "about.json"
RAW_FILE = "raw"
"""Lies, empty, beside sound whose personal data is still to be bleeped: nobody is given such a recording."""


@dataclass(frozen=True, slots=True)
class RecordingAbout:
    """The session that was recorded. subject: who talked."""

    tenant_id: str
    subject: str
    conversation_id: str
    started_at: datetime


def packed(about: RecordingAbout) -> bytes:
    """The content of ABOUT_FILE."""
    return json.dumps(asdict(about) | {"started_at": about.started_at.isoformat()}).encode()


def unpacked(data: bytes) -> RecordingAbout:
    """What `packed` made. Raises ValueError, KeyError or TypeError when it is none."""
    told = json.loads(data)
    return RecordingAbout(
        str(told["tenant_id"]),
        str(told["subject"]),
        str(told["conversation_id"]),
        datetime.fromisoformat(told["started_at"]),
    )
