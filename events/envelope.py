"""The envelope: how an event stands in the log.

A CloudEvents 1.0 envelope in structured mode (https://cloudevents.io), with the extensions
``position``, ``prevhash`` and ``actor``, and ``requestkey`` and ``requesthash`` for idempotency. Its
JSON bytes are what is hashed: they are written once and never rendered again.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NotRequired,  # pydantic asks for these below Python 3.12
    assert_never,
)

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter
from typing_extensions import TypedDict

from events.access import (
    KeyAdded,
    KeyEvent,
    KeyRevoked,
    PasswordSet,
    PersonAdded,
    PersonEvent,
    PersonRemoved,
    RoleChanged,
    SignedOut,
)
from events.limits import MAX_ACTOR_CHARACTERS, MAX_REQUEST_KEY_CHARACTERS
from events.model import (
    Event,
    ForkSettled,
    LogEvent,
    LogHealed,
    LogOpened,
    LogTrimmed,
    PositionPassed,
    PromptArchived,
    PromptEvent,
    PromptRestored,
    PromptSaved,
)

TYPE_PREFIX = "promptcast."
_Hash = Annotated[str, StringConstraints(min_length=64, max_length=64)]
_TIME = r"^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):\d\d:\d\d\.\d{6}Z$"
"""Newer Pythons read an hour 24, older ones do not; every reader must come to the same."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class RequestKey(NamedTuple):
    """An idempotency key, whose (the actor's), and the hash of the request that first used it."""

    actor: str
    key: str
    hash: str


class _Carried(TypedDict):
    """What every event carries. Unknown extensions are passed over, as CloudEvents asks.

    A dictionary, not a model: it is made for each entry that is read, and lives no longer than that.
    """

    __pydantic_config__ = ConfigDict(extra="ignore")  # type: ignore[misc]  # where pydantic looks for it

    specversion: Literal["1.0"]
    id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    source: str
    subject: str
    time: Annotated[str, StringConstraints(pattern=_TIME)]
    position: Annotated[int, Field(ge=1)]
    prevhash: _Hash
    actor: Annotated[str, StringConstraints(min_length=1, max_length=MAX_ACTOR_CHARACTERS)]
    requestkey: NotRequired[
        Annotated[str, StringConstraints(max_length=MAX_REQUEST_KEY_CHARACTERS)] | None
    ]
    requesthash: NotRequired[_Hash | None]


class _Opened(_Carried):
    type: Literal["promptcast.LogOpened.v1"]
    data: LogOpened


class _Healed(_Carried):
    type: Literal["promptcast.LogHealed.v1"]
    data: LogHealed


class _Settled(_Carried):
    type: Literal["promptcast.ForkSettled.v1"]
    data: ForkSettled


class _Trimmed(_Carried):
    type: Literal["promptcast.LogTrimmed.v1"]
    data: LogTrimmed


class _Passed(_Carried):
    type: Literal["promptcast.PositionPassed.v1"]
    data: PositionPassed


class _Saved(_Carried):
    type: Literal["promptcast.PromptSaved.v1"]
    data: PromptSaved


class _Restored(_Carried):
    type: Literal["promptcast.PromptRestored.v1"]
    data: PromptRestored


class _Archived(_Carried):
    type: Literal["promptcast.PromptArchived.v1"]
    data: PromptArchived


class _PersonAdded(_Carried):
    type: Literal["promptcast.PersonAdded.v1"]
    data: PersonAdded


class _RoleChanged(_Carried):
    type: Literal["promptcast.RoleChanged.v1"]
    data: RoleChanged


class _PersonRemoved(_Carried):
    type: Literal["promptcast.PersonRemoved.v1"]
    data: PersonRemoved


class _PasswordSet(_Carried):
    type: Literal["promptcast.PasswordSet.v1"]
    data: PasswordSet


class _SignedOut(_Carried):
    type: Literal["promptcast.SignedOut.v1"]
    data: SignedOut


class _KeyAdded(_Carried):
    type: Literal["promptcast.KeyAdded.v1"]
    data: KeyAdded


class _KeyRevoked(_Carried):
    type: Literal["promptcast.KeyRevoked.v1"]
    data: KeyRevoked


Envelope = (
    _Opened
    | _Healed
    | _Settled
    | _Trimmed
    | _Passed
    | _Saved
    | _Restored
    | _Archived
    | _PersonAdded
    | _RoleChanged
    | _PersonRemoved
    | _PasswordSet
    | _SignedOut
    | _KeyAdded
    | _KeyRevoked
)
ENVELOPE: TypeAdapter[Envelope] = TypeAdapter(Annotated[Envelope, Field(discriminator="type")])
"""Parses the bytes of any event of a present schema version."""

TYPES: dict[type, str] = {
    LogOpened: "promptcast.LogOpened.v1",
    LogHealed: "promptcast.LogHealed.v1",
    ForkSettled: "promptcast.ForkSettled.v1",
    LogTrimmed: "promptcast.LogTrimmed.v1",
    PositionPassed: "promptcast.PositionPassed.v1",
    PromptSaved: "promptcast.PromptSaved.v1",
    PromptRestored: "promptcast.PromptRestored.v1",
    PromptArchived: "promptcast.PromptArchived.v1",
    PersonAdded: "promptcast.PersonAdded.v1",
    RoleChanged: "promptcast.RoleChanged.v1",
    PersonRemoved: "promptcast.PersonRemoved.v1",
    PasswordSet: "promptcast.PasswordSet.v1",
    SignedOut: "promptcast.SignedOut.v1",
    KeyAdded: "promptcast.KeyAdded.v1",
    KeyRevoked: "promptcast.KeyRevoked.v1",
}


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a writer adds to an event: everything that is not decided but observed."""

    id: str
    source: str
    time_us: int
    actor: str
    request: RequestKey | None = None


def render(event: Event, stamp: Stamp, position: int, prevhash: str) -> bytes:
    """The envelope's JSON bytes for ``event`` at ``position``, after the event hashed ``prevhash``."""
    fields: dict[str, Any] = {
        "specversion": "1.0",
        "id": stamp.id,
        "source": stamp.source,
        "type": TYPES[type(event)],
        "subject": subject(event),
        "time": rfc3339(stamp.time_us),
        "datacontenttype": "application/json",
        "position": position,
        "prevhash": prevhash,
        "actor": stamp.actor,
    }
    if stamp.request:
        fields |= {"requestkey": stamp.request.key, "requesthash": stamp.request.hash}
    fields["data"] = event.model_dump(exclude_defaults=True)
    if isinstance(event, PromptEvent):
        fields["data"]["branch"] = event.branch
    return json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def request_of(envelope: Envelope) -> RequestKey | None:
    """The idempotency key of the request that made this event, if it had one."""
    key, hash = envelope.get("requestkey"), envelope.get("requesthash")
    return None if key is None or hash is None else RequestKey(envelope["actor"], key, hash)


def subject(event: Event) -> str:
    """CloudEvents' ``subject``: the prompt, ``person:<name>``, ``key:<id>``, or ``log`` for itself."""
    if isinstance(
        event, PromptEvent
    ):  # first: of these there are many, and it is the quick way out
        return event.prompt
    if isinstance(event, LogEvent):
        return "log"
    if isinstance(event, PersonEvent):
        return f"person:{event.person}"
    if isinstance(event, KeyEvent):
        return f"key:{event.key}"
    assert_never(event)


def prevhash(event: bytes) -> str:
    """The hash that an event says the one before it has; "" when it says none."""
    try:
        told = json.loads(event)["prevhash"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return told if isinstance(told, str) else ""


def digest(data: bytes) -> str:
    """The hash of an event: SHA-256 (hex) of exactly its stored bytes."""
    return hashlib.sha256(data).hexdigest()


def rfc3339(time_us: int) -> str:
    """Microseconds since the epoch as RFC 3339 UTC with six digits."""
    moment = _EPOCH + time_us * _MICROSECOND
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def microseconds(time: str) -> int:
    """The inverse of :func:`rfc3339`. Raises ``ValueError`` when it names no moment."""
    return (datetime.fromisoformat(time) - _EPOCH) // _MICROSECOND
