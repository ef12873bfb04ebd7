"""Joins two rankings of the same chunks into one score between 0 and 1."""

from __future__ import annotations

from collections.abc import Mapping

MEANING_WEIGHT = 0.6
"""Share of meaning in the fused score. Measured 2026-11-23 on two judged sets (bench/retrieval): from 0.5 to 0.7 the fused nDCG@10 is
above words alone and above meaning alone on both; reciprocal rank fusion is below meaning alone on one of them."""


def fuse(words: Mapping[int, float], meaning: Mapping[int, float], floor: float) -> dict[int, float]:
    """Scores by row. words: BM25, higher is better.  meaning: cosine of every row that has a vector, those found by words too.

    floor: the cosine of the last row that meaning alone would have returned; it counts as 0, the best one as 1.
    """
    best_words = max(words.values(), default=0.0)
    best_meaning = max(meaning.values(), default=0.0)
    reach = best_meaning - floor
    fused: dict[int, float] = {}
    for row in {*words, *meaning}:
        by_words = words.get(row, 0.0) / best_words if best_words > 0 else 0.0
        by_meaning = (meaning[row] - floor) / reach if row in meaning and reach > 1e-6 else float(row in meaning)
        fused[row] = (1.0 - MEANING_WEIGHT) * by_words + MEANING_WEIGHT * max(by_meaning, -1.0)
    return fused
