"""The digest of a request's body as it comes, so that a large one need not be held."""

from __future__ import annotations

import hashlib
import re

from starlette.requests import Request
from starlette.types import Message

_BOUNDARY = re.compile(r'boundary="?([^";,\s]{1,70})"?')


class DigestedBody:
    """Hands pieces of a body on and digests them. A form's boundary, which clients draw anew for each try, is left out."""

    def __init__(self, request: Request) -> None:
        self._request = request
        content_type = request.headers.get("content-type", "")
        found = _BOUNDARY.search(content_type) if content_type.startswith("multipart/") else None
        self._boundary = found.group(1).encode("latin-1") if found else b""
        self._digest = hashlib.sha256(f"{content_type.partition(';')[0]}\0{request.url.query}\0".encode())
        self._held_back = b""
        self._ended = False

    async def receive(self) -> Message:
        message = await self._request.receive()
        if message["type"] == "http.request" and not self._ended:
            self._add(message.get("body", b""))
            self._ended = not message.get("more_body", False)
        return message

    async def sha256(self) -> str:
        """The digest of the whole; reads what nobody has read."""
        while not self._ended:
            if (await self.receive())["type"] == "http.disconnect":
                break
        whole = self._digest.copy()
        whole.update(self._held_back)
        return whole.hexdigest()

    def _add(self, piece: bytes) -> None:
        if not self._boundary:
            self._digest.update(piece)
            return
        known = (self._held_back + piece).replace(self._boundary, b"")
        kept = len(self._boundary) - 1
        cut = max(0, len(known) - kept)
        self._digest.update(known[:cut])
        self._held_back = known[cut:]
