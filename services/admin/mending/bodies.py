"""What the calls of an operator take and answer."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

LogName = Literal["log", "access"]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    log: LogName = "log"


class RepairRequest(_Asked):
    """Which log."""


class SettleRequest(_Asked):
    """Which log, and which of its two histories goes on."""

    keep: Literal["log", "journal"]


class MendedBody(BaseModel):
    """What came of it."""

    log: LogName
    changed: bool = Field(description="False when there was nothing to do.")
    events: int
    position: int = Field(description="Of the log's head now.")
    hash: str = Field(description="Of the event there.")
    file: str | None = Field(description="The file that holds what was given up, if anything was.")


class HeadBody(BaseModel):
    """An event by its place and its hash."""

    position: int
    hash: str


class Seen(BaseModel):
    """Somebody who has seen what the log does not hold."""

    name: str
    position: int


class ForkBody(BaseModel):
    """How one log stands."""

    log: LogName
    state: Literal["open", "waiting", "healing", "diverged"] = Field(
        description="`open`: saving goes on. `diverged`: a person must decide, or somebody come back."
    )
    reason: str
    since: str
    head: HeadBody | None = Field(description="Where the log ends.")
    journal: HeadBody | None = Field(description="Where this instance's journal ends.")
    common: int | None = Field(description="The last position at which both hold the same event.")
    beyond: list[Seen]


class ForkFileBody(BaseModel):
    """A file with events that are in no log any more."""

    name: str
    log: LogName
    first: int
    last: int
    size: int = Field(description="Bytes.")


class Forks(BaseModel):
    """Both logs, and the files."""

    log: ForkBody
    access: ForkBody
    files: list[ForkFileBody]
