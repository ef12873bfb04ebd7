"""Where tests find real models: VOICEAGENT_MODELS__DIR, the repository's .cache/models, or the user's cache. Absent: skipped by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from voiceagent.kit.errors import Misconfigured
from voiceagent.models.store import ModelStore, default_root


def model_path(name: str) -> Path:
    """The installed model's file or folder."""
    roots = [os.environ.get("VOICEAGENT_MODELS__DIR", ""), str(Path(__file__).parents[2] / ".cache" / "models")]
    for root in [*filter(None, roots), str(default_root())]:
        try:
            return ModelStore(Path(root)).path(name)
        except Misconfigured:
            continue
    pytest.skip(f"missing: model {name} (voiceagent models pull, or set VOICEAGENT_MODELS__DIR)")


class TestModels:
    """The model paths port over `model_path`."""

    __test__ = False

    def path(self, name: str) -> Path:
        return model_path(name)
