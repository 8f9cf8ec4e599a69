"""The limits of the front door, the same for both services."""

from typing import Final, NamedTuple

MAX_LINE_BYTES: Final = 8 * 1024
"""Of a request's first line."""
MAX_FIELD_BYTES: Final = 8 * 1024
"""Of one header, name and value."""
MAX_FIELDS: Final = 100
MAX_HEAD_BYTES: Final = 64 * 1024
"""Of a head that is not complete yet."""
MAX_LEFTOVER_BYTES: Final = 4 * 1024 * 1024
"""Of a body that is still coming when its request has been answered: some clients look at their
answer only after they have sent everything, but nobody has to be listened to without end."""
TAKEN_BYTES: Final = 16 * 1024
"""What a client must take of a waiting answer, within `Limits.stalled`, to count as reading it."""


class Limits(NamedTuple):
    """Deadlines, in seconds. ``look`` is the time between two looks at all open connections.

    ``head``: from the connection's start, or from the first byte of a later request, to the end of
    the request's head. ``idle``: between two requests; longer than load balancers keep theirs, so
    that they close. ``leftover``: for a body that was not read to its end. ``stalled``: for a client
    that does not read its answer.
    """

    head: float = 10.0
    idle: float = 75.0
    leftover: float = 2.0
    stalled: float = 60.0
    look: float = 1.0
