"""The route table: every call there is."""

import json
from functools import cache

from aiohttp import web

from services.admin import (
    changes,
    comparison,
    fleet,
    log_events,
    panel_files,
    probes,
    problem_pages,
    prompts,
    propagation,
    updates,
    validation,
    versions,
)
from services.admin.access import access_events, api_keys, links, people, session_endpoints
from services.admin.endpoint import Answer, Endpoint, Handler
from services.admin.mending import endpoints as mending
from services.admin.openapi import document
from services.admin.trying import endpoint as trying

_ROUTES: tuple[Endpoint, ...] = (
    *prompts.ENDPOINTS,
    *changes.ENDPOINTS,
    *validation.ENDPOINTS,
    *trying.ENDPOINTS,
    *versions.ENDPOINTS,
    *comparison.ENDPOINTS,
    *log_events.ENDPOINTS,
    *mending.ENDPOINTS,
    *propagation.ENDPOINTS,
    *fleet.ENDPOINTS,
    *updates.ENDPOINTS,
    *session_endpoints.ENDPOINTS,
    *people.ENDPOINTS,
    *api_keys.ENDPOINTS,
    *links.ENDPOINTS,
    *access_events.ENDPOINTS,
    *probes.ENDPOINTS,
    *panel_files.ENDPOINTS,
    *problem_pages.ENDPOINTS,
)


@cache
def routes() -> tuple[Endpoint, ...]:
    """All endpoints, the OpenAPI document of them all included."""
    written = b""

    async def show(_request: web.Request) -> web.Response:
        return web.Response(body=written, content_type="application/json", charset="utf-8")

    table = (*_ROUTES, _openapi(show))
    written = json.dumps(document(table), ensure_ascii=False).encode()
    return table


def _openapi(handler: Handler) -> Endpoint:
    return Endpoint(
        method="GET",
        path="/api/v1/openapi.json",
        handler=handler,
        name="openapi",
        tag="Service",
        summary="This document",
        role=None,  # it is the same everywhere, and tools read it before they have a key
        answers=(Answer(200, "OpenAPI 3.1."),),
    )
