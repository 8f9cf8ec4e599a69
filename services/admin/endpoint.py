"""Endpoints: one row of the route table for each call. What is served and what the OpenAPI document
says are made of the same row."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from aiohttp import web
from pydantic import BaseModel

from events.errors import LogUnavailable, OutcomeUnknown
from projections.access import Role
from services.admin.access.who import Who
from services.admin.context import ACTOR, WHO
from services.admin.params import Param, check_query

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

READ_SECONDS = 15.0
"""How long an answer may take; the log's own deadlines are shorter, and say more."""

READS_LOG = ("log-unavailable", "log-diverged", "log-trimmed")
"""Problems of every call that looks at the log."""
WRITES_LOG = (*READS_LOG, "outcome-unknown", "read-only")
"""Problems of every call that appends to it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A success that a call may have: status, meaning, body and headers (name: description)."""

    status: int
    description: str
    model: type[BaseModel] | None = None
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A call: where it is, who may use it, what it takes, what it answers."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    handler: Handler
    name: str
    tag: str
    summary: str
    answers: tuple[Answer, ...]
    role: Role | None
    """The least that who asks must be; None: open to everybody. There is no default: a new route is
    closed until somebody has said whose it is."""
    description: str = ""
    params: tuple[Param[Any], ...] = ()
    body: type[BaseModel] | None = None
    takes: str | None = None
    """The media type of a body that is no JSON."""
    problems: tuple[str, ...] = ()
    seconds: float | None = READ_SECONDS
    """A deadline for the whole answer; None for a stream."""
    changes: bool = False
    """Whether it may have changed something when the deadline passes."""


class Gate(Protocol):
    """Lets in who may; see :class:`~services.admin.access.guard.Guard`."""

    async def admit(self, request: web.Request, role: Role) -> Who:
        """Who asks; raises a 401 or 403 ``Problem`` unless it is at least ``role``."""
        ...


def mount(app: web.Application, endpoints: Iterable[Endpoint], gate: Gate) -> None:
    """Add the routes; a handler with a role is reached only through the gate."""
    for endpoint in endpoints:
        handler = _served(endpoint, gate)
        if endpoint.method == "GET":
            app.router.add_get(endpoint.path, handler, allow_head=endpoint.seconds is not None)
        else:
            app.router.add_route(endpoint.method, endpoint.path, handler)


def _served(endpoint: Endpoint, gate: Gate) -> Handler:
    async def served(request: web.Request) -> web.StreamResponse:
        if endpoint.role is not None:  # probes and scrapers may send along what they like
            who = await gate.admit(request, endpoint.role)
            request[WHO], request[ACTOR] = who, who.actor
            check_query(endpoint.params, request)
        deadline = asyncio.timeout(endpoint.seconds)
        try:
            async with deadline:
                return await endpoint.handler(request)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise _late(endpoint) from None

    return served


def _late(endpoint: Endpoint) -> LogUnavailable | OutcomeUnknown:
    if endpoint.changes:
        return OutcomeUnknown(f"no outcome within {endpoint.seconds:g} s")
    return LogUnavailable(f"no answer within {endpoint.seconds:g} s")
