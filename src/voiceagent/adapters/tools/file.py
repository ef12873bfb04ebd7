"""`file:///tools.toml`: the tools that the operator describes, as Tool and as where it runs. Read at the start; calls nobody."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from voiceagent.adapters.tools.http import HttpTools, Place
from voiceagent.domain.tool import Tool
from voiceagent.kit.calls.outbound import Outbound
from voiceagent.kit.errors import InvalidInput, Misconfigured

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,63}")
_KEYS = {
    "name": str,
    "description": str,
    "title": str,
    "url": str,
    "key_env": str,
    "effect": str,
    "confirm": bool,
    "timeout_s": (int, float),
    "calls_a_turn": int,
    "parameters": dict,
    "bound": dict,
}
_LONGEST_S = 30.0


def open_tools(url: str) -> HttpTools:
    """The tools of a TOML file with one `[[tool]]` each. Raises Misconfigured `bad_tools` that names the tool and the key."""
    path = Path(unquote(urlsplit(url).path))
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured("bad_tools", f"{path.name} cannot be read as TOML", param="tools.url") from error
    entries = given.get("tool", [])
    if set(given) - {"tool"} or not isinstance(entries, list):
        raise Misconfigured("bad_tools", f"{path.name} holds nothing but [[tool]]", param="tools.url")
    places = [_place(entry) for entry in entries]
    names = [place.tool.name for place in places]
    if len(set(names)) != len(names):
        raise Misconfigured("bad_tools", "two tools have the same name", param="tools.url")
    return HttpTools(places)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One `[[tool]]`; every mistake in it is a Misconfigured that says where."""

    name: str
    given: dict[str, Any]

    def checked(self, key: str, well: bool, wanted: str) -> None:
        if not well:
            raise Misconfigured("bad_tools", f"tool {self.name}: {key} must be {wanted}", param="tools.url")


def _place(given: object) -> Place:
    name = given.get("name") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise Misconfigured(
            "bad_tools", "every [[tool]] has a name of letters, digits, _ and -, up to 64", param="tools.url"
        )
    entry = _Entry(name, given)
    for key, value in given.items():
        entry.checked(key, key in _KEYS, f"one of {', '.join(_KEYS)}")
        entry.checked(key, isinstance(value, _KEYS[key]), "of another type")  # type: ignore[arg-type]
    bound = given.get("bound", {})
    schema = given.get("parameters", {})
    entry.checked("effect", given.get("effect", "read") in ("read", "write"), "read or write")
    entry.checked("bound", set(bound.values()) <= {"tenant", "subject"}, "names with tenant or subject")
    entry.checked("parameters", _is_schema(schema), "the JSON Schema of an object, without references elsewhere")
    entry.checked("bound", not set(bound) & set(schema.get("properties", {})), "other names than the parameters")
    entry.checked("timeout_s", 0 < given.get("timeout_s", 4.0) <= _LONGEST_S, f"up to {_LONGEST_S:g} seconds")
    entry.checked("calls_a_turn", given.get("calls_a_turn", 3) >= 1, "at least 1")
    entry.checked("description", bool(given.get("description")), "given: the model chooses by it")
    tool = Tool(
        name=name,
        description=given["description"],
        parameters=schema,
        bound=tuple(sorted(bound.items())),
        effect=given.get("effect", "read"),
        confirm=given.get("confirm", False),
        title=given.get("title", ""),
        timeout_s=float(given.get("timeout_s", 4.0)),
        calls_a_turn=given.get("calls_a_turn", 3),
    )
    return Place(tool, _url(entry), _key(entry))


def _is_schema(schema: dict[str, Any]) -> bool:
    """A valid schema of an object. References are refused: what they name could change, or be fetched."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        return False
    return schema.get("type", "object") == "object" and "$ref" not in str(schema) and "$dynamicRef" not in str(schema)


def _url(entry: _Entry) -> str:
    url = str(entry.given.get("url", ""))
    parts = urlsplit(url)
    entry.checked("url", parts.scheme in ("http", "https") and bool(parts.hostname), "an http or https URL")
    try:
        Outbound((parts.hostname or "",)).check(url)
    except InvalidInput as problem:
        raise Misconfigured("bad_tools", f"tool {entry.name}: {problem.message}", param="tools.url") from problem
    return url


def _key(entry: _Entry) -> str:
    variable = entry.given.get("key_env", "")
    key = os.environ.get(variable, "").strip() if variable else ""
    entry.checked("key_env", bool(key) or not variable, f"a variable that is set ({variable} is empty)")
    return key
