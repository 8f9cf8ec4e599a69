"""Putting entries back into a log as they were, while a fence keeps everybody else out."""

from collections.abc import Iterator, Sequence

from events.chain import Entry, Head
from events.errors import Conflict, Fenced, LogDiverged
from events.memory import size_of
from events.streams.entries import head_position, to_raw, to_text
from events.streams.keys import Keys
from events.streams.link import Link, Script

FENCE_MILLISECONDS = 10_000
"""How long a fence outlives the last entries that its holder has put back."""
PUT_COUNT = 256
PUT_BYTES = 2 * 1024 * 1024
"""What goes in by one call: a server serves nobody else meanwhile. A larger entry goes alone."""
PUT_SECONDS = 20.0
_HEAL, _UNFENCE = Script.load("heal"), Script.load("unfence")


async def put_back(
    link: Link,
    keys: Keys,
    stream: str,
    entries: Sequence[Entry],
    after: Head,
    holder: str,
    last: bool,
    begins: bool = False,
) -> None:
    """Append ``entries`` to ``stream`` as they were, behind ``after``; at most one of :func:`portions`.

    ``holder`` has the fence of ``keys`` from then on, for 10 s, unless ``last``. Without entries it
    only takes the fence, or renews it. ``begins``: the stream holds nothing, and will begin behind
    ``after``. All of them are put back or none: raises ``Conflict`` when the head is not ``after``,
    ``Fenced`` when another holder has the fence, and ``LogDiverged`` when the stream takes no entry there
    (it is no stream, or had entries that were deleted): then only
    :class:`~events.streams.rebuilding.Rebuilding` helps. ``ReplyLost``: look where the head is now.
    """
    _check(entries, after)
    fence = 0 if last else FENCE_MILLISECONDS
    answer, head, stored = await link.run(
        _HEAL, [stream, keys.fence],
        holder, fence, after.position, to_raw(after.stored), int(begins),
        *(part for entry in entries for part in _parts(entry)), seconds=PUT_SECONDS,
    )  # fmt: skip
    if answer == b"fenced":
        raise Fenced("the log is being put back by somebody else; nothing was written")
    if answer == b"moved":
        raise Conflict(head_position(head), to_text(stored))
    if answer == b"closed":
        raise LogDiverged(f"the log takes no entry behind position {after.position}")


async def unfence(link: Link, keys: Keys, holder: str) -> bool:
    """Take the fence away; whether it was ``holder``'s."""
    return bool(await link.run(_UNFENCE, [keys.fence], holder))


def portions(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """``entries`` in the pieces that one call may put back."""
    portion: list[Entry] = []
    room = PUT_BYTES
    for entry in entries:
        room -= size_of(entry)
        if portion and (room < 0 or len(portion) == PUT_COUNT):
            yield portion
            portion, room = [], PUT_BYTES - size_of(entry)
        portion.append(entry)
    if portion:
        yield portion


def _check(entries: Sequence[Entry], after: Head) -> None:
    for expected, entry in enumerate(entries, after.position + 1):
        if entry.position != expected:
            raise ValueError(f"position {entry.position} where {expected} was next")


def _parts(entry: Entry) -> tuple[bytes | int, ...]:
    text = to_raw(entry.hash), entry.at, to_raw(entry.kid), to_raw(entry.sig)
    return (entry.event, *text)
