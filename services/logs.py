"""Logs: one line an event, an event name and key-values, for this program and its libraries alike.

A line never holds a secret or a prompt's text: values under the names in `HIDDEN` are replaced
before they are written, and libraries that would log a request's body are kept at warnings.
"""

import json
import logging
import sys
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["json", "console"]

HIDDEN: Final = frozenset(
    {
        "admin_key",
        "api_key",
        "authorization",
        "chat_key",
        "content",
        "messages",
        "openai_api_key",
        "password",
        "redis_url",
        "secret",
        "signing_keys",
        "template",
        "text",
    }
)
"""Names whose values are not written, whoever logs them."""

QUIET: Final = ("aiohttp.access", "httpcore2", "httpx2", "openai")
"""Libraries that log each request, some with its body: only their warnings are of interest."""

_ENCODER: Final = json.JSONEncoder(default=str)
"""Made once: `json.dumps` would make one a line."""


def configure(level: Level, format: Format, stream: TextIO | None = None) -> None:  # noqa: A002  the setting's name
    """Send every log line of this process to ``stream`` (standard error by default).

    ``json`` writes one JSON object a line; ``console`` writes for people, in colour on a terminal.
    Times are ISO 8601, UTC. Calling it again replaces what the last call set.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(format, stream),
            ],
            foreign_pre_chain=_shared(),
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Our own lines do not take the way through `logging`, which costs four times as much.
    structlog.configure(
        processors=[*_shared(), *_rendering(format, stream)],
        logger_factory=lambda name="promptcast", *_: _Logger(name, stream),
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )


class _Logger:
    """Writes rendered lines of ours, each at once and in one piece.

    One that cannot be written (a full disk, a reader that has gone) is lost, and stops nobody.
    """

    def __init__(self, name: str, stream: TextIO) -> None:
        self.name = name
        self._stream = stream

    def msg(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # `logging` would not raise it either
            return

    debug = info = warning = error = critical = msg


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _hide,
    ]


def _rendering(format: Format, stream: TextIO) -> list[Processor]:  # noqa: A002  the setting's name
    # Tracebacks are rendered plainly: the prettier ones print local variables, secrets among them.
    if format == "console":
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_as_json)]


def _as_json(event: EventDict, **_: Any) -> str:
    return _ENCODER.encode(event)


def _hide(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name in HIDDEN & event.keys():
        event[name] = "[hidden]"
    return event
