"""Every error a chat client can meet, in OpenAI's shape, and the one table that gives it a status.

An answer is ``{"error": {"message", "type", "param", "code"}}``, as OpenAI's clients expect it. The
``outcome`` is what the error counts as in ``promptcast_chat_requests_total``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from events.errors import PromptcastError

Outcome = Literal["ok", "refused", "busy", "behind", "upstream_error", "timeout", "left", "failed"]
"""The bounded values of the ``outcome`` label. ``left``: the client went away before the end."""

_CLIENT, _KEY, _SERVER = "invalid_request_error", "authentication_error", "server_error"


@dataclass(frozen=True, slots=True)
class Kind:
    """What an error's code implies."""

    status: int
    type: str
    outcome: Outcome


KINDS: Final[Mapping[str, Kind]] = {
    "invalid_request": Kind(400, _CLIENT, "refused"),
    "missing_variables": Kind(400, _CLIENT, "refused"),
    "variables_too_large": Kind(400, _CLIENT, "refused"),
    "system_message_refused": Kind(400, _CLIENT, "refused"),
    "invalid_api_key": Kind(401, _KEY, "refused"),
    "prompt_not_found": Kind(404, _CLIENT, "refused"),
    "model_not_found": Kind(404, _CLIENT, "refused"),
    "not_found": Kind(404, _CLIENT, "refused"),
    "method_not_allowed": Kind(405, _CLIENT, "refused"),
    "body_timeout": Kind(408, _CLIENT, "refused"),
    "too_large": Kind(413, _CLIENT, "refused"),
    "unsupported_media_type": Kind(415, _CLIENT, "refused"),
    "upstream_refused": Kind(400, _CLIENT, "refused"),
    "rate_limited": Kind(429, "rate_limit_error", "upstream_error"),
    "internal_error": Kind(500, _SERVER, "failed"),
    "upstream_error": Kind(502, _SERVER, "upstream_error"),
    "upstream_unauthorized": Kind(502, _SERVER, "upstream_error"),
    "upstream_unreachable": Kind(502, _SERVER, "upstream_error"),
    "upstream_broke_off": Kind(502, _SERVER, "upstream_error"),
    "starting": Kind(503, _SERVER, "behind"),
    "position_not_applied": Kind(503, _SERVER, "behind"),
    "prompt_rejected": Kind(503, _SERVER, "behind"),
    "too_many_waiting": Kind(503, _SERVER, "busy"),
    "too_many_requests": Kind(503, _SERVER, "busy"),
    "draining": Kind(503, _SERVER, "busy"),
    "shutting_down": Kind(503, _SERVER, "failed"),
    "upstream_timeout": Kind(504, _SERVER, "timeout"),
}


class ChatError(PromptcastError):
    """A chat request that gets no answer, or no whole one.

    ``status``, ``type`` and ``outcome`` follow from ``code`` by :data:`KINDS`; an error that the
    upstream answered with keeps its own ``status`` and ``type``. ``headers`` go out with it.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        status: int | None = None,
        shown: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        kind = KINDS[code]
        self.code = code
        self.status = status or kind.status
        self.outcome: Outcome = kind.outcome
        self.headers = dict(headers or {})
        self.error = {"message": message, "type": kind.type, "param": param, "code": code}
        if shown:
            self.error.update(shown)

    def body(self) -> bytes:
        """The error as JSON."""
        return json.dumps({"error": self.error}, ensure_ascii=False).encode(errors="replace")


def retry_later(code: str, message: str, seconds: int = 1) -> ChatError:
    """An error that goes away by itself: it carries ``Retry-After``."""
    return ChatError(code, message, headers={"Retry-After": str(seconds)})


def shutting_down() -> ChatError:
    """An answer that did not end before its replica did."""
    return retry_later("shutting_down", "this replica is shutting down")


def invalid(message: str, param: str | None = None) -> ChatError:
    """A request that is not well formed; ``param`` names the place."""
    return ChatError("invalid_request", message, param=param)
