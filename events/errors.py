"""The error tree. Every error that Promptcast raises on purpose hangs below one root.

::

    PromptcastError
    ├── TemplateError            a template that will not parse (template.py)
    ├── MissingVariables         a template rendered without all of its variables (template.py)
    ├── RendersTooLarge          a template that makes too much of its variables (template.py)
    ├── LoaderHung, TriedBefore  a version that breaks the loader (services/chat)
    ├── BadLine                  a line of a journal or an export that is no entry (lines.py)
    ├── SettingsError            a wrong setting (services/settings.py)
    ├── CannotListen             an address that is taken or not ours (services/listening.py)
    ├── CliError, DevError       a command that failed (services/cli, services/dev)
    ├── ServerRefused            a server that could lose saves (services/server_checks.py)
    ├── Busy                     more passwords at once than may wait (services/admin/access/secrets.py)
    ├── Refused                  a command that the present state does not allow (projections/refusals.py)
    ├── LogError                 everything that can go wrong with the log
    │   ├── LogUnavailable       not reached within the deadline; nothing was changed
    │   │   ├── NotDurable       the server refuses writes (disk, memory, replicas, rights)
    │   │   ├── Fenced           somebody else is putting the log back
    │   │   ├── ServerChanged    the server is another one than before (link.py asks it)
    │   │   └── Shut             the log is not known to be whole (services/admin/healing/gate.py)
    │   ├── OutcomeUnknown       an append that may or may not have landed
    │   ├── Conflict             the head is not the one the writer decided upon
    │   ├── AppendExpired        the append reached the server after its ``not_after``
    │   └── LogDiverged          this is not the log that we know
    │       ├── LogMissing       it was there and is gone
    │       ├── LogShorter       it ends before what we have seen
    │       ├── LogForked        another event stands where we have seen one
    │       │   └── LogMended    what was damaged when we read it is damaged no more
    │       ├── TrimmedPast      it begins behind what is asked for, and nobody here has that
    │       └── LogGap           the next entry is not the next position
    │           └── StrayId      its id was not given by us (``XADD *``)
    └── ClaimError
        ├── ClaimHeld            another living instance has this replica id
        └── ClaimLost            another instance took this replica id over
"""


class PromptcastError(Exception):
    """The root. Its text is one line, fit for a log or a terminal."""


class BadLine(PromptcastError):
    """A line that should hold an entry of a log, and does not."""


class LogError(PromptcastError):
    """Something is wrong with the log or the way to it."""


class LogUnavailable(LogError):
    """The log was not reached in time. Nothing was changed; trying again is safe."""


class NotDurable(LogUnavailable):
    """The server answered, but refuses to write (read-only, out of memory, disk, rights)."""


class Fenced(LogUnavailable):
    """Somebody else is putting the log back: until that is done, nobody writes to it."""


class ServerChanged(LogUnavailable):
    """The server is another one than before, and not known yet to hold all that the old one held."""


class OutcomeUnknown(LogError):
    """An append whose reply was lost and whose fate could not be shown either way."""


class Conflict(LogError):
    """The log's head is not the one the writer decided upon: read on and decide again."""

    def __init__(self, position: int, stored: str) -> None:
        super().__init__(f"the log's head has moved to position {position}")
        self.position = position
        self.stored = stored


class AppendExpired(LogError):
    """The append reached the server after its ``not_after``; nothing was written."""


class LogDiverged(LogError):
    """The log is not the one that this process has followed so far."""


class LogMissing(LogDiverged):
    """The stream was there and is gone."""

    def __init__(self, known: int) -> None:
        super().__init__(f"the log is missing; position {known} had been seen")


class LogShorter(LogDiverged):
    """The log ends before a position that was seen."""

    def __init__(self, head: int, known: int) -> None:
        super().__init__(f"the log ends at position {head}; position {known} had been seen")


class LogForked(LogDiverged):
    """Another event stands at a position that was seen."""

    def __init__(self, position: int) -> None:
        super().__init__(f"the event at position {position} is not the one that was seen there")


class LogMended(LogForked):
    """The entry was damaged when it was read; since then it was put right, so it is read again."""


class TrimmedPast(LogDiverged):
    """The log was trimmed, and what lies behind ``known`` is neither on the server nor here."""

    def __init__(self, known: int, first: int) -> None:
        super().__init__(
            f"the log begins with position {first} on the server; what lies behind position {known}"
            " was trimmed, and is not here"
        )
        self.known = known
        self.first = first


class LogGap(LogDiverged):
    """The entry that follows is not at the next position."""

    def __init__(self, expected: int, found: str) -> None:
        super().__init__(f"expected position {expected} next, found entry {found}")
        self.expected = expected
        self.found = found


class StrayId(LogGap):
    """An entry whose id is no position: somebody wrote with ``XADD *``."""


class ClaimError(PromptcastError):
    """A replica id may be used by one instance at a time."""


class ClaimHeld(ClaimError):
    """Another instance uses this replica id and is alive."""


class ClaimLost(ClaimError):
    """Another instance has taken this replica id over."""
