"""Pages that must be complete: every setting, every error code, every metric is documented."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.arch.source_tree import Module, modules, page

from voiceagent.apps.config.reference import settings_page
from voiceagent.kit import errors
from voiceagent.web.problems import HTTP_CODES

PROBLEMS = {name for name, item in vars(errors).items() if isinstance(item, type) and issubclass(item, errors.Problem)}
METRICS = {"counter", "gauge", "histogram", "Counter", "Gauge", "Histogram", "Summary", "Info"}


def codes_raised() -> dict[str, str]:
    """Each error code and a place that makes it: the first argument of a Problem, when it is a plain string."""
    found: dict[str, str] = {}
    for module in modules():
        for call in calls(module):
            arguments = call.args[1:] if called(call) == "HttpProblem" else call.args  # its first one is the status
            if called(call) in {*PROBLEMS, "HttpProblem"} and arguments and isinstance(arguments[0], ast.Constant):
                found.setdefault(str(arguments[0].value), f"{module.name}:{call.lineno}")
    return found


def calls(module: Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(module.tree) if isinstance(node, ast.Call))


def called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def documented(name: str) -> set[str]:
    """The words in back quotes that begin a row of a table."""
    return set(re.findall(r"^\| `([^`]+)`", page(name), re.MULTILINE))


def test_every_error_code_is_documented_and_none_is_invented() -> None:
    raised = codes_raised()
    undocumented = {code: place for code, place in raised.items() if code not in documented("errors.md")}
    assert not undocumented
    assert {code for code, _ in HTTP_CODES.values()} <= documented("errors.md"), "what the router refuses"
    mentioned = {text for module in modules() for text in strings(module)}
    assert not documented("errors.md") - mentioned


def strings(module: Module) -> Iterator[str]:
    return (
        node.value for node in ast.walk(module.tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_error_codes_are_snake_case() -> None:
    assert not [code for code in codes_raised() if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", code)]


def test_the_page_of_settings_is_the_settings() -> None:
    assert page("settings.md") == settings_page(), "write it anew: voiceagent config reference > docs/settings.md"
    assert not re.search(r"^ {4}", settings_page(), re.MULTILINE), "a paragraph would be shown as code"


def test_every_metric_is_documented() -> None:
    named = {
        str(call.args[0].value)
        for module in modules()
        for call in calls(module)
        if called(call) in METRICS and call.args and isinstance(call.args[0], ast.Constant)
    }
    assert named <= documented("metrics.md")
    assert all(name.startswith("voiceagent_") for name in named)
