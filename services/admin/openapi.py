"""The OpenAPI 3.1 document, made of the route table and the models. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from services.admin import log_bodies
from services.admin.access.transport import COOKIE, SECURE_COOKIE
from services.admin.endpoint import Answer, Endpoint
from services.admin.params import Param
from services.admin.problem_types import PROBLEM_TYPES
from services.admin.problems import MEDIA_TYPE

PROBLEM_BODIES: Final[Mapping[str, type[BaseModel]]] = {
    "not-found": log_bodies.ArchivedBody,
    "revision-moved": log_bodies.RevisionMovedBody,
    "invalid": log_bodies.InvalidBody,
    "internal": log_bodies.InternalBody,
}
"""Types of problem that have members of their own."""
_HEADERS: Final = {
    401: {"WWW-Authenticate": "How to ask: `Bearer`."},
    429: {"Retry-After": "Seconds."},
    503: {"Retry-After": "Seconds."},
}
_SCHEMES: Final = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "The key of the environment, or an API key (`pc_…`).",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": f"`{SECURE_COOKIE}` over TLS. Made by `POST /api/v1/session`. With it, whatever"
        " is no GET must carry the session's `X-CSRF-Token`, and an `Origin` of this host.",
    },
}
_Mode = Literal["validation", "serialization"]
_Schemas = Mapping[Any, dict[str, Any]]
"""How each (model, mode) is referred to."""

API_VERSION: Final = "1"
"""Of the calls under ``/api/v1``, whatever the version of the program."""
ABOUT: Final = (
    "Save and restore a chatbot's system prompts; every replica serves what is live within"
    " milliseconds. Every answer has `Cache-Control: no-store`. Times are RFC 3339 UTC with"
    " microseconds. Lists are pages: `next` goes into `cursor`. Errors are RFC 9457 problems."
)


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The document, as plain JSON values."""
    rows = list(endpoints)
    schemas, defined = models_json_schema(
        _models(rows), ref_template="#/components/schemas/{model}"
    )
    paths: dict[str, Any] = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Promptcast edit API", "version": API_VERSION, "description": ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": defined["$defs"],
            "securitySchemes": _SCHEMES,
        },
        "security": [{"key": []}, {"session": []}],
    }


def _models(rows: Iterable[Endpoint]) -> list[tuple[type[BaseModel], _Mode]]:
    found: dict[tuple[type[BaseModel], _Mode], None] = {
        (log_bodies.ProblemBody, "serialization"): None
    }
    for model in PROBLEM_BODIES.values():
        found[model, "serialization"] = None
    for row in rows:
        if row.body:
            found[row.body, "validation"] = None
        for answer in row.answers:
            if answer.model:
                found[answer.model, "serialization"] = None
    return list(found)


def _operation(row: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": row.name,
        "summary": row.summary,
        "tags": [row.tag],
        "responses": _responses(row, schemas),
    }
    if said := " ".join(filter(None, [row.description, _least(row)])):
        operation["description"] = said
    if row.params:
        operation["parameters"] = [_parameter(param) for param in row.params]
    if row.body:
        content = {"application/json": {"schema": schemas[row.body, "validation"]}}
        operation["requestBody"] = {"required": True, "content": content}
    elif row.takes:
        content = {row.takes: {"schema": {"type": "string"}}}
        operation["requestBody"] = {"required": True, "content": content}
    if row.role is None:
        operation["security"] = []
    return operation


def _least(row: Endpoint) -> str:
    return f"Role: {row.role}." if row.role else ""


def _parameter(param: Param[Any]) -> dict[str, Any]:
    return {
        "name": param.name,
        "in": param.place,
        "required": param.required,
        "description": param.description,
        "schema": dict(param.schema),
    }


def _responses(row: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    responses = {str(answer.status): _answer(answer, schemas) for answer in row.answers}
    statuses: dict[int, list[str]] = {}
    for name in _problems(row):
        statuses.setdefault(PROBLEM_TYPES[name].status, []).append(name)
    for status, names in statuses.items():
        responses.setdefault(str(status), _problem(status, names, schemas))
    return dict(sorted(responses.items()))


def _problems(row: Endpoint) -> list[str]:
    always = ["internal"]
    if row.role is not None:
        always = ["unauthorized", "invalid", "internal", "log-unavailable"]
    if row.role not in (None, "viewer") or (row.role and row.method != "GET"):
        always.append("forbidden")
    return list(dict.fromkeys([*row.problems, *always]))


def _answer(answer: Answer, schemas: _Schemas) -> dict[str, Any]:
    written: dict[str, Any] = {"description": answer.description}
    if answer.model:
        schema = schemas[answer.model, "serialization"]
        written["content"] = {answer.media_type: {"schema": schema}}
    elif answer.status not in (204, 304):
        written["content"] = {answer.media_type: {"schema": {"type": "string"}}}
    if answer.headers:
        written["headers"] = _headers(answer.headers)
    return written


def _problem(status: int, names: list[str], schemas: _Schemas) -> dict[str, Any]:
    bodies = dict.fromkeys(PROBLEM_BODIES.get(name, log_bodies.ProblemBody) for name in names)
    found = [schemas[body, "serialization"] for body in bodies]
    schema = found[0] if len(found) == 1 else {"anyOf": found}
    listed = ", ".join(f"`{name}`" for name in names)
    written: dict[str, Any] = {
        "description": f"{PROBLEM_TYPES[names[0]].title} ({listed})",
        "content": {MEDIA_TYPE: {"schema": schema}},
    }
    if status in _HEADERS:
        written["headers"] = _headers(_HEADERS[status])
    return written


def _headers(headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: {"description": description, "schema": {"type": "string"}}
        for name, description in headers.items()
    }
