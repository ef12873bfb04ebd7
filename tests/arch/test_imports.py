"""The import rule. The contracts stand in pyproject.toml; here they run, and here it is checked that they watch every pure file."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.arch.source_tree import ROOT, SOURCE

PURE = ("domain", "voice/turn.py", "voice/endpoint.py", "voice/segment.py", "engine/cite.py", "documents/split.py")


def test_the_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_contract_of_pure_files_names_each_of_them() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = [one for one in settings["tool"]["importlinter"]["contracts"] if one["name"].startswith("Pure files")]
    there = {f"voiceagent.{path.removesuffix('.py').replace('/', '.')}" for path in PURE if (SOURCE / path).exists()}
    assert there <= set(contract["source_modules"])
