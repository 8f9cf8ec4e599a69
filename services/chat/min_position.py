"""``X-Prompt-Min-Position``: who has just saved a prompt can test it at once, on any replica."""

import re
from typing import Final

from services.chat.errors import ChatError, invalid, retry_later
from services.chat.gate import Gate
from services.chat.headers import MIN_POSITION
from services.chat.replica import Replica

WAIT_SECONDS: Final = 5.0
MAX_WAITING: Final = 1_000

_POSITION = re.compile(r"[0-9]{1,16}")


def parse_position(asked: str) -> int:
    """The header's value as a position; 400 when it is none."""
    if not _POSITION.fullmatch(asked):
        raise invalid("a position is a whole number, 0 or more", MIN_POSITION)
    return int(asked)


class MinPosition:
    """Holds requests back until the replica has applied the positions that they ask for."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._waiting = Gate(MAX_WAITING, "too_many_waiting", "requests wait for a position")

    async def reached(self, position: int) -> None:
        """Return once ``position`` is applied.

        Raises 503 ``position_not_applied`` when that takes more than five seconds, and 503
        ``too_many_waiting`` at once when a thousand requests wait already.
        """
        if self._replica.applied_position >= position:
            return
        with self._waiting:
            if not await self._replica.wait_applied(position, WAIT_SECONDS):
                at = self._replica.applied_position
                raise retry_later(
                    "position_not_applied",
                    f"position {position} is not applied here yet; this replica is at {at}",
                )

    def check_rejected(self, prompt: str, position: int) -> None:
        """Raise 503 ``prompt_rejected`` if the event of ``prompt`` at ``position`` was rejected.

        Trying again at this replica cannot help; OpenAI's clients are told not to.
        """
        if (reason := self._replica.rejection(prompt, position)) is not None:
            raise ChatError(
                "prompt_rejected",
                f"this replica rejected the event at position {position}: {reason}",
                headers={"X-Should-Retry": "false"},
            )
