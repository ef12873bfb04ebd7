"""What data rights are made of in this installation, their work in the background, and their part in a start and a restore."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import structlog

from voiceagent.apps.build import opened
from voiceagent.apps.custody.signing import audit_signer
from voiceagent.apps.parts import Parts
from voiceagent.apps.privacy import masked, subject_names
from voiceagent.apps.settings import Settings
from voiceagent.documents.service import erase
from voiceagent.ports.store import Store
from voiceagent.rights.holds import Retention
from voiceagent.rights.parts import RightsParts
from voiceagent.rights.recordings import Recordings
from voiceagent.rights.retention import RetentionWork
from voiceagent.rights.routes import privacy_routes
from voiceagent.rights.tombstones import Tombstones
from voiceagent.rights.worker import RightsWorker
from voiceagent.web.app import Router

_log = structlog.get_logger(__name__)


def rights_parts(parts: Parts, tombstones: Tombstones) -> RightsParts:
    """Data rights over the ports of this process: store, blobs, vectors, cache."""
    return _made(parts, parts.store, tombstones)


def _made(parts: Parts, store: Store, tombstones: Tombstones) -> RightsParts:
    settings = parts.settings
    folder = Path(settings.recordings.dir).expanduser() if settings.recordings.dir else None
    return RightsParts(
        store,
        tombstones,
        Recordings(folder),
        subject_names(settings),
        audit_signer(settings),
        partial(erase, parts),
        parts.vectors,
        keys=parts.keys,
        clock=parts.clock,
        documents=settings.privacy.erased_documents,
    )


async def open_tombstones(settings: Settings) -> Tombstones:
    """The list of the erased."""
    blobs = await opened("blobs", settings.filled(settings.privacy.tombstones_url))
    return Tombstones(blobs, audit_signer(settings))


def default_retention(settings: Settings) -> Retention:
    """How long what is kept where an organisation has not said it."""
    privacy = settings.privacy
    return Retention(privacy.audio_days or None, privacy.transcripts_days or None, privacy.documents_days or None)


def routes(rights: RightsParts, settings: Settings) -> Router:
    """/api/v1/privacy."""
    words = masked if "exports" in settings.privacy.redact else None
    return privacy_routes(rights, default_retention(settings), words)


async def open_rights(parts: Parts) -> RightsParts:
    """Data rights over the ports of this process; closed with them."""
    tombstones = await open_tombstones(parts.settings)
    parts.adopt("tombstones", tombstones)
    return rights_parts(parts, tombstones)


async def start_rights(parts: Parts) -> RightsParts:
    """Erase again what a restored backup has brought back, before anything is served; then erase and forget in the background."""
    rights = await open_rights(parts)
    worker = RightsWorker(rights)
    replayed = await worker.replay()
    if replayed:
        _log.warning("erasures_replayed", count=replayed)
    parts.background(worker.run(), name="rights_worker")
    parts.background(RetentionWork(rights, default_retention(parts.settings)).run(), name="retention")
    return rights


async def replay_after_restore(settings: Settings, store: Store) -> int:
    """The erasures that a restored store does not know of, carried out again. Nothing else may run."""
    parts = Parts(settings, apart=True)
    try:
        await parts.open("blobs", "vectors", "cache")
        tombstones = await open_tombstones(settings)
        parts.adopt("tombstones", tombstones)
        return await RightsWorker(_made(parts, store, tombstones)).replay()
    finally:
        await parts.close()
