"""Sizes and names: what outgrows a wall is split, or stands in exceptions.toml with its reason."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from tests.arch.source_tree import SOURCE, Function, modules

FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "handler", "processor", "core"}
UNFINISHED = ("TODO", "FIXME", "XXX", "raise NotImplementedError")
ROUTES = {"get", "post", "put", "patch", "delete", "websocket"}

WALLS = {"file_lines": 400, "function_lines": 50, "function_parameters": 6, "class_methods": 15, "folder_files": 16}


@cache
def exceptions() -> dict[str, dict[str, str]]:
    return tomllib.loads((Path(__file__).parent / "exceptions.toml").read_text(encoding="utf-8"))


@cache
def measured() -> dict[str, dict[str, int]]:
    sizes: dict[str, dict[str, int]] = {wall: {} for wall in WALLS}
    for module in modules():
        sizes["file_lines"][module.name] = module.text.count("\n")
        for function in module.functions():
            place = f"{module.name}:{function.name}"
            sizes["function_lines"][place] = code_lines(function)
            if not module.name.startswith("apps/commands/"):  # there a parameter is an option of the command line
                sizes["function_parameters"][place] = parameters(function)
        for class_ in module.classes():
            sizes["class_methods"][f"{module.name}:{class_.name}"] = methods(class_)
    folders = Counter(str(Path(module.name).parent) for module in modules() if not module.name.endswith("__init__.py"))
    sizes["folder_files"].update(folders)
    return sizes


def code_lines(function: Function) -> int:
    """From `def` to the last line, without the docstring: words are free, code is not."""
    length = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        length -= (first.end_lineno or first.lineno) - first.lineno + 1
    return length


def parameters(function: Function) -> int:
    """Counted without self. What is taken by keyword alone reads at the call like a table: constructors and factories may take more of it.

    The parameters of a route are the fields of its request, and are not counted.
    """
    arguments = function.args
    if _is_route(function):
        return 0
    named = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    count = len([name for name in named if name not in ("self", "cls")])
    return count if _takes_parts(function) else count + len(arguments.kwonlyargs)


def _is_route(function: Function) -> bool:
    calls = [mark for mark in function.decorator_list if isinstance(mark, ast.Call)]
    return any(isinstance(call.func, ast.Attribute) and call.func.attr in ROUTES for call in calls)


def _takes_parts(function: Function) -> bool:
    return function.name == "__init__" or function.name.startswith(("open_", "create_", "routes"))


def methods(class_: ast.ClassDef) -> int:
    """Public ones: private methods are how a class keeps its functions short. Properties are what it has, not what it does."""
    functions = [node for node in class_.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return sum(not function.name.startswith("_") and not _is_property(function) for function in functions)


@pytest.mark.parametrize("wall", WALLS)
def test_nothing_is_larger_than_its_wall(wall: str) -> None:
    too_large = {place: size for place, size in measured()[wall].items() if size > WALLS[wall]}
    unexcused = {place: size for place, size in too_large.items() if place not in exceptions()[wall]}
    assert not unexcused, f"{wall} over {WALLS[wall]}: split these {unexcused}"
    stale = set(exceptions()[wall]) - set(too_large)
    assert not stale, f"no longer needed in exceptions.toml: {stale}"


def test_files_and_folders_have_names_that_say_something() -> None:
    named = {part for module in modules() for part in Path(module.name).with_suffix("").parts}
    assert not named & FORBIDDEN


def test_every_module_says_what_lives_there() -> None:
    silent = [m.name for m in modules() if m.text.strip() and not ast.get_docstring(m.tree)]
    assert not silent


def test_every_package_has_an_init_file() -> None:
    folders = {path.parent for path in SOURCE.rglob("*.py")}
    assert not [str(folder) for folder in folders if not (folder / "__init__.py").exists()]


def test_every_public_class_and_port_method_is_described() -> None:
    silent = [
        f"{module.name}:{class_.name}.{function.name}"
        for module in modules()
        if module.name.startswith("ports/")
        for class_ in module.classes()
        for function in class_.body
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        and not function.name.startswith("_")
        and not ast.get_docstring(function)
        and not _is_property(function)
    ]
    assert not silent


def _is_property(function: Function) -> bool:
    return any(isinstance(mark, ast.Name) and mark.id == "property" for mark in function.decorator_list)


def test_ports_have_at_most_six_methods() -> None:
    large = {
        f"{module.name}:{class_.name}": methods(class_)
        for module in modules()
        if module.name.startswith("ports/")
        for class_ in module.classes()
        if any(isinstance(base, ast.Name) and base.id == "Protocol" for base in class_.bases) and methods(class_) > 6
    }
    assert not large


def test_nothing_is_left_unfinished() -> None:
    left = [(m.name, word) for m in modules() for word in UNFINISHED if word in m.text]
    assert not left


def test_imports_stand_at_the_top() -> None:
    """The one lazy import is the composition table's."""
    inner = {
        module.name
        for module in modules()
        for function in module.functions()
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert inner == set(exceptions()["lazy_imports"])
    loaders = [m.name for m in modules() if "import_module(" in m.text]
    assert set(loaders) == {"apps/build.py", *exceptions()["import_by_name"]}
