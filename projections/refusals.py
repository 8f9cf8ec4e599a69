"""Why a command is refused. Nothing was appended.

::

    Refused
    ├── NotFound              no such prompt or version, person or API key
    ├── RevisionMoved         somebody else changed the prompt meanwhile
    ├── PreconditionRequired  the command does not say which revision it was decided upon
    ├── Invalid               the content breaks the rules; every mistake is listed
    │   └── Exists            the name or id is taken
    ├── LastAdmin             nobody among the people could let others in any more
    ├── KeyReused             the idempotency key belongs to another request
    └── ReadOnly              the log holds events that this version does not know
"""

from dataclasses import dataclass

from events.errors import PromptcastError


class Refused(PromptcastError):
    """The root of all refusals."""


class NotFound(Refused):
    """There is no such prompt, or no such version of it; no such person or API key."""


class RevisionMoved(Refused):
    """The prompt's revision is not the expected one; both numbers are None for an unknown prompt."""

    def __init__(self, revision: int | None, version: int | None) -> None:
        if revision is None:
            text = "there is no such prompt; create it with 'If-None-Match: *'"
        else:
            text = f"the prompt is at revision {revision} now"
        super().__init__(text)
        self.revision = revision
        self.version = version


class PreconditionRequired(Refused):
    """The command must say which revision it was decided upon."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong: where (a JSON pointer into the request), and what."""

    pointer: str
    detail: str
    line: int | None = None
    column: int | None = None


class Invalid(Refused):
    """The content breaks the rules."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__("; ".join(f"{m.pointer}: {m.detail}" for m in mistakes)[:500])
        self.mistakes = mistakes


class Exists(Invalid):
    """Somebody or something has this name or id already; ``pointer`` is where it was asked for."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__((Mistake(pointer, detail),))


class LastAdmin(Refused):
    """It would leave no admin among the people."""


class KeyReused(Refused):
    """The idempotency key was used before, for another request."""


class ReadOnly(Refused):
    """The log holds an event of a type that this version does not know: upgrade, then write."""
