"""Who may do what: people and API keys, folded from the access log, and the decisions that change it.

Pure. A decision returns an event, or None when all is so already, or raises a
:class:`~projections.refusals.Refused`; it is made again when the log's head turns out to have moved.
The actor :data:`OPERATOR` runs the service: they alone may leave it without an admin among its people.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar, assert_never

from pydantic import ValidationError

from events.access import (
    AccessEvent,
    KeyAdded,
    KeyRevoked,
    PasswordSet,
    PersonAdded,
    PersonRemoved,
    Role,
    RoleChanged,
    SignedOut,
)
from events.chain import Outcome, Recorded, Rejected
from events.limits import MAX_KEYS, MAX_PEOPLE
from projections.decisions import mistake
from projections.refusals import Exists, Invalid, LastAdmin, Mistake, NotFound, ReadOnly

__all__ = ["OPERATOR", "Access", "Key", "Person", "Role", "allows", "apply", "fold"]

OPERATOR: Final = "admin"
"""The actor of the environment's key, and of who came in by a link made with it."""
_RANKS: Final[Mapping[Role, int]] = {"viewer": 1, "editor": 2, "admin": 3}


def allows(role: Role, needed: Role) -> bool:
    """Whether somebody with ``role`` may do what needs ``needed``: each may what the lesser ones may."""
    return _RANKS[role] >= _RANKS[needed]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may come in. Times are µs; ``position`` is where they were added.

    Their sessions count from ``position`` and from ``signed_out_at``, whichever is later: what was
    made before either, by position of the access log, has ended.
    """

    name: str
    role: Role
    added_at: int
    added_by: str
    position: int
    password_set_at: int | None = None
    signed_out_at: int = 0
    """The position of the last event that ended all their sessions, a new password included."""


@dataclass(frozen=True, slots=True)
class Key:
    """An API key that is good for something. Its time is µs; ``position`` is where it was added."""

    id: str
    name: str
    role: Role
    added_at: int
    added_by: str
    position: int


@dataclass(frozen=True, slots=True)
class Access:
    """All people by name and all API keys by id, and whether this version may still write."""

    people: Mapping[str, Person] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)
    newer: Rejected | None = None
    """The first event of a type from the future: whoever met one must not write any more."""


def apply(access: Access, outcome: Outcome) -> Access:
    """Who may do what after one more entry of the log. Pure and total."""
    return fold(access, [outcome])


def fold(access: Access, outcomes: Iterable[Outcome]) -> Access:
    """:func:`apply` over several entries, copying once. What the log says is taken as it is."""
    people, keys, newer = dict(access.people), dict(access.keys), access.newer
    for outcome in outcomes:
        if isinstance(outcome, Rejected):
            newer = newer or (outcome if outcome.newer else None)
        elif isinstance(outcome.event, AccessEvent):
            _take(people, keys, outcome, outcome.event)
    return Access(people, keys, newer)


def _take(
    people: dict[str, Person], keys: dict[str, Key], recorded: Recorded, event: AccessEvent
) -> None:
    added = recorded.recorded_at, recorded.actor, recorded.position
    match event:
        case PersonAdded(person=name, role=role):
            people[name] = Person(name, role, *added)
        case PersonRemoved(person=name):
            people.pop(name, None)
        case KeyAdded(key=id, name=name, role=role):
            keys[id] = Key(id, name, role, *added)
        case KeyRevoked(key=id):
            keys.pop(id, None)
        case RoleChanged() | PasswordSet() | SignedOut():
            if known := people.get(event.person):
                people[event.person] = _changed(known, recorded, event)
        case _:
            assert_never(event)


def _changed(
    known: Person, recorded: Recorded, event: RoleChanged | PasswordSet | SignedOut
) -> Person:
    match event:
        case RoleChanged(role=role):
            return replace(known, role=role)
        case PasswordSet():
            now, here = recorded.recorded_at, recorded.position
            return replace(known, password_set_at=now, signed_out_at=here)
        case SignedOut():
            return replace(known, signed_out_at=recorded.position)
        case _:
            assert_never(event)


def decide_add_person(access: Access, name: str, role: str) -> PersonAdded:
    """A new person. Raises ``Invalid``, or ``Exists`` when the name is somebody's."""
    _check_writable(access)
    event = _checked(PersonAdded, {"person": name, "role": role}, {"person": "name"})
    if name in access.people:
        raise Exists("/name", f"there is a person {name!r} already")
    _check_room(len(access.people), MAX_PEOPLE, "people")
    return event


def decide_set_role(access: Access, name: str, role: str, actor: str) -> RoleChanged | None:
    """Another role. Raises ``NotFound``, ``Invalid``, or ``LastAdmin``."""
    known = _person(access, name)
    event = _checked(RoleChanged, {"person": name, "role": role}, {})
    if known.role == event.role:
        return None
    _check_writable(access)
    _check_admin_left(access, known, actor)
    return event


def decide_remove_person(access: Access, name: str, actor: str) -> PersonRemoved:
    """The end of a person's access. Raises ``NotFound`` or ``LastAdmin``."""
    known = _person(access, name)
    _check_writable(access)
    _check_admin_left(access, known, actor)
    return PersonRemoved(person=name)


def decide_password_set(access: Access, name: str) -> PasswordSet:
    """That a person's password is another one now. Raises ``NotFound``."""
    _person(access, name)
    _check_writable(access)
    return PasswordSet(person=name)


def decide_sign_out(access: Access, name: str) -> SignedOut:
    """The end of all of a person's sessions. Raises ``NotFound``."""
    _person(access, name)
    _check_writable(access)
    return SignedOut(person=name)


def decide_add_key(access: Access, id: str, name: str, role: str) -> KeyAdded:
    """A new API key. Raises ``Invalid``, or ``Exists``: of two with one name nobody could be told."""
    _check_writable(access)
    event = _checked(KeyAdded, {"key": id, "name": name, "role": role}, {})
    if id in access.keys:
        raise Exists("/key", f"there is an API key {id!r} already")
    if any(key.name == name for key in access.keys.values()):
        raise Exists("/name", f"there is an API key named {name!r} already")
    _check_room(len(access.keys), MAX_KEYS, "API keys")
    return event


def decide_revoke_key(access: Access, id: str) -> KeyRevoked:
    """The end of an API key. Raises ``NotFound``."""
    if id not in access.keys:
        raise NotFound(f"there is no API key {id!r}")
    _check_writable(access)
    return KeyRevoked(key=id)


def _person(access: Access, name: str) -> Person:
    known = access.people.get(name)
    if known is None:
        raise NotFound(f"there is no person {name!r}")
    return known


def _check_admin_left(access: Access, known: Person, actor: str) -> None:
    """``known`` is about to be an admin no longer."""
    if known.role != "admin" or actor == OPERATOR:
        return
    if not any(p.role == "admin" for p in access.people.values() if p is not known):
        raise LastAdmin(f"{known.name!r} is the last admin; only the environment's key may do this")


def _check_room(count: int, most: int, what: str) -> None:
    if count >= most:
        raise Invalid((Mistake("", f"there are {most} {what} already, as many as allowed"),))


def _check_writable(access: Access) -> None:
    if access.newer:
        raise ReadOnly(
            f"position {access.newer.position} cannot be read here: {access.newer.detail}"
        )


_Model = TypeVar("_Model", PersonAdded, RoleChanged, KeyAdded)


def _checked(model: type[_Model], fields: Mapping[str, Any], told: Mapping[str, str]) -> _Model:
    """The event; raises ``Invalid`` with every mistake. ``told``: fields that clients call otherwise."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        problems = [
            {**problem, "loc": [told.get(str(step), step) for step in problem["loc"]]}
            for problem in error.errors()
        ]
        raise Invalid(tuple(mistake(problem) for problem in problems)) from None
