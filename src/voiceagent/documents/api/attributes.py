"""What callers say of a file of a vector store, and filters over it, as OpenAI's clients write them. Searches nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from voiceagent.documents.parts import ATTRIBUTES_KEY
from voiceagent.domain.document import Document
from voiceagent.kit.errors import InvalidInput

Value = str | float | bool
Attributes = dict[str, Value]
Filter = Callable[[Mapping[str, Value]], bool]

READ = ("kind", "language")
"""Attributes that are read from the file itself."""

MOST, KEY_CHARS, VALUE_CHARS = 16, 64, 512
_MOST_CONDITIONS, _DEPTH = 64, 4


def checked(told: Mapping[str, Any] | None) -> Attributes | None:
    """The attributes that a caller gives a file; None when they say nothing of them. Raises InvalidInput `bad_attributes`."""
    if told is None:
        return None
    if len(told) > MOST:
        raise _refused(f"a file may have {MOST} attributes")
    for name, value in told.items():
        if not 1 <= len(name) <= KEY_CHARS or name in READ:
            raise _refused(
                f"an attribute's name has 1 to {KEY_CHARS} characters; {' and '.join(READ)} are read from the file"
            )
        if not _is_value(value):
            raise _refused(f"an attribute is a text of at most {VALUE_CHARS} characters, a number or a boolean")
    return dict(told)


def attributes_of(document: Document) -> Attributes:
    """What is read from the file, and what was said of it."""
    told = document.metadata.get(ATTRIBUTES_KEY)
    own: Attributes = told if isinstance(told, dict) else {}
    return {"kind": document.kind, "language": document.language, **own}


def narrowing(filters: Mapping[str, Any] | None) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Filters as kinds and languages, which the index knows by itself: equal to one or in several, joined by `and`; None for any other."""
    if filters is None:
        return (), ()
    parts = filters.get("filters") if filters.get("type") == "and" else [filters]
    found: dict[str, tuple[str, ...]] = {}
    for one in parts if isinstance(parts, list) else [{}]:
        told = one if isinstance(one, dict) else {}
        name, value = str(told.get("key")), told.get("value")
        several = value if told.get("type") == "in" else [value] if told.get("type") == "eq" else []
        values = [each for each in several if isinstance(each, str)] if isinstance(several, list) else []
        if name not in READ or name in found or not values or values != several:
            return None
        found[name] = tuple(values)
    return found.get("kind", ()), found.get("language", ())


def filter_of(filters: object) -> Filter:
    """Whether a file's attributes fulfil OpenAI's comparisons, joined by `and` and `or`. Raises InvalidInput `bad_filter`.

    A file without the attribute fulfils `ne` and `nin` only; texts are compared with texts, numbers with numbers.
    """
    left = [_MOST_CONDITIONS]
    return _filter(filters, _DEPTH, left)


def _filter(told: object, depth: int, left: list[int]) -> Filter:
    left[0] -= 1
    if not isinstance(told, dict) or depth < 0 or left[0] < 0:
        raise _bad_filter()
    kind, parts = told.get("type"), told.get("filters")
    if kind in ("and", "or"):
        if not isinstance(parts, list) or not parts:
            raise _bad_filter()
        inner = [_filter(one, depth - 1, left) for one in parts]
        joined = all if kind == "and" else any
        return lambda attributes: joined(one(attributes) for one in inner)
    return _comparison(str(kind), told.get("key"), told.get("value"))


def _comparison(kind: str, name: object, value: object) -> Filter:
    if not isinstance(name, str):
        raise _bad_filter()
    if kind in ("in", "nin"):
        if not isinstance(value, list) or not value or not all(_is_value(one) for one in value):
            raise _bad_filter()
        wanted = {_typed(one) for one in value}
        return lambda attributes: (name in attributes and _typed(attributes[name]) in wanted) is (kind == "in")
    if not _is_value(value):
        raise _bad_filter()
    if kind in ("eq", "ne"):
        return lambda attributes: (name in attributes and _typed(attributes[name]) == _typed(value)) is (kind == "eq")
    if kind not in _ORDERS or isinstance(value, bool):
        raise _bad_filter()
    return lambda attributes: name in attributes and _in_order(kind, attributes[name], value)


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda one, other: one > other,
    "gte": lambda one, other: one >= other,
    "lt": lambda one, other: one < other,
    "lte": lambda one, other: one <= other,
}


def _in_order(kind: str, one: Value, other: object) -> bool:
    return _typed(one)[0] == _typed(other)[0] and _ORDERS[kind](one, other)


def _typed(value: object) -> tuple[str, object]:
    """True is not 1, and "1" is not 1."""
    return ("boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number", value)


def _is_value(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= VALUE_CHARS
    return isinstance(value, bool) or (isinstance(value, int | float) and math.isfinite(value))


def _refused(message: str) -> InvalidInput:
    return InvalidInput("bad_attributes", message, param="attributes")


def _bad_filter() -> InvalidInput:
    message = "a filter compares an attribute by eq, ne, gt, gte, lt, lte, in or nin, or joins filters by and or or"
    return InvalidInput("bad_filter", message, param="filters")
