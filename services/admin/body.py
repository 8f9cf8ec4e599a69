"""A request's body: read within limits, parsed, and of the right shape."""

import asyncio
from typing import Any, Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from events.limits import (
    MAX_CONFIG_BYTES,
    MAX_CONFIG_DEPTH,
    MAX_NOTE_CHARACTERS,
    MAX_TEMPLATE_BYTES,
)
from projections.decisions import mistake
from projections.refusals import Invalid
from services.admin.problems import Problem, refused

_SLACK: Final = 256 * 1024
MAX_BODY_BYTES: Final = (
    6 * (MAX_TEMPLATE_BYTES + MAX_CONFIG_BYTES) + 12 * MAX_NOTE_CHARACTERS + _SLACK
)
"""Room for every valid request, about 2 MiB: JSON may write one byte of text as ``\\u00xx``, which is
six, and a character of a note as two such; the slack is for names and white space."""
MAX_DEPTH: Final = MAX_CONFIG_DEPTH + 8
"""Of nested arrays and objects. A config's own limit is said where it is decided upon; this one is
there so that nothing deeper gets as far."""
MAX_SMALL_BYTES: Final = 16 * 1024
"""Room for what somebody types in, where nobody knows yet who sends it."""
MOST_MISTAKES: Final = 100
"""That a refusal lists; nobody reads more, and a body has room for a hundred thousand."""
READ_SECONDS: Final = 10.0

M = TypeVar("M", bound=BaseModel)


async def read_body(request: web.Request, most: int = MAX_BODY_BYTES) -> bytes:
    """The whole body; 413 above ``most`` bytes, 408 when it does not arrive in time."""
    if (request.content_length or 0) > most:
        raise Problem("too-large", f"a body may have {most} bytes here")
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await request.clone(client_max_size=most).read()
    except TimeoutError:
        raise Problem("request-timeout", f"no whole body within {READ_SECONDS:g} s") from None
    except web.HTTPRequestEntityTooLarge:
        raise Problem("too-large", f"a body may have {most} bytes here") from None
    except web.RequestPayloadError:
        raise refused("the body could not be read as its headers say") from None


async def read_model(
    request: web.Request, model: type[M], most: int = MAX_BODY_BYTES
) -> tuple[M, bytes]:
    """The body as a ``model``, and its bytes. Raises ``Invalid`` listing the mistakes, or 415."""
    try:
        charset = request.charset or "utf-8"
    except ValueError:
        charset = "unknown"
    if request.content_type != "application/json" or charset.lower() not in {"utf-8", "utf8"}:
        raise Problem("unsupported-media-type", "the body must be application/json in UTF-8")
    raw = await read_body(request, most)
    return parse(raw, model), raw


def parse(raw: bytes, model: type[M]) -> M:
    """``raw`` as a ``model``; raises ``Invalid`` when it is not JSON or of another shape."""
    try:
        parsed = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise refused(f"the body is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise refused("the body must be a JSON object")
    if _deeper_than(parsed, MAX_DEPTH):
        raise refused(f"the body is nested more than {MAX_DEPTH} deep")
    try:
        return model.model_validate(parsed)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)[:MOST_MISTAKES]
        raise Invalid(tuple(mistake(problem) for problem in problems)) from None


def _deeper_than(value: Any, most: int) -> bool:
    """Level by level, so that no depth can exhaust the stack."""
    level = [value]
    for _ in range(most):
        level = [
            child
            for each in level
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
