"""Parting: the last event that a log and a journal both hold, with all before it."""

from events.chain import GENESIS, Head, head_of
from events.envelope import digest, prevhash
from events.errors import LogDiverged, TrimmedPast
from services.admin.healing.gathering import Gathering
from services.admin.journal.journal import Journal


async def common(gathering: Gathering, journal: Journal) -> Head:
    """Where they part; it takes about log2 of the length of the shorter one questions. What the journal
    has before a hole is not asked about: nothing shows that it is of the same history.

    Raises a ``LogError`` when the log is not reached, or is being changed meanwhile.
    """
    log = gathering.log
    pulse = await log.pulse()
    low = floor = journal.first - 1
    high = min(pulse.head_position, journal.chain.head.position)
    while low < high:
        middle = (low + high + 1) // 2
        stored = (await log.pulse(middle)).stored_at
        if stored is not None and await journal.holds(Head(middle, stored, "")):
            low = middle
        else:
            high = middle - 1
    if low == floor:
        return await _at(floor, gathering, journal)
    entry = await gathering.entry(low)
    if entry is None:
        raise LogDiverged("the log is being changed while it is looked at")
    return head_of(entry)


async def _at(floor: int, gathering: Gathering, journal: Journal) -> Head:
    """The event before the journal's first one, if the log has that, too; else the log's beginning."""
    known = await journal.before()
    if floor and known:
        for position, told in ((floor, digest), (floor + 1, prevhash)):
            try:
                entry = await gathering.entry(position)
            except TrimmedPast:
                continue
            if entry is not None and told(entry.event) == known:
                return Head(floor, "", known)
    return GENESIS
