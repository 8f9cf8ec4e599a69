"""Reading the log: what each entry is worth, decided from its bytes.

The one place where an entry becomes an event or is rejected. Admins, replicas and ``verify`` all read
through :func:`read`, so they fold exactly alike. It is pure: the chain's state goes in and comes out.
Values that are made for every entry are named tuples, which are made in a quarter of a dataclass's time.
"""

import json
import re
from enum import StrEnum
from typing import NamedTuple

from pydantic import ValidationError

from events.envelope import (
    ENVELOPE,
    TYPE_PREFIX,
    Envelope,
    RequestKey,
    digest,
    microseconds,
    request_of,
    subject,
)
from events.errors import LogGap, StrayId
from events.limits import MAX_EVENT_BYTES, PROMPT_NAME
from events.model import Event, LogOpened, LogTrimmed
from events.signing import KeyRing
from events.upcasters import upcast

GENESIS_HASH = "0" * 64
"""``prevhash`` of the event at position 1."""
STRAY_FROM = 10**11
"""Ids from here on are clock times in milliseconds (since 1973), not positions."""
_PROMPT_NAME = re.compile(PROMPT_NAME)


class Head(NamedTuple):
    """The last event of a log: its position, its hash field as stored, and its recomputed hash.

    ``stored`` and ``digest`` differ only for a poisoned entry: the compare-and-append compares what
    is stored, the chain runs through what was recomputed from the bytes.
    """

    position: int
    stored: str
    digest: str


GENESIS = Head(0, "", GENESIS_HASH)
"""The head of a log that holds nothing yet."""


class Entry(NamedTuple):
    """One entry of the log as stored; missing fields are empty. ``at`` is server time in µs."""

    position: int
    event: bytes
    hash: str
    at: int
    kid: str = ""
    sig: str = ""
    foreign: tuple[str, ...] = ()
    """Names of fields that do not belong there; they have no effect."""


def head_of(entry: Entry | None) -> Head:
    """The head of a log that ends with ``entry``; of an empty one without."""
    return Head(entry.position, entry.hash, digest(entry.event)) if entry else GENESIS


class Reason(StrEnum):
    """Why an entry has no effect. The words are part of the API and of the metrics."""

    MISSING_FIELDS = "missing_fields"
    TOO_LARGE = "too_large"
    WRONG_HASH = "wrong_hash"
    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown_key"
    WRONG_SIGNATURE = "wrong_signature"
    BAD_JSON = "bad_json"
    INVALID = "invalid"
    UNKNOWN_TYPE = "unknown_type"
    WRONG_POSITION = "wrong_position"
    BROKEN_CHAIN = "broken_chain"
    OPENED_TWICE = "opened_twice"
    CRASHED = "crashed"


class Recorded(NamedTuple):
    """An event that counts. ``hash`` is its own; times are µs since the epoch."""

    position: int
    hash: str
    at: int
    recorded_at: int
    id: str
    actor: str
    request: RequestKey | None
    event: Event
    size: int


class Rejected(NamedTuple):
    """An entry without effect; its position is passed over all the same.

    ``newer``: it is intact and well chained, but of a type that this version does not know. Only
    then may a writer no longer trust its own view, and must stop writing until it is upgraded.
    """

    position: int
    reason: Reason
    detail: str
    newer: bool = False
    prompt: str | None = None
    """The prompt that it was about, where its bytes still say so."""


Outcome = Recorded | Rejected


class Chain(NamedTuple):
    """How far a log was read: its head, its id once opened, and whether signatures are required.

    ``trimmed``: what lies at this event and before it need not be on the server any more.
    """

    head: Head = GENESIS
    log_id: str = ""
    signed: bool = False
    trimmed: Head = GENESIS


class _Reject(Exception):
    def __init__(self, reason: Reason, detail: str, newer: bool = False) -> None:
        super().__init__(detail)
        self.reason, self.newer = reason, newer


def read(chain: Chain, entry: Entry, keys: KeyRing) -> tuple[Chain, Outcome]:
    """The next state of the chain, and what ``entry`` is worth.

    Raises :class:`LogGap` when the entry is not at the next position (:class:`StrayId` when its id
    is a clock time); everything else that is wrong with it is an outcome, never an exception.
    """
    expected = chain.head.position + 1
    if entry.position != expected:
        kind = StrayId if entry.position >= STRAY_FROM else LogGap
        raise kind(expected, f"{entry.position}-0")
    own = digest(entry.event)
    head = Head(expected, entry.hash, own)
    try:
        signed = _check_origin(chain, entry, own, keys)
        recorded = _parse(chain, entry, own)
    except _Reject as wrong:
        onward = Chain(head, chain.log_id, chain.signed, chain.trimmed)
        detail = str(wrong)[:500]
        return onward, Rejected(expected, wrong.reason, detail, wrong.newer, _about(entry.event))
    event, log_id, trimmed = recorded.event, chain.log_id, chain.trimmed
    if isinstance(event, LogOpened):
        log_id = event.log_id
    elif isinstance(event, LogTrimmed):
        trimmed = max(trimmed, Head(event.through, event.hash, event.hash))
    return Chain(head, log_id, chain.signed or signed, trimmed), recorded


def decode(entry: Entry, expected: str) -> Recorded | None:
    """The event at a position that was read before, when its hash was ``expected``; else None.

    For content that is looked up by position: what was checked when it was folded is not checked
    again, but that these are the same bytes is.
    """
    own = digest(entry.event)
    if own != expected:
        return None
    try:
        return _recorded(ENVELOPE.validate_python(_lifted(_fields(entry.event))), entry, own)
    except (_Reject, ValueError):
        return None


def _check_origin(chain: Chain, entry: Entry, own: str, keys: KeyRing) -> bool:
    """Whether the entry is signed; it is intact, and from somebody who may write."""
    if not entry.event or not entry.hash:
        raise _Reject(Reason.MISSING_FIELDS, "the entry lacks its event or its hash")
    if len(entry.event) > MAX_EVENT_BYTES:
        size = len(entry.event)
        raise _Reject(Reason.TOO_LARGE, f"{size} bytes; at most {MAX_EVENT_BYTES} are allowed")
    if entry.hash != own:
        raise _Reject(Reason.WRONG_HASH, "its hash is not the SHA-256 of its bytes")
    if not entry.sig:
        if chain.signed:
            raise _Reject(Reason.UNSIGNED, "unsigned, after events that were signed")
        return False
    if entry.kid not in keys:
        newer = _ours_in_place(chain, entry.position, _fields(entry.event))
        raise _Reject(Reason.UNKNOWN_KEY, f"signed with the unknown key {entry.kid[:64]!r}", newer)
    if not keys.verifies(own, entry.kid, entry.sig):
        raise _Reject(Reason.WRONG_SIGNATURE, f"not signed with the key {entry.kid[:64]!r}")
    return True


def _parse(chain: Chain, entry: Entry, own: str) -> Recorded:
    envelope = _envelope(chain, entry)
    if envelope["position"] != entry.position:
        says = envelope["position"]
        raise _Reject(Reason.WRONG_POSITION, f"it says that it is at position {says}")
    if envelope["prevhash"] != chain.head.digest:
        raise _Reject(Reason.BROKEN_CHAIN, "its prevhash is not the hash of the event before")
    event = envelope["data"]
    if envelope["subject"] != subject(event):
        raise _Reject(Reason.INVALID, "its subject is not what it is about")
    if isinstance(event, LogOpened) and chain.log_id:
        raise _Reject(Reason.OPENED_TWICE, "the log was opened before")
    if isinstance(event, LogTrimmed) and event.through >= entry.position:
        raise _Reject(Reason.INVALID, "it trims what does not lie before it")
    return _recorded(envelope, entry, own)


def _recorded(envelope: Envelope, entry: Entry, own: str) -> Recorded:
    try:
        recorded_at = microseconds(envelope["time"])
    except ValueError:
        raise _Reject(Reason.INVALID, "its time names no moment") from None
    return Recorded(
        entry.position,
        own,
        entry.at,
        recorded_at,
        envelope["id"],
        envelope["actor"],
        request_of(envelope),
        envelope["data"],
        len(entry.event),
    )


def _envelope(chain: Chain, entry: Entry) -> Envelope:
    try:
        return ENVELOPE.validate_json(entry.event)
    except ValidationError as error:
        first = error
    fields = _fields(entry.event)
    lifted = _lifted(fields)
    if lifted is not fields:
        try:
            return ENVELOPE.validate_python(lifted)
        except ValidationError as error:
            first = error
    raise _unreadable(chain, entry.position, fields, first)


def _fields(event: bytes) -> dict[str, object]:
    try:
        fields = json.loads(event)
    except (ValueError, RecursionError):
        raise _Reject(Reason.BAD_JSON, "its bytes are not JSON") from None
    if not isinstance(fields, dict):
        raise _Reject(Reason.INVALID, "its JSON is not an object")
    return fields


def _lifted(fields: dict[str, object]) -> dict[str, object]:
    try:
        return upcast(fields)
    except Exception as error:  # noqa: BLE001  # upcasters are written for events that are in order
        detail = f"{type(error).__name__} while it was lifted to the present schema"
        raise _Reject(Reason.INVALID, detail) from None


def _unreadable(
    chain: Chain, position: int, fields: dict[str, object], why: ValidationError
) -> _Reject:
    if why.errors(include_url=False, include_input=False)[0]["type"] != "union_tag_invalid":
        return _Reject(Reason.INVALID, _first_line(why))
    kind = str(fields.get("type"))[:100]
    newer = _ours_in_place(chain, position, fields)
    return _Reject(Reason.UNKNOWN_TYPE, f"unknown type {kind!r}", newer)


def _ours_in_place(chain: Chain, position: int, fields: dict[str, object]) -> bool:
    """Whether these are the fields of an envelope of our own kind, chained where it stands."""
    in_place = fields.get("position") == position and fields.get("prevhash") == chain.head.digest
    ours = str(fields.get("type")).startswith(TYPE_PREFIX) and fields.get("specversion") == "1.0"
    return in_place and ours


def _first_line(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(step) for step in first["loc"][1:]) or "event"
    return f"{where}: {first['msg']}"


def _about(event: bytes) -> str | None:
    """The prompt that a rejected entry names, so that only its own waiters hear of it."""
    if len(event) > MAX_EVENT_BYTES:
        return None
    try:
        named = json.loads(event).get("subject")
    except (ValueError, AttributeError, RecursionError):
        return None
    return named if isinstance(named, str) and _PROMPT_NAME.fullmatch(named) else None
