"""Opening the log: created once, never by accident, and remembered."""

import secrets
from typing import Any

import structlog
import uuid_utils

from events.envelope import Stamp
from events.errors import Conflict, LogMissing
from events.log import EventLog
from events.model import LogOpened
from events.signing import KeyRing
from events.writing import appended, seal
from services.admin.tracked import Tracked

OPEN_SECONDS = 5.0


async def recall(tracked: Tracked[Any]) -> bool:
    """Whether the log is the one that this machine's journal is of, or it has none; or was trimmed past
    all that is in there: then that is to be found out by other means.

    If it is not, the follower is told: it follows no other, and finds what is wrong with this one.
    """
    if tracked.journal is None:
        return True
    await tracked.journal.open()
    remembered = tracked.journal.chain
    if not remembered.log_id:
        return True
    pulse = await tracked.log.pulse(remembered.head.position)
    if pulse.stored_at == remembered.head.stored or pulse.first > remembered.head.position:
        return True
    tracked.follower.remembered = remembered
    return False


async def open_log(
    log: EventLog,
    mirror: Tracked[Any],
    keys: KeyRing,
    source: str,
) -> None:
    """Append ``LogOpened`` when there is no log yet and nobody remembers one.

    Whoever knows of one is heard first: that is what the gate waits for. Raises ``LogDiverged`` when
    there was a log, and it cannot be brought back: its absence is an alarm, not a new beginning.
    """
    if mirror.follower.remembered:
        await mirror.follower.look()
    pulse = await log.pulse()
    if not pulse.exists and mirror.follower.position:
        raise LogMissing(mirror.follower.position)
    await mirror.catch_up()
    if _is_opened(mirror):
        return
    await mirror.gate.passed(None)
    await mirror.catch_up()  # it may have been put back, or another admin was quicker
    if _is_opened(mirror):
        return
    after = mirror.follower.applied.chain.head
    opened = LogOpened(log_id=secrets.token_hex(16))
    stamp = Stamp(str(uuid_utils.uuid7()), source, log.clock.now(), "promptcast")
    draft = seal(opened, stamp, after, keys)
    try:
        landed = await log.append(draft, after, OPEN_SECONDS)
    except Conflict:  # another admin was quicker
        await mirror.catch_up()
        return
    mirror.follower.advance([appended(draft, after, landed.at)])
    structlog.get_logger().info("log_opened", log_id=opened.log_id, source=source)


def _is_opened(mirror: Tracked[Any]) -> bool:
    return bool(mirror.follower.applied.chain.log_id)
