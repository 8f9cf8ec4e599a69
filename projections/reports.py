"""A report: what a replica, or an admin, says of the log. Cumulative, so a lost one costs a heartbeat."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

MAX_REPORT_BYTES = 256 * 1024
LIVE_LISTED = 100
"""Live versions that a heartbeat lists; a replica that holds more lists the most recent ones."""


_Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]
"""Anybody may write reports; a number beyond these would be one that no clock and no gauge can show."""


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """What a replica serves of one prompt."""

    version: _Whole
    revision: _Whole
    content_hash: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """A position that a replica passed over, and why."""

    position: Annotated[_Whole, Field(ge=1)]
    reason: str
    detail: str = ""
    prompt: str | None = None


_LogId = Annotated[str, Field(max_length=64)]


@dataclass(frozen=True, slots=True)
class Status:
    """What only heartbeats tell. Times are µs of the server's clock."""

    started_at: _Whole
    head_position: _Whole
    url: str | None = None
    last_reload_at: _Whole | None = None
    globs: tuple[str, ...] = ("*",)
    live: Mapping[str, LiveVersion] = field(default_factory=dict)
    answers: Mapping[str, Mapping[int, Annotated[_Whole, Field(ge=0)]]] = field(
        default_factory=dict
    )
    """Chat answers by prompt and version since the start: of the 100 prompts, and of each the 20
    versions, that were used last."""
    voucher: str | None = None
    """That ``url`` is this replica's own, for those who know the chat key."""


@dataclass(frozen=True, slots=True)
class Report:
    """Applied through ``position`` (whose hash is ``hash``), except what was rejected."""

    replica: Annotated[str, Field(min_length=1, max_length=200)]
    instance: Annotated[str, Field(min_length=1, max_length=100)]
    sequence: Annotated[_Whole, Field(ge=0)]
    """Counts this instance's reports: one that comes in late is known by it."""
    position: Annotated[_Whole, Field(ge=0)]
    hash: str
    state: str
    lag_us: _Whole | None = None
    """From append to applied, of the last event that was followed (not replayed)."""
    rejected: tuple[Rejection, ...] = ()
    changed: Mapping[str, LiveVersion | None] = field(default_factory=dict)
    """What it serves differently since its last report; None: no longer."""
    left: bool = False
    """The last word of a replica that is leaving."""
    reaped: bool = False
    """The last word was said for it: it was silent for too long, and counts as dead."""
    status: Status | None = None
    log_id: _LogId | None = None
    """Of the log that was applied; None while none was."""

    def epitaph(self) -> "Report":
        """The last word of a replica that died behind this report without one."""
        return replace(
            self, sequence=self.sequence + 1, changed={}, left=True, reaped=True, status=None
        )

    def to_bytes(self) -> bytes:
        """As it is published."""
        return _REPORT.dump_json(self, exclude_defaults=True)

    @classmethod
    def parse(cls, data: bytes) -> "Report | None":
        """Back from :meth:`to_bytes`; None for what is no report, since anybody may write there."""
        try:
            return _REPORT.validate_json(data) if len(data) <= MAX_REPORT_BYTES else None
        except ValidationError:
            return None


@dataclass(frozen=True, slots=True)
class Told:
    """How far a log was known: the position and the event's own hash; the log's id once it was opened."""

    log_id: _LogId
    position: Annotated[_Whole, Field(ge=0)]
    hash: str


@dataclass(frozen=True, slots=True)
class AdminReport:
    """What an admin knows of each log: the furthest that it has applied or has in its journal."""

    admin: Annotated[str, Field(min_length=1, max_length=200)]
    """Its name, which outlives a restart where it has a directory of its own."""
    instance: Annotated[str, Field(min_length=1, max_length=100)]
    sequence: Annotated[_Whole, Field(ge=0)]
    """See :class:`Report`."""
    logs: Mapping[Literal["log", "access"], Told] = field(default_factory=dict)
    left: bool = False
    """The last word of an admin that is stopping."""

    def to_bytes(self) -> bytes:
        """As it is published."""
        return _ADMIN_REPORT.dump_json(self, exclude_defaults=True)

    @classmethod
    def parse(cls, data: bytes) -> "AdminReport | None":
        """Back from :meth:`to_bytes`; None for what is no report of an admin."""
        try:
            return _ADMIN_REPORT.validate_json(data) if len(data) <= MAX_REPORT_BYTES else None
        except ValidationError:
            return None


_REPORT = TypeAdapter(Report)
_ADMIN_REPORT = TypeAdapter(AdminReport)
