"""Filters over what is said of files: comparisons as OpenAI's clients write them, of unlike types, of files without the attribute."""

from __future__ import annotations

from typing import Any

import pytest

from voiceagent.documents.api.attributes import filter_of

FILE = {"topic": "roses", "year": 2024, "draft": False, "kind": "manual"}


def compared(kind: str, key: str, value: Any) -> bool:
    return filter_of({"type": kind, "key": key, "value": value})(FILE)


@pytest.mark.parametrize(
    ("kind", "key", "value", "passes"),
    [
        ("eq", "topic", "roses", True),
        ("eq", "topic", "Roses", False),
        ("ne", "topic", "roses", False),
        ("ne", "topic", "tulips", True),
        ("eq", "year", 2024.0, True),
        ("eq", "year", "2024", False),
        ("eq", "draft", False, True),
        ("eq", "draft", 0, False),
        ("gt", "year", 2023, True),
        ("gt", "year", 2024, False),
        ("gte", "year", 2024, True),
        ("lt", "year", 2025, True),
        ("lte", "year", 2023, False),
        ("gt", "topic", "apples", True),
        ("gt", "topic", 1, False),
        ("lt", "draft", 5, False),
        ("in", "topic", ["tulips", "roses"], True),
        ("in", "topic", [1], False),
        ("nin", "topic", ["tulips"], True),
        ("nin", "topic", ["roses"], False),
        ("eq", "author", "x", False),
        ("in", "author", ["x"], False),
        ("lt", "author", "x", False),
        ("ne", "author", "x", True),
        ("nin", "author", ["x"], True),
    ],
)
def test_a_comparison(kind: str, key: str, value: Any, passes: bool) -> None:
    assert compared(kind, key, value) is passes


def test_comparisons_are_joined() -> None:
    roses, old = {"type": "eq", "key": "topic", "value": "roses"}, {"type": "lt", "key": "year", "value": 2000}
    assert filter_of({"type": "or", "filters": [roses, old]})(FILE)
    assert not filter_of({"type": "and", "filters": [roses, old]})(FILE)
    assert filter_of({"type": "and", "filters": [roses, {"type": "or", "filters": [old, roses]}]})(FILE)
