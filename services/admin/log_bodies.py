"""What the log's own page, the stream of updates and problems hold: for the OpenAPI document.

They are not written by way of these models: events go out byte by byte as they are stored.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from services.admin.bodies import Time


class LogItem(BaseModel):
    """One entry of the log, as stored; ``hash`` is the stored one, which poison may have wrong.

    ``event`` is null where the entry's bytes are no JSON object on one line: then ``raw`` has them in
    base64, unless there are more than 16 MiB. ``at`` is null when it names no moment.
    """

    position: Annotated[int, Field(ge=1)]
    hash: str
    at: Time | None
    size: int
    event: dict[str, Any] | None
    raw: Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})] = ""
    kid: str = ""
    sig: str = ""
    foreign: Sequence[str] = ()


class LogPage(BaseModel):
    """Entries, oldest first."""

    items: Sequence[LogItem]
    next: int | None


class ProblemBody(BaseModel):
    """RFC 9457. ``type`` has a page that explains it."""

    model_config = ConfigDict(title="Problem")

    type: Annotated[str, Field(pattern="^/problems/[a-z-]+$")]
    title: str
    status: int
    detail: str


class RevisionMovedBody(ProblemBody):
    """Where the prompt is now; null when there is none."""

    model_config = ConfigDict(title="RevisionMoved")

    current_revision: int | None
    current_version: int | None


class MistakeBody(BaseModel):
    """One mistake: a JSON pointer into the body, and a place in the template where there is one."""

    model_config = ConfigDict(title="Mistake")

    pointer: str
    detail: str
    line: int | None
    column: int | None


class InvalidBody(ProblemBody):
    """Every mistake that was found."""

    model_config = ConfigDict(title="Invalid")

    errors: Sequence[MistakeBody]


class ArchivedBody(ProblemBody):
    """When the prompt was archived, and its revision; not there for what never was."""

    model_config = ConfigDict(title="NotFound")

    archived_at: Time = ""
    current_revision: int = 0


class InternalBody(ProblemBody):
    """What to look for in the service's log."""

    model_config = ConfigDict(title="Internal")

    request_id: str
