"""The composition table: every entry leads to a function, and only the parts that it names reach it."""

from __future__ import annotations

import inspect

import pytest

from voiceagent.apps.build import ADAPTERS, found, opened
from voiceagent.apps.settings import Settings
from voiceagent.kit.errors import Misconfigured

ENTRIES = [(port, scheme) for port, schemes in ADAPTERS.items() for scheme in schemes]
PARTS = {"models", "threads", "clock", "service_token", "known", "signer", "ring"}


@pytest.mark.parametrize(("port", "scheme"), ENTRIES)
def test_every_entry_opens_by_a_url_and_by_parts_that_exist(port: str, scheme: str) -> None:
    try:
        parameters = list(inspect.signature(found(port, f"{scheme}://")).parameters.values())
    except Misconfigured as problem:
        assert problem.code == "adapter_not_installed"
        pytest.skip(f"optional: {problem.message}")
    assert parameters[0].name == "url"
    needed = {one.name for one in parameters[1:] if one.default is inspect.Parameter.empty}
    assert needed <= PARTS


@pytest.mark.parametrize("port", [port for port in ADAPTERS if port != "engine" and port != "documents"])
def test_every_default_url_is_in_the_table(port: str) -> None:
    if port == "tools":
        assert Settings().url(port) == "", "there are none until the operator describes some"
        return
    area = {"eventlog": "bus"}.get(port, port)  # the log of events lies where the bus is
    assert Settings().url(area).partition(":")[0] in ADAPTERS[port]


async def test_a_part_that_is_not_named_does_not_get_there() -> None:
    detector = await opened("vad", "scripted:///", models=object(), threads=7)
    assert detector.open().probability(bytes(1024)) == 0.0


async def test_an_unknown_scheme_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(
        Misconfigured, match=r"store\.url begins with mysql://; known are sqlite://, postgresql://"
    ) as raised:
        await opened("store", "mysql://user:hunter2@host/db")
    assert raised.value.code == "unknown_adapter"
    assert "hunter2" not in raised.value.message
