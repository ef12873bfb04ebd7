"""Structured logs: one JSON line an event, through the standard library. What to log is the caller's business; what must not get out is refused here."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import structlog

FIELD_BYTES = 8_192
"""A longer field is cut: a line must never be as long as what a stranger sent."""

# fmt: off
SECRET_FIELDS = frozenset((
    "password", "passwd", "passphrase", "secret", "token", "key", "apikey", "authorization", "cookie", "ticket", "credential", "credentials",
))
# fmt: on
"""Fields with these names, or names that end in `_` and one of these, are never written."""

# fmt: off
PRIVATE_FIELDS = frozenset((
    "text", "transcript", "asked", "answer", "heard", "prompt", "instructions", "pcm", "audio", "body", "content",
))
# fmt: on
"""Fields that hold what people said or wrote: their length may be logged, they may not."""

_HIDDEN = "[hidden]"
_OWN_FIELDS = frozenset(("timestamp", "level", "logger"))
_FRAMES = 8
LogFormat = Literal["json", "console"]
_Fields = MutableMapping[str, Any]
Redaction = Callable[[str], str]
_Step = Callable[[Any, str, _Fields], _Fields]


def configure_logging(
    *, level: str = "info", format: LogFormat = "json", stream: TextIO | None = None, redact: Redaction | None = None
) -> None:
    """Send every log of this process, structlog's and the standard library's, to `stream` (standard error). Call it once, at start.

    redact: every text that is logged goes through it, at any depth of a field; it must not raise.
    """
    shared = _steps()
    if redact is not None:
        shared.insert(-1, _redacting(redact))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_formatter(format, shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn.access", "asyncio", "aiosqlite", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _steps() -> list[_Step]:
    steps: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_exception,
        hide_secrets,
        cap_fields,
    ]
    return steps


class _Rendered(str):
    """A line that is whole."""


class _JsonFormatter(structlog.stdlib.ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return record.msg if type(record.msg) is _Rendered else super().format(record)


class KnownEvents:
    """Logs events whose every field is ours: ids that we made, numbers, names from closed sets. Never what came from outside.

    As JSON they skip what hides, masks and cuts other fields, which costs far more than the line.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)
        self._whole_way = structlog.get_logger(name)

    def write(self, level: int, event: str, **fields: str | int | float) -> None:
        """One line, when `level` is logged."""
        handlers = logging.root.handlers
        if not handlers or type(handlers[0].formatter) is not _JsonFormatter:
            self._whole_way.log(level, event, **fields)
            return
        if not self._logger.isEnabledFor(level):
            return
        at = datetime.now(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
        line = fields | {
            "event": event,
            "level": logging.getLevelName(level).lower(),
            "logger": self._logger.name,
            "timestamp": at,
        }
        record = self._logger.makeRecord(self._logger.name, level, "", 0, _Rendered(json.dumps(line)), (), None)
        self._logger.handle(record)


def _formatter(format: LogFormat, shared: list[_Step]) -> logging.Formatter:
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    made: type[structlog.stdlib.ProcessorFormatter] = _JsonFormatter
    if format == "console":
        renderer, made = structlog.dev.ConsoleRenderer(colors=False), structlog.stdlib.ProcessorFormatter
    return made(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


def name_exception(_logger: Any, _method: str, fields: _Fields) -> _Fields:
    """Replace `exc_info` by the error's type and its innermost frames. Its message may quote what a person said, so it stays out."""
    raised = fields.pop("exc_info", None)
    if raised is True:
        raised = sys.exc_info()[1]
    if isinstance(raised, tuple):
        raised = raised[1]
    if isinstance(raised, BaseException):
        frames = traceback.extract_tb(raised.__traceback__)[-_FRAMES:]
        fields["error"] = type(raised).__name__
        fields["at"] = [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
    return fields


def hide_secrets(_logger: Any, _method: str, fields: _Fields) -> _Fields:
    """Blank fields that hold secrets or people's words, at any depth."""
    for name, value in fields.items():
        fields[name] = _hidden(name, value)
    return fields


def _redacting(redact: Redaction) -> _Step:
    """The step that sends text through `redact`: what stands in a line may come from outside, whatever the field is called."""

    def step(_logger: Any, _method: str, fields: _Fields) -> _Fields:
        for name, value in fields.items():
            if name not in _OWN_FIELDS:
                fields[name] = _redacted(value, redact)
        return fields

    return step


def _redacted(value: Any, redact: Redaction) -> Any:
    if isinstance(value, str):
        return redact(value[: 2 * FIELD_BYTES])  # the rest is cut anyway
    if isinstance(value, dict):
        return {name: _redacted(item, redact) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_redacted(item, redact) for item in value]
    return value


def cap_fields(_logger: Any, _method: str, fields: _Fields) -> _Fields:
    """Cut long fields, and show control characters instead of writing them: nobody outside may begin a line of ours."""
    for name, value in fields.items():
        if isinstance(value, str):
            fields[name] = _safe(value)
        elif isinstance(value, bytes):
            fields[name] = f"[{len(value)} bytes]"
        elif isinstance(value, (dict, list, tuple, set, frozenset)) and len(repr(value)) > FIELD_BYTES:
            fields[name] = _safe(repr(value))
    return fields


def _hidden(name: str, value: Any) -> Any:
    if name in PRIVATE_FIELDS and isinstance(value, (str, bytes)):
        return f"[{len(value)} hidden]"
    if is_secret_name(name):
        return _HIDDEN
    if isinstance(value, dict):
        return {inner: _hidden(str(inner), item) for inner, item in value.items()}
    return value


def is_secret_name(name: str) -> bool:
    """Whether a field or setting of this name holds a secret."""
    plain = name.lower().replace("-", "_")
    return plain in SECRET_FIELDS or any(plain.endswith(f"_{secret}") for secret in SECRET_FIELDS)


def _safe(value: str) -> str:
    if len(value) > FIELD_BYTES // 4 and len(value.encode(errors="replace")) > FIELD_BYTES:
        value = value.encode(errors="replace")[: FIELD_BYTES - 16].decode(errors="ignore") + "...[cut]"
    if value.isprintable():
        return value
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in value)


def _short(file_name: str) -> str:
    """Only what follows the package root: paths of the host do not belong in a log."""
    for root in ("site-packages/", "src/", "lib/"):
        before, found, after = file_name.rpartition(root)
        if found and before is not None:
            return after
    return file_name.rpartition("/")[2]
