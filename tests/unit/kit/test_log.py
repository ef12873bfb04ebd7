"""Logs: one JSON line an event, and nothing in it that must not get out."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from voiceagent.kit.log import FIELD_BYTES, KnownEvents, configure_logging


@pytest.fixture
def stream(own_logging: None) -> io.StringIO:
    written = io.StringIO()
    configure_logging(level="info", stream=written)
    return written


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_level_time_and_fields(stream: io.StringIO) -> None:
    structlog.get_logger("voiceagent.x").info("turn_committed", turn_id="turn_1", ms=12.5)
    (line,) = lines(stream)
    assert line["event"] == "turn_committed"
    assert line["level"] == "info"
    assert line["turn_id"] == "turn_1"
    assert line["ms"] == 12.5
    assert str(line["timestamp"]).endswith("Z")


@pytest.mark.parametrize(
    "name", ["password", "api_key", "Authorization", "openai_api_key", "refresh_token", "client_secret"]
)
def test_secrets_are_hidden_by_name_at_any_depth(stream: io.StringIO, name: str) -> None:
    structlog.get_logger("x").warning("seen", **{name: "hunter2"}, inner={"deep": {name: "hunter2"}})
    assert "hunter2" not in stream.getvalue()


@pytest.mark.parametrize("name", ["text", "transcript", "answer", "pcm"])
def test_what_people_said_is_never_written(stream: io.StringIO, name: str) -> None:
    structlog.get_logger("x").warning("seen", **{name: "my account number"})
    assert "account" not in stream.getvalue()
    assert lines(stream)[0][name] == "[17 hidden]"


def test_a_field_cannot_begin_a_line_or_move_the_cursor(stream: io.StringIO) -> None:
    structlog.get_logger("x").info("seen", path='a\r\n{"event":"forged"}\x1b[2J\u2028b')
    (line,) = lines(stream)
    assert line["path"] == 'a\\r\\n{"event":"forged"}\\x1b[2J\\u2028b'


def test_a_long_field_is_cut(stream: io.StringIO) -> None:
    structlog.get_logger("x").info("seen", path="é" * FIELD_BYTES, many=["x" * 100] * 1000)
    (line,) = lines(stream)
    assert len(str(line["path"]).encode()) <= FIELD_BYTES
    assert len(str(line["many"]).encode()) <= FIELD_BYTES


def test_an_exception_is_named_and_located_but_its_message_stays_out(stream: io.StringIO) -> None:
    for logger in (structlog.get_logger("x"), logging.getLogger("third.party")):
        try:
            raise ValueError("the caller said: my pin is 1234")
        except ValueError:
            logger.error("failed", exc_info=True)
    ours, foreign = lines(stream)
    assert "1234" not in stream.getvalue()
    assert ours["error"] == foreign["error"] == "ValueError"
    assert "test_log.py" in str(ours["at"])


def test_logs_of_libraries_take_the_same_form(stream: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").warning("port %s is slow", 8080)
    (line,) = lines(stream)
    assert line["event"] == "port 8080 is slow"
    assert line["logger"] == "uvicorn.error"


def test_what_lies_below_the_level_is_not_written(stream: io.StringIO) -> None:
    structlog.get_logger("x").debug("detail")
    assert stream.getvalue() == ""


def test_a_known_event_is_a_line_like_every_other(stream: io.StringIO) -> None:
    KnownEvents("voiceagent.access").write(logging.INFO, "request", route="/v1/models", status=200, ms=1.5)
    KnownEvents("voiceagent.access").write(logging.DEBUG, "request", route="/health/live", status=200, ms=0.1)
    structlog.get_logger("voiceagent.access").info("request", route="/v1/models", status=200, ms=1.5)
    short, whole = lines(stream)
    assert short.keys() == whole.keys()
    assert {**short, "timestamp": ""} == {**whole, "timestamp": ""}
    assert len(str(short["timestamp"])) == len(str(whole["timestamp"]))


def test_a_known_event_on_a_console_is_for_people(own_logging: None) -> None:
    written = io.StringIO()
    configure_logging(format="console", stream=written)
    KnownEvents("voiceagent.access").write(logging.INFO, "request", route="/v1/models")
    assert "request" in written.getvalue()
    assert not written.getvalue().startswith("{")
