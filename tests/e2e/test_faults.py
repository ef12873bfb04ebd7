"""Cells of the fault matrix as tests, on the real servers. `bench/faults/run.py` does all of them, and measures."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.faults.cell import cell
from bench.faults.stand import stand
from tests.support.servers import binary

CELLS = (
    ("postgresql", "refuse"),
    ("redis", "kill"),
    ("llm", "reset"),
    ("stt", "black_hole"),
    ("tts", "lost_reply"),
    ("weaviate", "refuse"),
    ("s3", "flap"),
    ("engine", "kill"),
    ("voice", "freeze"),
)
PATIENCE = 5.0
COMES_BACK_S = 300.0
"""Far more than the benchmark asks: a busy machine is no fault here, a part that does not come back is."""


@pytest.mark.timeout(1800)
async def test_no_fault_kills_a_process_loses_what_was_acknowledged_or_leaves_a_part_down(tmp_path: Path) -> None:
    for name in ("postgres", "redis-server", "minio", "weaviate"):
        binary(name, *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"))))
    async with stand(tmp_path) as made:
        for part, fault in CELLS:
            verdict = await cell(made, part, fault, fault_s=2.0, freeze_s=4.0, patience=PATIENCE)
            assert verdict.died == [], verdict
            assert verdict.lost == [], verdict
            assert verdict.recovery_s < COMES_BACK_S, verdict
            if part not in ("postgresql",):
                assert verdict.completed > 0, verdict
