"""What goes wrong upstream, as the client is told of it.

A refusal of the request itself (4xx) is the client's to see, in the shape it came in. Our own
standing with the upstream is not: a refused key becomes a 502 that says so and no more, for the
upstream's words quote part of the key.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import aiohttp

from services.chat.errors import ChatError

MAX_SHOWN_CHARACTERS: Final = 2_000
_SHOWN = ("type", "param", "code")
_UNAUTHORIZED = "the model refused this service's credentials"
_TOO_LONG = "the model took too long"
_LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
_BROKEN_OFF = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)


def from_status(status: int, headers: Mapping[str, str], body: bytes) -> ChatError:
    """The error for an upstream that answered with ``status`` (400 or more) and ``body``."""
    if status in (401, 403):
        return ChatError("upstream_unauthorized", _UNAUTHORIZED)
    if status in (408, 504):
        return ChatError("upstream_timeout", _TOO_LONG)
    if status >= 500:
        return ChatError("upstream_error", f"the model failed with status {status}")
    message, shown = _described(_parse(body))
    return ChatError(
        "rate_limited" if status == 429 else "upstream_refused",
        message or f"the model refused the request with status {status}",
        status=status,
        headers=_retry_after(headers) if status == 429 else None,
        shown=shown,
    )


def from_event(error: object) -> ChatError:
    """The error for an upstream that reports ``error`` in the middle of a stream."""
    message, shown = _described(error)
    if shown.get("code") == "invalid_api_key" or shown.get("type") == "authentication_error":
        return ChatError("upstream_unauthorized", _UNAUTHORIZED)
    return ChatError("upstream_error", message or "the model failed", shown=shown)


def from_exception(error: BaseException) -> ChatError:
    """The error for a call that got no answer, or lost it.

    The SDK's transport reports every lost or refused connection as a timeout of connecting, so the
    truth is looked for in the chain of causes.
    """
    causes = list(causes_of(error))
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return ChatError("upstream_timeout", _TOO_LONG)
    if any(isinstance(cause, aiohttp.ClientConnectorError) for cause in causes):
        return ChatError("upstream_unreachable", "the model could not be reached")
    if any(isinstance(cause, _BROKEN_OFF) for cause in causes):
        return ChatError("upstream_broke_off", "the connection to the model broke off")
    return ChatError("upstream_error", "the model's answer could not be understood")


def lost_before_answer(error: BaseException) -> bool:
    """Whether a connection was lost that had been made: most often one kept open for too long."""
    causes = list(causes_of(error))
    return any(isinstance(cause, _LOST) for cause in causes) and not any(
        isinstance(cause, (aiohttp.ClientConnectorError, TimeoutError)) for cause in causes
    )


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it was raised from, outermost first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _described(error: object) -> tuple[str, dict[str, Any]]:
    if isinstance(error, str):
        return error[:MAX_SHOWN_CHARACTERS], {}
    if not isinstance(error, dict):
        return "", {}
    message = error.get("message")
    shown = {key: _clipped(error[key]) for key in _SHOWN if isinstance(error.get(key), (str, int))}
    return (message if isinstance(message, str) else "")[:MAX_SHOWN_CHARACTERS], shown


def _clipped(value: str | int) -> str:
    return str(value)[:MAX_SHOWN_CHARACTERS]


def _parse(body: bytes) -> object:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return parsed.get("error", parsed) if isinstance(parsed, dict) else None


def _retry_after(headers: Mapping[str, str]) -> dict[str, str]:
    value = headers.get("retry-after", "")
    return {"Retry-After": value if value.isdecimal() and len(value) < 7 else "1"}
