"""An operator changes the embedding model of a running platform while people search and ask; the process is killed half-way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bench.retrieval.reindex import measure
from tests.conftest import MODELS_ROOT, ROOT

pytestmark = pytest.mark.timeout(900)


async def test_nobody_who_searches_notices_another_model(monkeypatch: pytest.MonkeyPatch) -> None:
    data = Path(os.environ.get("VOICEAGENT_DATA") or ROOT.parent / "shared" / "data")
    if not (data / "qa" / "xquad-en" / "corpus.jsonl").exists():
        pytest.skip("missing: the judged set qa/xquad-en (set VOICEAGENT_DATA)")
    monkeypatch.setenv("VOICEAGENT_MODELS__DIR", str(MODELS_ROOT))
    told = await measure(data, 8)
    assert told["searches"] > 100 and told["asked"] > 0
    assert (told["failed"], told["empty"], told["as_neither"], told["old_after_new"]) == (0, 0, 0, 0)
    assert told["as_the_old_model"] > 0 and told["as_the_new_model"] > 0
