"""Metrics of a process, under one naming rule. What is counted stands where it happens; how it is exposed stands in web/."""

from __future__ import annotations

import re
from collections.abc import Sequence

from prometheus_client import Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
UNITS = ("total", "seconds", "bytes", "ratio", "tokens", "sessions", "requests", "jobs", "rows", "streams", "info")
_NAME = re.compile(rf"voiceagent_[a-z]+(_[a-z0-9]+)+_({'|'.join(UNITS)})")

SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.5, 2.5, 5.0, 10.0)
"""Fine where a spoken turn lives (50 ms to 1.5 s), coarse beyond."""


def counter(name: str, about: str, labels: Sequence[str] = ()) -> Counter:
    """A number that only grows. `name` is `voiceagent_<area>_<thing>_total`."""
    return Counter(_checked(name), about, labels)


def gauge(name: str, about: str, labels: Sequence[str] = ()) -> Gauge:
    """A number that goes up and down."""
    return Gauge(_checked(name), about, labels)


def histogram(
    name: str, about: str, labels: Sequence[str] = (), buckets: Sequence[float] = SECONDS_BUCKETS
) -> Histogram:
    """A distribution, by default of durations in seconds."""
    return Histogram(_checked(name), about, labels, buckets=tuple(buckets))


def exposition() -> bytes:
    """Every metric in the Prometheus text format (`CONTENT_TYPE`)."""
    return generate_latest()


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"metric {name} is not voiceagent_<area>_<thing>_<unit>, unit one of {', '.join(UNITS)}")
    return name
