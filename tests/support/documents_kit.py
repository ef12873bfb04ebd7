"""The document module on a store, blobs and index in a temporary folder, with scripted embeddings; and small files of every kind."""

from __future__ import annotations

import io
import sqlite3
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from voiceagent.adapters.blobs.files import open_blobs
from voiceagent.adapters.bus.memory import open_bus
from voiceagent.adapters.cache.memory import open_cache
from voiceagent.adapters.embed.hashed import HashedEmbedder
from voiceagent.adapters.store.sql import open_store
from voiceagent.adapters.vectors.local import open_vectors
from voiceagent.documents.parse.blocks import Limits
from voiceagent.documents.parts import DocumentParts
from voiceagent.documents.sandbox import Sandbox
from voiceagent.documents.service import DocumentService, Upload
from voiceagent.documents.worker import DocumentWorker
from voiceagent.domain.document import Document
from voiceagent.domain.identity import ROLES, Principal, Tenant

OWNER = Principal("ten_a", "usr_owner", ROLES["owner"], "user")
COLLEAGUE = Principal("ten_a", "usr_colleague", ROLES["operator"], "user")
STRANGER = Principal("ten_b", "usr_stranger", ROLES["owner"], "user")

PATIENT = Limits(wall_s=400.0)
"""For tests of what is read: what a file may use of a processor holds, and how long it lies beside other work of the machine is left out."""


@dataclass
class DocumentsKit:
    """The module in parts, with shortcuts."""

    parts: DocumentParts
    service: DocumentService
    worker: DocumentWorker

    async def add(self, name: str, data: bytes | str, principal: Principal = OWNER, **options: object) -> Document:
        raw = data.encode() if isinstance(data, str) else data
        return await self.service.add(principal, Upload(name, "", pieces(raw), **options))  # type: ignore[arg-type]

    async def work(self) -> int:
        """Do every job that is due; returns how many."""
        done = 0
        while await self.worker.run_one():
            done += 1
        return done

    async def ready(self, name: str, data: bytes | str, principal: Principal = OWNER, **options: object) -> Document:
        document = await self.add(name, data, principal, **options)
        await self.work()
        return await self.service.get(principal, document.document_id)


@asynccontextmanager
async def documents_kit(folder: Path) -> AsyncIterator[DocumentsKit]:
    await _copy_migrated(folder / "store.sqlite3")
    parts = parts_in(folder)
    for tenant in ("ten_a", "ten_b"):
        await parts.store.directory.add_tenant(Tenant(tenant, tenant, datetime.now(UTC)))
    try:
        yield DocumentsKit(parts, DocumentService(parts), DocumentWorker(parts, name="worker_test"))
    finally:
        await parts.vectors.close()
        await parts.store.close()


def parts_in(folder: Path) -> DocumentParts:
    """The module's ports on the files of this folder; several processes may open them."""
    return DocumentParts(
        store=open_store(f"sqlite:///{folder}/store.sqlite3"),
        blobs=open_blobs(f"file://{folder}/blobs"),
        vectors=open_vectors(f"local://{folder}/vectors"),
        embedder=HashedEmbedder(64),
        bus=open_bus("memory://"),
        cache=open_cache("memory://"),
        sandbox=Sandbox(ocr="", limits=PATIENT),
    )


_migrated: dict[str, bytes] = {}


async def _copy_migrated(path: Path) -> None:
    """Migrating takes a second; once a test process is enough."""
    if "store" not in _migrated:
        store = open_store(f"sqlite:///{path}")
        await store.migrate()
        await store.close()
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        _migrated["store"] = path.read_bytes()
    path.write_bytes(_migrated["store"])


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 65_536):
        yield data[at : at + 65_536]


def pdf(*pages: str, size: int = 12) -> bytes:
    """A PDF of one line a text line, in Helvetica, with a right cross-reference table."""
    objects: list[bytes] = [b"", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for text in pages:
        lines = [line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)") for line in text.split("\n")]
        shown = " ".join(f"({line}) Tj 0 -{size * 1.3:.1f} Td" for line in lines)
        stream = f"BT /F1 {size} Tf 60 760 Td {shown} ET".encode("latin-1", "replace")
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 842] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> >>"
            % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[0] = b"<< /Type /Catalog /Pages 2 0 R >>"
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    out, offsets = io.BytesIO(), []
    out.write(b"%PDF-1.4\n")
    for number, body in enumerate(objects, start=1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % offset for offset in offsets)
    out.write(b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))
    return out.getvalue()


def archive(parts: dict[str, bytes | str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return out.getvalue()


_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def docx(body: str, **parts: bytes | str) -> bytes:
    """A Word file with this body XML and, by name with `__` for `/`, further parts."""
    document = f'<?xml version="1.0" encoding="UTF-8"?><w:document {_W}><w:body>{body}</w:body></w:document>'
    styles = (
        f'<w:styles {_W}><w:style w:styleId="H1"><w:name w:val="heading 1"/></w:style>'
        '<w:style w:styleId="H1b"><w:name w:val="mine"/><w:basedOn w:val="H1"/></w:style></w:styles>'
    )
    more = {name.replace("__", "/") + ".xml": data for name, data in parts.items()}
    return archive({"[Content_Types].xml": "<Types/>", "word/document.xml": document, "word/styles.xml": styles} | more)


def paragraph(text: str, properties: str = "", run: str = "") -> str:
    return (
        f'<w:p><w:pPr>{properties}</w:pPr><w:r><w:rPr>{run}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'
    )
