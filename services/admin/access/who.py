"""Who asks: the one answer that the guard has for every request."""

from dataclasses import dataclass, field
from typing import Literal

from projections.access import Role
from services.admin.access.sessions import Session

Kind = Literal["environment", "key", "person", "link"]


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who is known here. ``actor`` is the name that goes into events.

    ``kind``: the key of the environment, an API key, a person with a session, or a session that a
    one-time link has opened. ``key`` is an API key's id.
    """

    actor: str
    role: Role
    kind: Kind
    key: str | None = None
    session: Session | None = None
    token: str | None = field(default=None, repr=False)
    """The session's."""

    @property
    def is_operator(self) -> bool:
        """Whether it is somebody who runs the service, and not one of its people or keys."""
        return self.kind in ("environment", "link")
