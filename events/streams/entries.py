"""Entries as they stand in a stream, and as the log's readers know them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from events.chain import Entry
from events.errors import StrayId

_UNSIGNED = [b"event", b"hash", b"at"]
_FIELDS = {*_UNSIGNED, b"kid", b"sig"}


class RawEntry(NamedTuple):
    """Whatever stands in the stream: its id, and a flat list of fields and values."""

    id: str
    fields: tuple[bytes, ...]

    def entry(self) -> Entry:
        """The entry that it is; raises ``StrayId`` when its id is no position."""
        return entry_of(self.id.encode(), list(self.fields), 0)


class RawHead(NamedTuple):
    """What stands last in the stream: its id, which need not be a position, and its hash field."""

    id: str
    stored: str


def entries_of(found: Iterable[tuple[bytes, Sequence[Any]]], after: int) -> list[Entry]:
    """What stands behind position ``after``, up to the first id that was not given by us.

    Raises ``StrayId`` when that one comes first: what stands before it counts all the same.
    """
    entries: list[Entry] = []
    for id, fields in found:
        try:
            entries.append(entry_of(id, fields, after + 1 + len(entries)))
        except StrayId:
            if not entries:
                raise
            break
    return entries


def position_of(id: bytes, expected: int) -> int:
    """The position that a stream id stands for; raises ``StrayId`` for an id that is none."""
    milliseconds, _, sequence = id.partition(b"-")
    if sequence != b"0":
        raise StrayId(expected, id.decode())
    return int(milliseconds)


def head_position(id: bytes) -> int:
    """Like :func:`position_of`, but total: a stray head lies beyond every position."""
    return int(id.partition(b"-")[0]) + (0 if id.endswith(b"-0") else 1)


def entry_of(id: bytes, fields: Sequence[Any], expected: int) -> Entry:
    """The entry that stands in the stream as ``id`` and a flat list of fields and values."""
    position = position_of(id, expected)
    if fields[::2] == _UNSIGNED:
        event, hash, at = fields[1::2]
        return Entry(position, event, to_text(hash), _time(at))
    found: Mapping[bytes, bytes] = dict(zip(fields[::2], fields[1::2], strict=True))
    return Entry(
        position=position,
        event=found.get(b"event", b""),
        hash=to_text(found.get(b"hash", b"")),
        at=_time(found.get(b"at", b"")),
        kid=to_text(found.get(b"kid", b"")),
        sig=to_text(found.get(b"sig", b"")),
        foreign=tuple(to_text(name) for name in found if name not in _FIELDS),
    )


def _time(at: bytes) -> int:
    return int(at) if at.isdigit() and len(at) < 18 else 0


def to_text(raw: bytes) -> str:
    """As text of which :func:`to_raw` makes the same bytes again, whatever somebody has written there:
    behind an entry whose hash is no UTF-8 one must be able to append, too."""
    return raw.decode("latin-1")


def to_raw(text: str) -> bytes:
    """What stands in the stream for a field's text."""
    return text.encode("latin-1", errors="replace")
