"""Where the files of a model lie on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class ModelPaths(Protocol):
    """Finds installed models by name."""

    def path(self, name: str) -> Path:
        """The model's file, or its folder when it has several.

        Raises Misconfigured `model_missing` or `model_corrupt`; the message says what to do.
        """
        ...
