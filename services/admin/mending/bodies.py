"""What the calls of an operator take and answer."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.admin.mending.trimming import LEAST_KEPT
from services.admin.schemas import whole

LogName = Literal["log", "access"]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    log: LogName = "log"


class RepairRequest(_Asked):
    """Which log."""


class SettleRequest(_Asked):
    """Which log, and which of its two histories goes on."""

    keep: Literal["log", "journal"]


class Archived(BaseModel):
    """The last event that the archive holds."""

    model_config = ConfigDict(extra="forbid", strict=True)

    position: Annotated[int, Field(ge=1, le=2**53), BeforeValidator(whole)]
    hash: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class TrimRequest(BaseModel):
    """How much stays on the server, and what the archive proves to hold."""

    model_config = ConfigDict(extra="forbid", strict=True)

    keep: Annotated[int, Field(ge=LEAST_KEPT, le=2**53), BeforeValidator(whole)] = 10_000
    archived: Archived


class TrimmedBody(BaseModel):
    """What came of it."""

    through: int = Field(description="What lies here and before is not on the server any more.")
    head: int = Field(description="The log's last position.")
    events: int = Field(description="How many went by this call.")


class Hole(BaseModel):
    """Positions that are missing, first and last."""

    first: int
    last: int


class FilledBody(BaseModel):
    """What came of it."""

    events: int = Field(description="How many went into the journal.")
    lacks: list[Hole] = Field(description="What is missing there still.")


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
    trimmed: int = Field(
        description="Through this position it may be in archives alone; 0: not at all."
    )
    lacks: list[Hole] = Field(description="What this instance's journal does not have.")
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
