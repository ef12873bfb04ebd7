"""JSON as it should be: no duplicate keys, no NaN or infinity, bounded depth and number of keys, no half surrogates."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, NoReturn

from voiceagent.kit.errors import InvalidInput

MAX_DEPTH = 32
MAX_KEYS = 10_000


def strict_loads(raw: bytes | str) -> Any:
    """The value that `raw` (UTF-8) holds. Raises InvalidInput `bad_json`, `json_duplicate_key`, `json_too_deep` or `json_too_many_keys`."""
    pairs = _PairCounter()
    try:
        text = raw.decode("utf-8") if isinstance(raw, bytes) else raw
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=_refuse_constant, parse_float=_finite)
        if "\\u" in text:
            _refuse_half_surrogates(value)
    except RecursionError as error:
        raise InvalidInput("json_too_deep", f"The JSON is nested deeper than {MAX_DEPTH} levels.") from error
    except ValueError as error:
        raise InvalidInput("bad_json", "The body is not valid JSON.") from error
    _check_depth(value)
    return value


class _PairCounter:
    """Builds each object and counts keys over the whole text."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        self._count += len(pairs)
        if self._count > MAX_KEYS:
            raise InvalidInput("json_too_many_keys", f"The JSON has more than {MAX_KEYS} keys.")
        made = dict(pairs)
        if len(made) != len(pairs):
            raise InvalidInput("json_duplicate_key", "An object of the JSON has the same key twice.")
        return made


def _refuse_constant(_name: str) -> NoReturn:
    raise InvalidInput("bad_json", "NaN and Infinity are not JSON.")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise InvalidInput("bad_json", "A number of the JSON is out of range.")
    return number


def _refuse_half_surrogates(value: Any) -> None:
    json.dumps(value, ensure_ascii=False).encode("utf-8")  # UnicodeEncodeError is a ValueError


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        level = [child for item in level for child in _children(item)]
        depth += 1
        if depth > MAX_DEPTH and level:
            raise InvalidInput("json_too_deep", f"The JSON is nested deeper than {MAX_DEPTH} levels.")


def _children(item: Any) -> list[Any]:
    values: list[Any] = list(item.values()) if isinstance(item, dict) else item if isinstance(item, list) else []
    return [child for child in values if isinstance(child, (dict, list))]
