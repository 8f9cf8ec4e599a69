"""Who may do what: the events of the access log, which is a log of its own.

They name people and keys and hold no secret: a log is for ever, and what proves that somebody is who
they say must be forgotten when they go.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, StringConstraints

from events.frozen import Frozen
from events.limits import KEY_ID, KEY_NAME, PERSON_NAME

Role = Literal["viewer", "editor", "admin"]
"""What one may do, each everything that the one before may: look; change prompts; let others in."""
TAKEN = frozenset({"admin", "promptcast"})
"""Names of actors that are no people: who has the environment's key, and the service itself."""


def _free(name: str) -> str:
    if name in TAKEN:
        raise ValueError(f"{name!r} is not a person's name here: it stands for the service's own")
    return name


PersonName = Annotated[str, StringConstraints(pattern=PERSON_NAME), AfterValidator(_free)]
KeyId = Annotated[str, StringConstraints(pattern=KEY_ID)]
KeyName = Annotated[str, StringConstraints(pattern=KEY_NAME)]


class PersonAdded(Frozen):
    """Somebody may come in, once they have a password."""

    person: PersonName
    role: Role


class RoleChanged(Frozen):
    """A person may do more, or less, from now on."""

    person: PersonName
    role: Role


class PersonRemoved(Frozen):
    """A person may come in no longer; the name is free again."""

    person: PersonName


class PasswordSet(Frozen):
    """A person has a new password, which is not said here; sessions of before have ended."""

    person: PersonName


class SignedOut(Frozen):
    """All sessions of a person have ended, wherever they were."""

    person: PersonName


class KeyAdded(Frozen):
    """A program may come in with the API key ``key``, an id; its secret is not said here."""

    key: KeyId
    name: KeyName
    role: Role


class KeyRevoked(Frozen):
    """An API key is good for nothing any more."""

    key: KeyId


PersonEvent = PersonAdded | RoleChanged | PersonRemoved | PasswordSet | SignedOut
KeyEvent = KeyAdded | KeyRevoked
AccessEvent = PersonEvent | KeyEvent
