"""What answers hold. Times are RFC 3339 UTC with microseconds; hashes are SHA-256 in hexadecimal."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from projections.fleet import Convergence, Outcome
from projections.history import Action
from projections.reports import LiveVersion

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Position = Annotated[int, Field(ge=1)]
VersionNumber = Annotated[int, Field(ge=1)]


class Body(BaseModel):
    """A part of an answer. Clients should expect members that they do not know."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class PromptSummary(Body):
    """A prompt in the list: what is live, and since when. Archived: ``version`` is null."""

    name: str
    branch: str
    version: VersionNumber | None
    revision: Position
    archived: bool
    note: str
    author: str
    recorded_at: Time
    hash: Hash
    content_hash: Hash | None


class PromptPage(Body):
    """Prompts by name."""

    items: Sequence[PromptSummary]
    next: str | None


class Prompt(Body):
    """A prompt as it is live. Note, author, time and hash are of the event that made it so."""

    name: str
    branch: str
    version: VersionNumber
    revision: Position
    template: str
    config: dict[str, Any]
    note: str
    author: str
    recorded_at: Time
    hash: Hash
    content_hash: Hash


class Interval(Body):
    """When a version was live, and what made it so; ``to`` is null while it is."""

    from_: Annotated[Time, Field(serialization_alias="from")]
    to: Time | None
    position: Position
    action: Action
    author: str
    note: str


class VersionSummary(Body):
    """A version in the history. ``size`` is the template's, in bytes; ``answers`` is how many chat
    answers the members have given from it since they started, as far as they told."""

    name: str
    branch: str
    version: VersionNumber
    position: Position
    author: str
    recorded_at: Time
    note: str
    size: int
    hash: Hash
    content_hash: Hash
    live: bool
    live_intervals: Sequence[Interval]
    answers: Annotated[int, Field(ge=0)]


class VersionPage(Body):
    """Versions, newest first."""

    items: Sequence[VersionSummary]
    next: int | None


class Version(VersionSummary):
    """A version, whole."""

    template: str
    config: dict[str, Any]


class ReplicaSpread(Body):
    """What one member has made of an event; ``reason`` only when it was rejected."""

    replica: str
    outcome: Outcome
    lag_ms: float | None
    reason: str = ""


class PropagationBody(Body):
    """How far an event has spread."""

    state: Convergence
    elapsed_ms: float | None
    replicas: Sequence[ReplicaSpread]


class ChangeBody(Body):
    """What a change has come to. After archiving there is no version, and so no content. ``durable``
    is false when it is in the log, but was not confirmed in time to be as safe as was asked for."""

    prompt: str
    branch: str
    version: VersionNumber | None
    position: Position
    revision: Position
    hash: Hash
    content_hash: Hash | None
    author: str
    recorded_at: Time
    unchanged: bool
    durable: bool
    propagation: PropagationBody


class Valid(Body):
    """The content may be saved. ``size`` is the template's, in bytes."""

    valid: Literal[True]
    size: int
    variables: Sequence[str]
    content_hash: Hash


class DiffLine(Body):
    """A line: kept, removed or added. ``no_newline`` only where the text ends without one."""

    op: Literal[" ", "-", "+"]
    text: str
    no_newline: Literal[True] = True


class DiffHunk(Body):
    """Neighbouring changes with three lines of context, counted as in unified diffs."""

    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    lines: Sequence[DiffLine]


class TextDiff(Body):
    """The difference of two texts. ``coarse``: they were too different to be told line by line, so
    all that lies between their common beginning and end is shown as replaced."""

    unified: str
    hunks: Sequence[DiffHunk]
    coarse: bool


class VersionDiff(Body):
    """The difference of two versions; a config is compared as indented JSON with sorted keys.
    ``unified`` is both together, empty when the versions say the same."""

    name: str
    from_: Annotated[VersionNumber, Field(serialization_alias="from")]
    to: VersionNumber
    unified: str
    template: TextDiff
    config: TextDiff


class RejectedPosition(Body):
    """A position that a member passed over, and why; ``prompt`` where it is known."""

    position: Position
    reason: str
    detail: str
    prompt: str | None


class ReloadLag(Body):
    """How long an event took from its append until the member had applied it."""

    position: int
    lag_ms: float


class Member(Body):
    """A replica that was seen and has neither left nor been reaped. Null: not heard of yet.

    ``silent_seconds`` is since its last sign of life; ``recent_lags`` are its last ones, oldest first.
    """

    id: str
    instance: str | None
    url: str | None
    state: str
    applied_position: int
    hash: str | None
    live: dict[str, LiveVersion]
    lag_ms: float | None
    last_reload: Time | None
    rejected: Sequence[RejectedPosition]
    uptime_seconds: float | None
    silent_seconds: float | None
    prompts: Sequence[str]
    recent_lags: Sequence[ReloadLag]


class FleetPage(Body):
    """Every member, and the log's head position. All are on one page."""

    items: Sequence[Member]
    next: None
    head: int


TrialSource = Literal["live", "draft"]


class TrialProblem(Body):
    """Why there is no answer. ``code`` is one of chat's errors, or of the asking itself."""

    code: str
    detail: str


class TrialAnswer(Body):
    """What one replica, or the model for a draft, has answered. ``replica`` is null for a draft, and
    when nobody could be asked; ``version`` and ``revision`` are what it answered from, null for a
    draft. ``cut``: the reply is longer. Without an answer, ``problem`` says why."""

    source: TrialSource
    replica: str | None
    version: VersionNumber | None
    revision: Position | None
    reply: str | None
    cut: bool
    model: str | None
    usage: dict[str, Any] | None
    seconds: float
    problem: TrialProblem | None


class Trial(Body):
    """The draft's row first, if there was one; then those of replicas, by id."""

    answers: Sequence[TrialAnswer]


class Check(Body):
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str


class Health(Body):
    """The process answers."""

    status: Literal["ok"]


class Readiness(Body):
    """Whether requests should come here; ``checks`` that are not ok say why."""

    ready: bool
    checks: Sequence[Check]
