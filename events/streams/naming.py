"""The server's errors by our names."""

from typing import Any

from redis.exceptions import NoScriptError, RedisError, ResponseError

from events.errors import LogUnavailable, NotDurable

_REFUSED = ("READONLY", "OOM", "MISCONF", "NOREPLICAS", "NOPERM", "NOAUTH", "WRONGPASS")
_NO_RIGHTS = ("ACL failure in script", "user executing the script can't ")
"""How newer and older servers say NOPERM from within a script, in the text of a plain ERR."""
_PASSING = ("LOADING", "BUSY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN", "UNBLOCKED")
DEMOTED = ("READONLY", "MASTERDOWN", "UNBLOCKED")
"""What a server says that is the master no longer, or ceased to be while it held a blocked read."""


class Unexpected(LogUnavailable):
    """The server answered with an error that has no name here; its text is the server's."""


def code_of(error: RedisError) -> str:
    """The server's word for the error (``NOSCRIPT``, ``OOM``); empty when it is not the server's."""
    code = getattr(error, "status_code", None)
    if code:
        return str(code)
    return str(error).split(" ", 1)[0] if isinstance(error, ResponseError) else ""


def sound(replies: list[Any]) -> list[Any]:
    """``replies``, unless there is an error among them: the first is raised."""
    for reply in replies:
        if isinstance(reply, RedisError):
            raise named(reply)
    return replies


def named(error: RedisError) -> Exception:
    """The server's error as one of ours; ``NOSCRIPT`` stays what it is."""
    if isinstance(error, NoScriptError):
        return error
    code = code_of(error)
    text = str(error)
    message = f"Redis refused: {text if text.startswith(code) else f'{code} {text}'}"
    if code in _REFUSED or any(words in text for words in _NO_RIGHTS):
        return NotDurable(message)
    return LogUnavailable(message) if code in _PASSING else Unexpected(message)
