"""What the installed packages may do before anybody calls them: no start-up files, and no network and no program when the product is imported."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

SITE = Path(sysconfig.get_paths()["purelib"])
STARTUP = {"_voiceagent.pth", "distutils-precedence.pth", "__editable__.voiceagent.pth", "_virtualenv.pth"}
"""Files that Python runs at every start: our own editable installation, setuptools' and virtualenv's."""

_WATCHED = """
import sys
seen = []
def hook(event, arguments):
    if event.startswith(("socket.connect", "socket.getaddrinfo", "socket.send", "urllib.", "subprocess.", "os.exec", "os.posix_spawn", "os.system", "os.fork")):
        seen.append((event, str(arguments)[:200]))
sys.addaudithook(hook)
import importlib, pkgutil, voiceagent
for module in pkgutil.walk_packages(voiceagent.__path__, "voiceagent."):
    if module.name.rpartition(".")[2] != "__main__":
        try:
            importlib.import_module(module.name)
        except ImportError as missing:
            if (missing.name or "").startswith("voiceagent"):
                raise
print(len([name for name in sys.modules if name.startswith("voiceagent")]))
print("\\n".join(map(repr, seen)))
"""


def test_no_package_has_left_a_file_that_python_runs_at_its_start() -> None:
    found = {path.name for path in SITE.glob("*.pth")}
    assert found <= STARTUP
    assert not list(SITE.glob("sitecustomize*")) and not list(SITE.glob("usercustomize*"))


def test_start_up_files_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "evil.pth").write_text("import os")
    assert not {path.name for path in tmp_path.glob("*.pth")} <= STARTUP


def test_importing_everything_connects_to_nobody_and_starts_nothing() -> None:
    told = subprocess.run([sys.executable, "-c", _WATCHED], capture_output=True, text=True, timeout=400, check=False)
    assert told.returncode == 0, told.stderr[-2000:]
    count, *seen = told.stdout.strip().splitlines()
    assert int(count) > 300
    assert not [one for one in seen if not _is_harmless(one)], seen


def _is_harmless(event: str) -> bool:
    """`ldconfig` and its like, which ctypes.util asks for the place of a shared library."""
    return re.search(r"ldconfig|gcc|objdump|\bld\b", event) is not None


def test_the_watch_sees_what_it_looks_for() -> None:
    noisy = _WATCHED.replace("import importlib", "import subprocess; subprocess.run(['true']); import importlib", 1)
    noisy = noisy.replace("voiceagent.__path__", "[]")
    told = subprocess.run([sys.executable, "-c", noisy], capture_output=True, text=True, timeout=400, check=True)
    assert "subprocess.Popen" in told.stdout


@pytest.mark.parametrize("folder", [".vscode", ".idea", ".claude", ".cursor", ".devcontainer", ".husky"])
def test_the_repository_holds_nothing_that_an_editor_runs_when_it_is_opened(folder: str) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", folder], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert tracked.stdout == ""
