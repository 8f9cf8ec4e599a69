"""What a command can end with, other than well.

::

    PromptcastError
    └── CliError             one line on standard error, and an exit status
        ├── Unreachable      the admin service was not reached; nothing was sent
        ├── ReplyLost        the connection broke after the request went out
        └── Problem          the edit API said no (RFC 9457 problem+json)
            └── RevisionMoved  412: somebody else changed the prompt meanwhile
"""

from typing import Any

from events.errors import PromptcastError

CONVERGED, FAILED, NOT_EVERYWHERE, MOVED, INTERRUPTED = 0, 1, 3, 4, 130
"""Exit statuses. Save and restore promise the first four to pipelines."""


class CliError(PromptcastError):
    """A command failed; ``str(error)`` is what to tell the person, without a traceback."""

    exit_status = FAILED


class Unreachable(CliError):
    """The admin service was not reached, or not within the deadline for connecting."""


class ReplyLost(CliError):
    """The request went out and no reply came: what it asked for may or may not have happened."""


class Problem(CliError):
    """The edit API refused: ``status`` is HTTP's, ``body`` the problem document as received."""

    def __init__(self, status: int, body: dict[str, Any], message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = body

    @property
    def kind(self) -> str:
        """The last part of the problem's ``type``, such as ``not-found``."""
        return str(self.body.get("type", "")).rpartition("/")[2]


class RevisionMoved(Problem):
    """The prompt is no longer at the revision that the change was based on; nothing was changed."""

    exit_status = MOVED
