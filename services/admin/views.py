"""What the core tells the HTTP side: plain values, ready to be shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from projections.fleet import Convergence, Spread
from projections.history import Action
from projections.reports import LiveVersion, Rejection

Kind = Literal["saved", "restored", "archived", "reported", "replica", "access", "log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a save, restore or archive has come to.

    ``unchanged``: it was in force already, and nothing was appended; the rest then tells of what is
    in force. ``replayed``: an earlier request with the same key did it. ``recorded_at`` is µs since
    the epoch; ``appended_at`` is monotonic seconds, None unless this request appended it. ``durable``
    is false when it is in the log, but was not confirmed to be as safe as was asked for; of what an
    earlier request appended it tells what is known now.
    """

    action: Action
    prompt: str
    branch: str
    version: int | None
    position: int
    revision: int
    hash: str
    content_hash: str
    author: str
    recorded_at: int
    unchanged: bool
    replayed: bool
    appended_at: float | None
    durable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Propagation:
    """How far an event has spread. ``elapsed_ms`` is from its append here until all had it."""

    state: Convergence
    elapsed_ms: float | None
    replicas: tuple[Spread, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadLag:
    """How long one event took from its append until a member had applied it."""

    position: int
    lag_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberView:
    """A member as it is known here. None: it was not heard of yet. ``last_reload`` is RFC 3339."""

    id: str
    instance: str | None
    url: str | None
    state: str
    applied_position: int
    hash: str | None
    live: Mapping[str, LiveVersion]
    lag_ms: float | None
    last_reload: str | None
    rejected: tuple[Rejection, ...]
    uptime_seconds: float | None
    silent_seconds: float | None
    prompts: tuple[str, ...]
    recent_lags: tuple[ReloadLag, ...]


class Address(NamedTuple):
    """Where a member is, by its own word; ``voucher`` is not for showing (`services.vouching`)."""

    url: str
    voucher: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetView:
    """Every member, and the log's head position to hold them against."""

    head: int
    members: tuple[MemberView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Something happened; ``data`` holds JSON values only."""

    kind: Kind
    data: Mapping[str, Any]
