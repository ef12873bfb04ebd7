"""What may be changed in a call or its answer, by route and organisation: checked when it is read, so that a rule that cannot hold refuses to start."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from voiceagent.gateway.passing.headers import passes
from voiceagent.kit.errors import InvalidInput, Misconfigured
from voiceagent.web.strict_json import strict_loads

Side = Literal["request", "response"]
Streams = Literal["refuse", "pass"]
Redact = Callable[[str], str]
_TOKEN = re.compile(r"[a-z0-9-]{1,64}")
_VALUE = re.compile(r"[\x20-\x7e]{0,1024}")
_STEP = re.compile(r"[A-Za-z0-9_-]{1,64}|\*")
_MASK = "***"
_MOST_RULES = 100


@dataclass(frozen=True, slots=True)
class Rule:
    """One change. routes: forwarded paths, with all below them.  tenants: for these organisations; empty for all.

    Fields of JSON are named by dots, `*` for every item: `messages.*.content`. They happen in this order: rename, remove, default, mask, redact.
    redact: personal data in the field's text is replaced.  streams: what becomes of an answer that is no JSON, when a rule is for its fields.
    """

    routes: tuple[str, ...]
    on: Side
    tenants: tuple[str, ...] = ()
    set_headers: Mapping[str, str] = field(default_factory=dict)
    remove_headers: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    default: Mapping[str, Any] = field(default_factory=dict)
    mask: tuple[str, ...] = ()
    redact: tuple[str, ...] = ()
    streams: Streams = "refuse"

    @property
    def reads_json(self) -> bool:
        return bool(self.rename or self.remove or self.default or self.mask or self.redact)


def read_rules(raw: bytes, routes: Iterable[str]) -> tuple[Rule, ...]:
    """The rules of a file: `{"rules": [...]}`. routes: what may be named. Raises Misconfigured `bad_hook`."""
    known = frozenset(routes)
    try:
        told = strict_loads(raw)
    except InvalidInput as error:
        raise _bad("the file is no JSON") from error
    listed = told.get("rules") if isinstance(told, dict) and told.keys() == {"rules"} else None
    if not isinstance(listed, list) or len(listed) > _MOST_RULES:
        raise _bad('it is {"rules": [...]}, with at most 100 rules')
    return tuple(_rule(one, known, number) for number, one in enumerate(listed, 1))


def _rule(told: Any, known: frozenset[str], number: int) -> Rule:
    names = {one.name for one in fields(Rule)}
    if not isinstance(told, dict) or not told.keys() <= names or not {"routes", "on"} <= told.keys():
        raise _bad(f"rule {number}: it has routes, on, and what to change: {', '.join(sorted(names))}")
    mappings = ("set_headers", "rename", "default")
    for name, value in told.items():
        fits = isinstance(value, dict) if name in mappings else isinstance(value, str)
        if name not in (*mappings, "on", "streams"):
            fits = isinstance(value, list) and all(isinstance(one, str) and one for one in value)
        if not fits:
            raise _bad(f"rule {number}: {name} has another form")
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
    rule = Rule(**given)
    if rule.on == "response" and rule.reads_json and "streams" not in told:
        raise _bad(
            f"rule {number}: say what becomes of an answer that is no JSON, such as a stream: streams is refuse or pass"
        )
    problem = next(_problems(rule, known), None)
    if problem is not None:
        raise _bad(f"rule {number}: {problem}")
    return rule


def _problems(rule: Rule, known: frozenset[str]) -> Iterator[str]:
    if not rule.routes or not known.issuperset(rule.routes):
        yield "routes are forwarded paths; those of signing in are never changed"
    if rule.on not in get_args(Side) or rule.streams not in get_args(Streams):
        yield "on is request or response, streams is refuse or pass"
    for name in (*rule.set_headers, *rule.remove_headers):
        if not _TOKEN.fullmatch(name) or not passes(name):
            yield f"the header {name} is not for rules"
    if not all(isinstance(value, str) and _VALUE.fullmatch(value) for value in rule.set_headers.values()):
        yield "a header's value is printable ASCII"
    named = (*rule.rename, *rule.remove, *rule.default, *rule.mask, *rule.redact)
    if not all(isinstance(one, str) for one in rule.rename.values()):
        yield "rename gives a new last name"
        return
    if not all(_STEP.fullmatch(step) for one in named for step in one.split(".")):
        yield "a field is named by words and * between dots"
    if not all(_STEP.fullmatch(new) and new != "*" for new in rule.rename.values()):
        yield "rename gives a new last name"
    if any(path.endswith("*") for path in (*rule.rename, *rule.default)):
        yield "rename and default need the name of a field"
    if rule.on == "request" and rule.streams == "pass":
        yield "streams is about answers"
    if not rule.reads_json and not rule.set_headers and not rule.remove_headers:
        yield "it changes nothing"


def change(body: Any, rules: Sequence[Rule], redact: Redact) -> Any:
    """`body`, changed in place by every rule in turn."""
    for rule in rules:
        for path, new in rule.rename.items():
            for place, name in _places(body, path):
                if isinstance(place, dict) and name in place:
                    place[new] = place.pop(name)
        for path in rule.remove:
            for place, name in list(_places(body, path)):
                _dropped(place, name)
        for path, value in rule.default.items():
            for place, name in _places(body, path):
                if isinstance(place, dict) and name not in place:
                    place[name] = json.loads(json.dumps(value))
        for path in rule.mask:
            for place, name in _places(body, path):
                if _has(place, name):
                    place[name] = _MASK
        for path in rule.redact:
            for place, name in _places(body, path):
                if _has(place, name):
                    place[name] = _redacted(place[name], redact)
    return body


def _places(body: Any, path: str) -> Iterator[tuple[Any, Any]]:
    """Where the last step of `path` is looked for: the object or list, and the name or index."""
    *way, last = path.split(".")
    found = [body]
    for step in way:
        found = [inner for place in found for inner in _inner(place, step)]
    for place in found:
        if last != "*":
            yield place, last
        elif isinstance(place, (list, dict)):
            yield from ((place, name) for name in (range(len(place)) if isinstance(place, list) else list(place)))


def _inner(place: Any, step: str) -> list[Any]:
    if step == "*":
        return list(place.values()) if isinstance(place, dict) else place if isinstance(place, list) else []
    return [place[step]] if isinstance(place, dict) and step in place else []


def _has(place: Any, name: Any) -> bool:
    return name in place if isinstance(place, dict) else isinstance(place, list) and isinstance(name, int)


def _dropped(place: Any, name: Any) -> None:
    if isinstance(place, dict):
        place.pop(name, None)
    elif isinstance(place, list) and isinstance(name, int):
        place.clear()


def _redacted(value: Any, redact: Redact) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: _redacted(inner, redact) for name, inner in value.items()}
    return [_redacted(inner, redact) for inner in value] if isinstance(value, list) else value


def _bad(why: str) -> Misconfigured:
    return Misconfigured("bad_hook", f"hooks.file: {why}")
