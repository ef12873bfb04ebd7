"""A manifest of two tiny models and the wheels that carry them."""

from __future__ import annotations

import zipfile
from hashlib import sha256
from pathlib import Path

from voiceagent.models.manifest import Manifest, Member, Model, ModelFile

EAR = b"ear weights " * 400_000
LIST = b'{"words": ["one", "two"]}'
MOUTH = b"mouth weights " * 1_000
HALF = len(EAR) // 2


def _file(name: str, data: bytes, *members: str, hub_path: str = "") -> ModelFile:
    pieces = tuple(Member(*member.split(":")) for member in members)
    return ModelFile(name, len(data), sha256(data).hexdigest(), pieces, hub_path)


def manifest(hub: bool = False) -> Manifest:
    """`ear`: two files, one in two halves in two wheels.  `mouth`: one file."""
    ear = Model(
        name="ear",
        role="stt",
        summary="hears",
        licence="MIT",
        files=(
            _file("ear.bin", EAR, "small-ear-one==1.0:small_ear/ear.part1", "small-ear-two==1.0:small_ear/ear.part2"),
            _file("list.json", LIST, "small-ear-one==1.0:small_ear/list.json"),
        ),
        wanted=True,
    )
    hub_path = "someone/mouth/resolve/main/mouth.bin" if hub else ""
    mouth = Model(
        name="mouth",
        role="tts",
        summary="speaks",
        licence="MIT",
        files=(_file("mouth.bin", MOUTH, "small-mouth==2.1:mouth.bin", hub_path=hub_path),),
        entry="mouth.bin",
    )
    sizes = {"small-ear-one==1.0": 20_000, "small-ear-two==1.0": 20_000, "small-mouth==2.1": 500}
    return Manifest({"ear": ear, "mouth": mouth}, sizes)


def write_wheel(folder: Path, name: str, version: str, content: dict[str, bytes]) -> Path:
    """A wheel that pip accepts."""
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in content.items():
            archive.writestr(path, data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def write_wheels(folder: Path) -> None:
    """All the wheels of the manifest."""
    write_wheel(folder, "small_ear_one", "1.0", {"small_ear/ear.part1": EAR[:HALF], "small_ear/list.json": LIST})
    write_wheel(folder, "small_ear_two", "1.0", {"small_ear/ear.part2": EAR[HALF:]})
    write_wheel(folder, "small_mouth", "2.1", {"mouth.bin": MOUTH})
