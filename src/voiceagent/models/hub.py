"""A model hub over HTTP: the second source of files. Resumes where it stopped; what arrives is verified by the caller."""

from __future__ import annotations

import http.client
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from voiceagent.kit.errors import Unavailable
from voiceagent.models.manifest import ModelFile
from voiceagent.models.placing import pieces
from voiceagent.models.wheels import Progress

DEFAULT_ENDPOINT = "https://huggingface.co"
TIMEOUT_S = 20.0


def fetch(file: ModelFile, part: Path, progress: Progress) -> None:
    """Have the bytes of `file` at `part`, going on from what is there.

    The address is `HF_ENDPOINT` (the variable that mirrors of the hub are set with) and the file's path on the hub.
    Raises Unavailable `model_source_unavailable`.
    """
    endpoint = os.environ.get("HF_ENDPOINT", DEFAULT_ENDPOINT).rstrip("/")
    if not endpoint.startswith(("https://", "http://")):
        raise Unavailable("model_source_unavailable", "HF_ENDPOINT is not an http(s) address")
    try:
        _download(f"{endpoint}/{file.hub_path}", part, file.size_bytes, progress)
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        raise Unavailable("model_source_unavailable", f"the hub did not give it: {type(error).__name__}") from error
    if part.stat().st_size < file.size_bytes:
        raise Unavailable("model_source_unavailable", "the hub stopped early; the next pull goes on from there")


def _download(url: str, part: Path, size_bytes: int, progress: Progress) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have == size_bytes:
        return
    headers = {"Range": f"bytes={have}-"} if 0 < have < size_bytes else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme is checked above
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
        resumed = response.status == 206
        done = have if resumed else 0
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab" if resumed else "wb") as out:
            for piece in _bounded(pieces(response), size_bytes - done):
                out.write(piece)
                done += len(piece)
                progress(done)


def _bounded(data: Iterator[bytes], limit_bytes: int) -> Iterator[bytes]:
    """At most `limit_bytes` and one piece: a server that never stops does not fill the disk."""
    for piece in data:
        yield piece
        limit_bytes -= len(piece)
        if limit_bytes < 0:
            return
