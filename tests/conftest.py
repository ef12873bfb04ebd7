"""What every test may rely on: data folders of its own, the real models, and a run in CI that hides nothing."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from voiceagent.kit.errors import Problem
from voiceagent.models.store import ModelStore

ROOT = Path(__file__).resolve().parent.parent
MODELS_ROOT = Path(os.environ.get("VOICEAGENT_MODELS__DIR", ROOT / ".cache" / "models"))


def pytest_configure(config: pytest.Config) -> None:
    # What an example takes says something about the machine that it runs on, and nothing about the product.
    free = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
    hypothesis_settings.register_profile("here", **free)
    hypothesis_settings.register_profile("ci", derandomize=True, **free)
    # In CI the same examples in every run: new ones are looked for here and by bench/security.
    hypothesis_settings.load_profile("ci" if os.environ.get("VOICEAGENT_CI") == "1" else "here")
    # Binaries of test servers that were unpacked by hand or by .ci/run.
    os.environ["PATH"] = f"{ROOT / '.cache' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, Any, Any]:
    """In CI a test that is skipped because something is missing fails: there everything must be there."""
    report = yield
    return _strict(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    report = yield
    return _strict(report)


def _strict(report: Any) -> Any:
    if os.environ.get("VOICEAGENT_CI") != "1" or not report.skipped or hasattr(report, "wasxfail"):
        return report
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if reason.removeprefix("Skipped: ").startswith("missing:"):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: skipped although this run must skip nothing: {reason}"
    return report


@pytest.fixture(scope="session")
def model_store() -> ModelStore:
    """The real models, fetched once and kept between runs."""
    store = ModelStore(MODELS_ROOT)
    try:
        store.pull()
    except Problem as problem:
        pytest.skip(f"missing: models ({problem.code}: {problem.message.splitlines()[0]})")
    return store


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty data folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def own_logging() -> Iterator[None]:
    """For tests that set up logging as a process does: what was set up before is put back."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    configured = structlog.get_config()
    yield
    root.handlers[:] = before
    root.setLevel(level)
    structlog.configure(**configured)
