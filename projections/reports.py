"""A report: what a replica says of the log. Cumulative, so a lost one costs one heartbeat."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

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
    status: Status | None = None

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


_REPORT = TypeAdapter(Report)
