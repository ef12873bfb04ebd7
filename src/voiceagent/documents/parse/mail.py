"""Reads e-mails (EML): who, when, about what, then the words. Attachments are named, never opened."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from email.message import EmailMessage

from voiceagent.documents.parse.blocks import Block, ReadFailure, Task
from voiceagent.documents.parse.html import blocks_of
from voiceagent.documents.parse.text import decode, paragraphs

_MAX_PARTS = 200
_HEADER_BYTES = 16_384
_HEADER_LINE = re.compile(rb"^[A-Za-z][A-Za-z0-9-]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*", re.MULTILINE)
_SHOWN = ("From", "To", "Cc", "Date")
_SAMPLE = (
    b"From: =?utf-8?q?a?= <a@example.org>\nTo: b@example.org\nDate: Mon, 1 Jan 2024 00:00:00 +0000\nSubject: =?utf-8?b?YQ==?=\n"
    b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain; charset=utf-8\n"
    b"Content-Transfer-Encoding: quoted-printable\n\na=20b\n--x\nContent-Transfer-Encoding: base64\n\nYQ==\n--x\n"
    b"Content-Transfer-Encoding: x-uuencode\n\nbegin 644 a\n!80``\n`\nend\n--x--\n"
)


def read(task: Task) -> Iterator[list[Block]]:
    """The message as one page: subject as heading, sender and date, the plain text or, without one, the HTML."""
    _check_headers(task.data)
    message = email.message_from_bytes(task.data, policy=email.policy.default)
    if not isinstance(message, EmailMessage) or not (message["From"] or message["Subject"]):
        raise ReadFailure("type_mismatch", "the file is not an e-mail")
    subject = str(message["Subject"] or "")
    task.properties.update(title=subject, authors=str(message["From"] or ""), created=str(message["Date"] or ""))
    blocks = [Block("heading", subject, 1)]
    blocks.append(Block("text", "\n".join(f"{name}: {message[name]}" for name in _SHOWN if message[name])))
    yield [*blocks, *_body(message, task)]


def _check_headers(data: bytes) -> None:
    """Python reads headers in time that grows with their square; honest ones are far shorter than this."""
    if any(len(line) > _HEADER_BYTES for line in _HEADER_LINE.findall(data)):
        raise ReadFailure("too_complex", f"a header of the e-mail is longer than {_HEADER_BYTES} bytes")


def _load_everything() -> None:
    """Python's e-mail package imports much of itself when it is first used; behind the locks of the child it no longer can."""
    sample = email.message_from_bytes(_SAMPLE, policy=email.policy.default)
    for name in _SHOWN:
        str(sample[name])
    for part in sample.walk():
        part.get_payload(decode=True)
        part.get_filename()
        part.get_content_charset()


def _body(message: EmailMessage, task: Task) -> list[Block]:
    plain: list[Block] = []
    marked: list[Block] = []
    names: list[str] = []
    for number, part in enumerate(message.walk()):
        if number >= _MAX_PARTS:
            raise ReadFailure("too_complex", f"the e-mail has more than {_MAX_PARTS} parts")
        if part.is_multipart():
            continue
        if part.get_filename():
            names.append(str(part.get_filename()))
            continue
        payload = part.get_payload(decode=True)
        if not isinstance(payload, bytes):
            continue
        if part.get_content_type() == "text/plain":
            plain.extend(paragraphs(decode(payload, part.get_content_charset() or "")))
        elif part.get_content_type() == "text/html":
            marked.extend(blocks_of(payload, task.hidden))
    attached = [Block("text", "Attachments: " + ", ".join(names))] if names else []
    return [*(plain or marked), *attached]


_load_everything()
