"""A report: what a replica says of the log. Cumulative, so a lost one costs one heartbeat."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MAX_REPORT_BYTES = 256 * 1024
LIVE_LISTED = 100
"""Live versions that a heartbeat lists; a replica that holds more lists the most recent ones."""


_Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]
"""Anybody may write reports; a number beyond these would be one that no clock and no gauge can show."""


class LiveVersion(BaseModel):
    """What a replica serves of one prompt."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: _Whole
    revision: _Whole
    content_hash: str


class Rejection(BaseModel):
    """A position that a replica passed over, and why."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    position: _Whole
    reason: str
    detail: str = ""
    prompt: str | None = None


class Status(BaseModel):
    """What only heartbeats tell. Times are µs of the server's clock."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    url: str | None = None
    started_at: _Whole
    head_position: _Whole
    last_reload_at: _Whole | None = None
    globs: tuple[str, ...] = ("*",)
    live: dict[str, LiveVersion] = {}


class Report(BaseModel):
    """Applied through ``position`` (whose hash is ``hash``), except what was rejected."""

    model_config = ConfigDict(frozen=True, extra="ignore")

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
    changed: dict[str, LiveVersion | None] = {}
    """What it serves differently since its last report; None: no longer."""
    left: bool = False
    """The last word of a replica that is leaving."""
    status: Status | None = None

    def to_bytes(self) -> bytes:
        """As it is published."""
        return self.model_dump_json(exclude_defaults=True).encode()

    @classmethod
    def parse(cls, data: bytes) -> "Report | None":
        """Back from :meth:`to_bytes`; None for what is no report, since anybody may write there."""
        try:
            return cls.model_validate_json(data) if len(data) <= MAX_REPORT_BYTES else None
        except ValidationError:
            return None
