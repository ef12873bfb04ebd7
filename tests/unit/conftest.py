"""What holds for every test of a part by itself."""

from __future__ import annotations

import pytest
from tests.support.patience import patient

__all__ = ["patient"]


@pytest.fixture(autouse=True)
def _patient(patient: None) -> None:
    """Servers may take their time; tests of how long they may set the bounds that they are about."""
