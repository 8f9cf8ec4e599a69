"""What requests about people, keys and sessions hold, and what they are answered with."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from events.limits import KEY_NAME, PERSON_NAME
from projections.access import Role
from services.admin.access.secrets import PASSWORD_CHARACTERS
from services.admin.bodies import Body, Time

LONGEST = 200
"""Characters of what somebody types in; more is never right, and is not looked at."""

_Typed = Annotated[str, Field(min_length=1, max_length=LONGEST)]
_NewPassword = Annotated[
    str,
    Field(
        min_length=PASSWORD_CHARACTERS[0],
        max_length=PASSWORD_CHARACTERS[1],
        description="The new one, in characters.",
    ),
]


def _one_of(*ways: tuple[str, ...]) -> dict[str, Any]:
    """A schema's words for: all of one of these, and nothing of the others."""
    names = {name for way in ways for name in way}
    shared = set.intersection(*(set(way) for way in ways))
    return {
        "oneOf": [
            {
                "required": list(way),
                "not": {"anyOf": [{"required": [n]} for n in sorted(names - set(way) - shared)]},
            }
            for way in ways
        ]
    }


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SignInRequest(_Request):
    """A name and a password, or the token of a one-time link."""

    model_config = ConfigDict(json_schema_extra=_one_of(("name", "password"), ("token",)))

    name: _Typed = ""
    password: _Typed = ""
    token: _Typed = ""

    @model_validator(mode="after")
    def _one_way(self) -> "SignInRequest":
        if self.model_fields_set not in ({"name", "password"}, {"token"}):
            raise ValueError("needs name and password, or token")
        return self


class PasswordRequest(_Request):
    """A new password, and why it may be set: a one-time link's token, or the password so far."""

    model_config = ConfigDict(
        json_schema_extra=_one_of(("token", "password"), ("current", "password"))
    )

    password: _NewPassword
    token: _Typed = ""
    current: _Typed = ""

    @model_validator(mode="after")
    def _one_way(self) -> "PasswordRequest":
        if self.model_fields_set not in ({"token", "password"}, {"current", "password"}):
            raise ValueError("needs password, and token or current")
        return self


class NewPersonRequest(_Request):
    """Somebody new."""

    name: Annotated[
        str,
        Field(
            pattern=PERSON_NAME,
            description="What the history will call them.",
            examples=["ada"],
        ),
    ]
    role: Role


class RoleRequest(_Request):
    """What somebody may do from now on."""

    role: Role


class NewKeyRequest(_Request):
    """A new API key; changes made with it are made by ``key:<name>``."""

    name: Annotated[str, Field(pattern=KEY_NAME, examples=["pipeline"])]
    role: Role


class SessionBody(Body):
    """Who asks. ``csrf`` goes into ``X-CSRF-Token`` of every change that is made with the cookie;
    it is null for keys, which need none. So is ``expires_at``, when the session ends if not used."""

    person: str
    role: Role
    csrf: str | None
    kind: Literal["person", "key", "environment", "link"]
    expires_at: Time | None


class PersonBody(Body):
    """Somebody who may sign in, once they have set a password."""

    name: str
    role: Role
    added_at: Time
    added_by: str
    has_password: bool


class PersonPage(Body):
    """Everybody, by name."""

    items: Sequence[PersonBody]
    next: None


class LinkBody(Body):
    """A link that can be used once. It is not shown again."""

    link: str
    expires_at: Time


class InvitedBody(PersonBody, LinkBody):
    """Somebody new, and the link by which they set their password."""


class KeyBody(Body):
    """An API key, without its secret. ``key`` is its id."""

    key: str
    name: str
    role: Role
    added_at: Time
    added_by: str


class KeyPage(Body):
    """All keys, oldest first."""

    items: Sequence[KeyBody]
    next: None


class NewKeyBody(KeyBody):
    """A new key with its secret, which is not kept and never shown again."""

    secret: str
