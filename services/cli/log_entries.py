"""Entries of the log out of the edit API's pages, byte for byte.

An event's hash is that of its stored bytes. The API sends them untouched inside of its JSON, so they
are cut out of the page as they came, and never rendered anew.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any

from events.chain import Entry
from events.envelope import microseconds
from services.cli.errors import CliError

_ITEMS = '{"items":['
_EVENT = ',"event":'
"""Comes once in an item outside of the event: inside of a string its quotes would be escaped."""
_DECODER = json.JSONDecoder()


def entries(page: bytes) -> Iterator[Entry]:
    """The entries of one page of ``GET /api/v1/events``."""
    text = page.decode()
    place = len(_ITEMS)
    if not text.startswith(_ITEMS):
        raise _strange()
    while text[place : place + 1] == "{":
        item, end = _decoded(text, place)
        yield _entry(item, text[place:end])
        place = end + 1 if text[end : end + 1] == "," else end


def next_cursor(page: bytes) -> int | None:
    """Where the next page begins; None at the end of the log."""
    tail = page[page.rfind(b'"next":') + len(b'"next":') :].rstrip(b"}\n ")
    return None if tail == b"null" else int(tail)


def _decoded(text: str, place: int) -> tuple[dict[str, Any], int]:
    try:
        return _DECODER.raw_decode(text, place)
    except (ValueError, RecursionError):
        raise _strange() from None


def _entry(item: dict[str, Any], text: str) -> Entry:
    raw = item.get("raw")
    event = base64.b64decode(raw) if raw else text[text.index(_EVENT) + len(_EVENT) : -1].encode()
    return Entry(
        position=item["position"],
        event=b"" if item["event"] is None and not raw else event,
        hash=item["hash"],
        at=microseconds(item["at"]) if item["at"] else 0,
        kid=item.get("kid", ""),
        sig=item.get("sig", ""),
        foreign=tuple(item.get("foreign", ())),
    )


def _strange() -> CliError:
    return CliError("the log is not sent as the edit API sends it: is PROMPTCAST_URL right?")
