"""Reading what a replica answered to ``POST /chat``. Pure; nothing in it is believed unseen."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from services.admin import bodies
from services.admin.trying.rows import MAX_NAME_CHARACTERS, answered, clipped, failed
from services.chat.headers import REVISION, VERSION

_NOT_UNDERSTOOD = "replica_not_understood"


def row(
    replica: str, status: int, headers: Mapping[str, str], body: bytes, seconds: float
) -> bodies.TrialAnswer:
    """The row of an answer with this status, headers and body."""
    told = _parsed(body)
    if status != 200:
        return _refusal(replica, status, headers, told, seconds)
    prompt = _map(told.get("prompt"))
    served = _pair(prompt.get("version"), prompt.get("revision"))
    if served is None or not isinstance(told.get("reply"), str):
        return failed(
            "live", replica, _NOT_UNDERSTOOD, "what it answered is no chat reply", seconds
        )
    if told.get("replica") != replica:
        other = clipped(str(told.get("replica")), MAX_NAME_CHARACTERS)
        detail = (
            f"its URL has led to {other!r}: each replica needs a PROMPTCAST_ADVERTISE_URL that"
            " reaches it alone"
        )
        return failed("live", replica, "another_replica", detail, seconds)
    return answered("live", replica, served, told, seconds)


def _refusal(
    replica: str, status: int, headers: Mapping[str, str], told: dict[str, Any], seconds: float
) -> bodies.TrialAnswer:
    error = _map(told.get("error"))
    code, message = error.get("code"), error.get("message")
    if not isinstance(code, str) or not isinstance(message, str):
        detail = f"it answered with status {status}, as no replica does"
        return failed("live", replica, _NOT_UNDERSTOOD, detail, seconds)
    if status == 401:
        message = (
            "it takes another chat key than the one that the admin service has: give both the same"
            " PROMPTCAST_CHAT_KEY"
        )
    served = _pair(_number(headers.get(VERSION)), _number(headers.get(REVISION)))
    return failed("live", replica, code, message, seconds, served)


def _parsed(body: bytes) -> dict[str, Any]:
    """The body as a JSON object; empty when it is none, or has text that is no Unicode."""
    try:
        return _map(from_json(body, allow_inf_nan=False))
    except ValueError:
        return {}


def _map(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(text: str | None) -> int | None:
    plain = text is not None and text.isascii() and text.isdecimal() and len(text) <= 16
    return int(text) if plain and text else None


def _pair(version: object, revision: object) -> tuple[int, int] | None:
    if type(version) is not int or type(revision) is not int:
        return None
    return (version, revision) if 1 <= version < 2**53 and 1 <= revision < 2**53 else None
