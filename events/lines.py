"""Lines: an entry of a log as one line of JSON, and back, byte for byte.

The one format in which entries leave the log: pages of the edit API, journals, tails, fork files and
exports. An event's bytes stand in the line untouched, so whoever reads it can check their hash; what
is no JSON object, or would break the line, stands in base64 beside it. In files a line carries a
checksum too: an event's own hash cannot tell a disk's damage from poison that was in the log.
"""

import base64
import json
import re
import zlib
from typing import Any

from pydantic_core import from_json

from events.chain import Entry
from events.envelope import microseconds, rfc3339
from events.errors import BadLine

MOST_LINE_BYTES = 24 * 1024 * 1024
"""Room for one entry that is poison; a valid event has 1 MiB at most. Nobody reads a longer line."""
_EVENT = b',"event":'
"""Comes once in a line outside of the event: elsewhere there is a space between, or a backslash."""
_CHECKED = re.compile(rb'\{"crc":"([0-9a-f]{8})",')


def to_line(entry: Entry, most: int | None = None) -> bytes:
    """``entry`` as JSON, without a newline in it or behind it.

    ``at`` is null when it names no moment (it then comes back as 0). An event of more than ``most``
    bytes is left out; without a limit every entry comes back as it was.
    """
    fields: dict[str, Any] = {
        "position": entry.position,
        "hash": entry.hash,
        "at": _moment(entry.at),
        "size": len(entry.event),
    }
    beside: dict[str, Any] = {"kid": entry.kid, "sig": entry.sig, "foreign": entry.foreign}
    fields.update({name: value for name, value in beside.items() if value})
    event = b"null"
    if most is None or len(entry.event) <= most:
        if _stands_in_a_line(entry.event):
            event = entry.event
        else:
            fields["raw"] = base64.b64encode(entry.event).decode()
    return json.dumps(fields).encode()[:-1] + _EVENT + event + b"}"


def checked(line: bytes) -> bytes:
    """A line with a checksum of all the rest of it in front, for files. It is a line all the same."""
    return b'{"crc":"%08x",' % zlib.crc32(line[1:]) + line[1:]


def from_line(line: bytes) -> Entry:
    """The entry that a line stands for; its checksum is checked if it has one.

    Raises :class:`~events.errors.BadLine`. What an entry is worth is not asked here. An event that
    was left out for its size comes back empty.
    """
    line = _unchecked(line)
    place = line.find(_EVENT)
    if place < 0 or not line.endswith(b"}"):
        raise BadLine("the line is no entry of a log")
    try:
        fields = json.loads(line[:place] + b"}")
        return _entry(fields, _bytes(fields, line[place + len(_EVENT) : -1]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadLine(f"the line is no entry of a log ({type(error).__name__})") from None


def _unchecked(line: bytes) -> bytes:
    found = _CHECKED.match(line)
    if found is None:
        return line
    rest = line[found.end() :]
    if int(found[1], 16) != zlib.crc32(rest):
        raise BadLine("the line is damaged: it does not fit its checksum")
    return b"{" + rest


def _bytes(fields: dict[str, Any], stands: bytes) -> bytes:
    """The event's bytes: those that stand in the line, or beside it in base64."""
    if stands == b"null":
        if "raw" not in fields:
            return b""
        event = base64.b64decode(fields["raw"], validate=True)
    elif _stands_in_a_line(stands):
        event = stands
    else:
        raise BadLine("the line's event is no JSON object")
    if len(event) != fields["size"]:
        raise BadLine(f"the line's event has {len(event)} bytes; it should have {fields['size']}")
    return event


def _entry(fields: dict[str, Any], event: bytes) -> Entry:
    entry = Entry(
        position=fields["position"],
        event=event,
        hash=fields["hash"],
        at=0 if fields["at"] is None else microseconds(fields["at"]),
        kid=fields.get("kid", ""),
        sig=fields.get("sig", ""),
        foreign=tuple(fields.get("foreign", ())),
    )
    texts = (entry.hash, entry.kid, entry.sig, *entry.foreign)
    if type(entry.position) is not int or entry.position < 1:
        raise BadLine("the line names no position")
    if not all(isinstance(text, str) for text in texts):
        raise BadLine("the line's fields are no text")
    return entry


def _stands_in_a_line(event: bytes) -> bool:
    """Whether these bytes are a JSON object, and one line."""
    if b"\n" in event or b"\r" in event:
        return False
    try:
        return isinstance(from_json(event, allow_inf_nan=False, cache_strings=False), dict)
    except ValueError:
        return False


def _moment(at: int) -> str | None:
    try:
        return rfc3339(at)
    except OverflowError:  # anybody may write anything there
        return None
