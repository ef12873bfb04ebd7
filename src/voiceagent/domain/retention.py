"""How much may be removed for its age on one day: a clock that jumps must not empty a platform. No storage."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

SHARE_A_DAY = 0.05
"""More than this share of a class on one day is not removed before somebody has approved it."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What was removed of a class on a day. approved: removals beyond the share that somebody allowed, and that are not used up."""

    day: date
    count: int = 0
    approved: int = 0


def permitted(due: int, total: int, spent: Spent, today: date) -> int:
    """How many of `due` may be removed now: all of them, or none.

    A class keeps its day's share however the clock moves: a day before the last one that is known, too, is no fresh day.
    """
    used = 0 if today > spent.day else spent.count
    share = max(1, math.ceil((total + used) * SHARE_A_DAY))
    return due if used + due <= share or due <= spent.approved else 0


def after(removed: int, spent: Spent, today: date) -> Spent:
    """What is spent once `removed` are gone. An approval is used up by what it allowed."""
    count = removed + (0 if today > spent.day else spent.count)
    return Spent(max(today, spent.day), count, max(0, spent.approved - removed))
