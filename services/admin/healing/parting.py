"""Parting: the last event that a log and a journal both hold, with all before it."""

from events.chain import GENESIS, Head, head_of
from events.errors import LogDiverged
from services.admin.healing.gathering import Gathering
from services.admin.journal.journal import Journal


async def common(gathering: Gathering, journal: Journal) -> Head:
    """Where they part; it takes about log2 of the length of the shorter one questions.

    Raises a ``LogError`` when the log is not reached, or is being changed meanwhile.
    """
    log = gathering.log
    pulse = await log.pulse()
    low, high = 0, min(pulse.head_position, journal.chain.head.position)
    while low < high:
        middle = (low + high + 1) // 2
        stored = (await log.pulse(middle)).stored_at
        if stored is not None and await journal.holds(Head(middle, stored, "")):
            low = middle
        else:
            high = middle - 1
    if not low:
        return GENESIS
    entry = await gathering.entry(low)
    if entry is None:
        raise LogDiverged("the log is being changed while it is looked at")
    return head_of(entry)
