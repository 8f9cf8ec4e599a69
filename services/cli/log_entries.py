"""Entries of the log out of the edit API's pages, byte for byte.

An event's hash is that of its stored bytes. The API sends them untouched inside of its JSON, so each
item is cut out of the page as it came, and never rendered anew: it is a line (`events.lines`).
"""

import json
from collections.abc import Iterator

from events.chain import Entry
from events.errors import BadLine
from events.lines import from_line
from services.cli.errors import CliError

_ITEMS = '{"items":['
_DECODER = json.JSONDecoder()


def entries(page: bytes) -> Iterator[Entry]:
    """The entries of one page of ``GET /api/v1/events``."""
    for line in lines(page):
        yield entry_of(line)


def lines(page: bytes) -> Iterator[bytes]:
    """The same as the lines that they stand in."""
    text = page.decode()
    place = len(_ITEMS)
    if not text.startswith(_ITEMS):
        raise _strange()
    while text[place : place + 1] == "{":
        end = _end(text, place)
        yield text[place:end].encode()
        place = end + 1 if text[end : end + 1] == "," else end


def next_cursor(page: bytes) -> int | None:
    """Where the next page begins; None at the end of the log."""
    tail = page[page.rfind(b'"next":') + len(b'"next":') :].rstrip(b"}\n ")
    return None if tail == b"null" else int(tail)


def _end(text: str, place: int) -> int:
    """Where the item ends that begins at ``place``."""
    try:
        return _DECODER.raw_decode(text, place)[1]
    except (ValueError, RecursionError):
        raise _strange() from None


def entry_of(line: bytes) -> Entry:
    """The entry that one of these lines stands for."""
    try:
        return from_line(line)
    except BadLine:
        raise _strange() from None


def _strange() -> CliError:
    return CliError("the log is not sent as the edit API sends it: is PROMPTCAST_URL right?")
