"""A client's body: read within limits, and parsed into plain JSON that can be sent on."""

import asyncio
import json
import math
import re
from typing import Any, Final, NoReturn

from aiohttp import web

from services.chat.errors import ChatError, invalid, retry_later

MAX_BODY_BYTES: Final = 1024 * 1024
READ_SECONDS: Final = 10.0
"""How long a client may take to send its body."""
MAX_ARRIVING_BYTES: Final = 64 * 1024 * 1024
"""Of all bodies that have not arrived whole yet."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class Bodies:
    """Reads bodies. What has come of those that are still arriving takes room, not how many they are,
    so that whoever sends slowly keeps nobody out."""

    def __init__(self, most: int = MAX_ARRIVING_BYTES) -> None:
        self._most = most
        self.arriving = 0

    async def read(self, request: web.Request) -> bytes:
        """The request's whole body; 413 above the limit, 408 when it does not arrive in time.

        415 unless it says that it is JSON: a web page may send any other body to a chat port that it
        can reach, without asking, and would spend its owner's money. 503 when there is no room.
        """
        if request.content_type != "application/json":
            raise ChatError("unsupported_media_type", "send 'Content-Type: application/json'")
        if (request.content_length or 0) > MAX_BODY_BYTES:
            raise _too_large()
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await self._whole(request)
        except TimeoutError:
            raise ChatError("body_timeout", "the body did not arrive in time") from None
        except web.RequestPayloadError:
            raise invalid("the body could not be read") from None

    async def _whole(self, request: web.Request) -> bytes:
        body = bytearray()
        try:
            while block := await request.content.readany():
                body += block
                self.arriving += len(block)
                if len(body) > MAX_BODY_BYTES:
                    raise _too_large()
                if self.arriving > self._most:
                    raise retry_later(
                        "too_many_requests", "too much is arriving; try again shortly"
                    )
        finally:
            self.arriving -= len(body)
        return bytes(body)


def _too_large() -> ChatError:
    return ChatError("too_large", f"a body may have {MAX_BODY_BYTES} bytes")


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
