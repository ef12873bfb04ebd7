"""What of an installation is backed up besides the database: where the stores lie, and which small files of the data folder belong to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from voiceagent.apps.build import opened
from voiceagent.apps.custody.signing import KEY_FILE as SIGNING_FILE
from voiceagent.apps.keyring import TOKEN_FILE
from voiceagent.apps.privacy import SECRET_FILE
from voiceagent.apps.settings import KEY_FILE, Settings
from voiceagent.ports.blobs import BlobStore


def small_files(settings: Settings) -> dict[str, Path]:
    """The files that an installation needs to go on as it was, by the names that a backup gives them. Never a key of the data."""
    data = settings.data.dir.expanduser()
    files = {name: data / name for name in (TOKEN_FILE, SIGNING_FILE, KEY_FILE, SECRET_FILE)}
    scheme, _, place = settings.url("anchors").partition("://")
    return files | ({"anchors": Path(unquote(place))} if scheme == "file" else {})


def read_small_files(settings: Settings) -> dict[str, bytes]:
    """Those that there are."""
    return {name: path.read_bytes() for name, path in small_files(settings).items() if path.is_file()}


async def raw_blobs(settings: Settings) -> BlobStore:
    """The objects as they lie there, sealed."""
    blobs: BlobStore = await opened("blobs", settings.url("blobs"))
    return blobs


async def raw_ring(settings: Settings) -> BlobStore | None:
    """The organisations' keys, wrapped by the root key; None when nothing is encrypted."""
    if not settings.keys.url:
        return None
    ring: BlobStore = await opened("blobs", settings.filled(settings.keys.ring_url))
    return ring


def recordings(settings: Settings) -> Iterator[tuple[str, Path]]:
    """The files of the recordings, by their place in the folder."""
    if not settings.recordings.dir:
        return
    folder = Path(settings.filled(settings.recordings.dir)).expanduser()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def shown_settings(settings: Settings) -> dict[str, object]:
    """The settings without their secrets, for whoever has to build the installation again."""
    told: dict[str, object] = json.loads(settings.model_dump_json())
    return told
