"""The dashboard's own checks, by its own tools: style, types, and its tests in jsdom."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from tests.conftest import ROOT

FOLDER = ROOT / "dashboard"
NPM = shutil.which("npm")
pytestmark = [
    pytest.mark.skipif(NPM is None, reason="missing: npm, of Node 20.19 or newer"),
    pytest.mark.skipif(
        not (FOLDER / "node_modules").is_dir(), reason="missing: the dashboard's packages (make dashboard)"
    ),
    pytest.mark.timeout(900),
]


@pytest.mark.parametrize("script", ["lint", "types", "test"])
def test_the_dashboards_own_checks_pass(script: str) -> None:
    assert NPM is not None
    done = subprocess.run([NPM, "run", "--silent", script], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
