"""Problems: every error as RFC 9457's ``application/problem+json``, mapped in one place.

::

    Problem                      an answer that is no success; it is raised by handlers,
    ├── Refused, by its class    … made of what the decisions refuse,
    ├── LogError, by its class   … of what is wrong with the log,
    └── HTTPException            … and of what aiohttp says: 404, 405, 413
"""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from events.errors import LogDiverged, LogError, OutcomeUnknown, PromptcastError, TrimmedPast
from projections.refusals import (
    Invalid,
    KeyReused,
    LastAdmin,
    Mistake,
    NotFound,
    PreconditionRequired,
    ReadOnly,
    RevisionMoved,
)
from services.admin.problem_types import PROBLEM_TYPES

MEDIA_TYPE = "application/problem+json"
PREFIX = "/problems/"

_BY_CLASS: tuple[tuple[type[PromptcastError], str], ...] = (
    (NotFound, "not-found"),
    (RevisionMoved, "revision-moved"),
    (PreconditionRequired, "precondition-required"),
    (Invalid, "invalid"),
    (LastAdmin, "forbidden"),
    (KeyReused, "key-reused"),
    (ReadOnly, "read-only"),
    (OutcomeUnknown, "outcome-unknown"),
    (TrimmedPast, "log-trimmed"),
    (LogDiverged, "log-diverged"),
    (LogError, "log-unavailable"),
)
_BY_STATUS = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}


class Problem(PromptcastError):
    """An answer that is no success. ``fields`` are the type's own members of the document."""

    def __init__(
        self,
        type: str,  # noqa: A002  RFC 9457's word
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> None:
        super().__init__(detail)
        self.type = type
        self.detail = detail
        self.headers = dict(headers or {})
        self.fields = fields

    @property
    def status(self) -> int:
        """The HTTP status, which follows from the type."""
        return PROBLEM_TYPES[self.type].status

    def answer(self) -> web.Response:
        """The problem as an answer; 503 and 429 say when to come again."""
        about = PROBLEM_TYPES[self.type]
        if about.retry_after is not None:
            self.headers.setdefault("Retry-After", str(about.retry_after))
        document = {
            "type": PREFIX + self.type,
            "title": about.title,
            "status": about.status,
            "detail": self.detail,
            **self.fields,
        }
        return web.Response(
            # what a client sent may hold a lone surrogate, which no UTF-8 has a place for
            body=json.dumps(document, ensure_ascii=False).encode(errors="replace"),
            status=about.status,
            content_type=MEDIA_TYPE,
            headers=self.headers,
        )


def problem_of(error: PromptcastError | web.HTTPException) -> Problem:
    """The problem that an error is answered with."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, web.HTTPException):
        return _of_http(error)
    name = next((name for kind, name in _BY_CLASS if isinstance(error, kind)), "internal")
    return Problem(name, _detail(error), **_fields(error))


def refused(detail: str, pointer: str = "") -> Invalid:
    """The refusal of a request for one mistake; ``pointer`` is a place in its body."""
    return Invalid((Mistake(pointer, detail),))


def _detail(error: PromptcastError) -> str:
    if not isinstance(error, Invalid):
        return str(error)
    told = (f"{m.pointer}: {m.detail}" if m.pointer else m.detail for m in error.mistakes)
    return "; ".join(told)[:500]


def _fields(error: PromptcastError) -> dict[str, Any]:
    if isinstance(error, RevisionMoved):
        return {"current_revision": error.revision, "current_version": error.version}
    if isinstance(error, Invalid):
        return {"errors": [_mistake(mistake) for mistake in error.mistakes]}
    return {}


def _mistake(mistake: Mistake) -> dict[str, Any]:
    return {
        "pointer": mistake.pointer,
        "detail": mistake.detail,
        "line": mistake.line,
        "column": mistake.column,
    }


def _of_http(error: web.HTTPException) -> Problem:
    allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
    if error.status == 404:
        return Problem("not-found", "there is nothing at this path")
    return Problem(_BY_STATUS.get(error.status, "invalid"), error.reason.lower(), headers=allow)
