"""A client's body: read within limits, and parsed into plain JSON that can be sent on."""

import asyncio
import json
import math
import re
from typing import Any, Final, NoReturn

from aiohttp import web

from services.chat.errors import ChatError, invalid

MAX_BODY_BYTES: Final = 1024 * 1024
READ_SECONDS: Final = 10.0
"""How long a client may take to send its body."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


async def read_body(request: web.Request) -> bytes:
    """The request's whole body; 413 above the limit, 408 when it does not arrive in time.

    415 unless it says that it is JSON: a web page may send any other body to a chat port that it can
    reach, without asking, and would spend its owner's money.
    """
    if request.content_type != "application/json":
        raise ChatError("unsupported_media_type", "send 'Content-Type: application/json'")
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await request.read()
    except TimeoutError:
        raise ChatError("body_timeout", "the body did not arrive in time") from None
    except web.HTTPRequestEntityTooLarge:
        raise ChatError("too_large", f"a body may have {MAX_BODY_BYTES} bytes") from None
    except web.RequestPayloadError:
        raise invalid("the body could not be read") from None


def parse_object(raw: bytes) -> dict[str, Any]:
    """``raw`` as a JSON object, which can be written as JSON again; else 400.

    Refused with the rest: NaN and infinities, lone surrogates, and nesting that no parser likes.
    """
    try:
        parsed = _DECODER.decode(raw.decode())
        if _SURROGATE.search(raw):
            json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise invalid("the body is not JSON") from None
    if not isinstance(parsed, dict):
        raise invalid("the body must be a JSON object")
    return parsed


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(text)
    return number


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
