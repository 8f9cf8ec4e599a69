"""What can happen: events, immutable, in the past tense, each fit to be applied by itself.

Here are those about prompts and about the log itself; those about people and keys are in
:mod:`events.access`.

The models are the schema of the log's ``data``: they refuse what the edit API refuses, so a replica
that reads an event applies exactly the rules under which it was written.
"""

import hashlib
import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, model_validator

from events.access import AccessEvent
from events.frozen import Frozen
from events.limits import (
    MAX_CONFIG_BYTES,
    MAX_CONFIG_DEPTH,
    MAX_NOTE_CHARACTERS,
    PROMPT_NAME,
    VARIABLE_NAME,
)
from events.template import Template

MAIN: Literal["main"] = "main"
OWNED_PARAMETERS = frozenset(
    {
        "conversation_id",
        "extra_body",
        "extra_headers",
        "extra_query",
        "messages",
        "model",
        "safety_identifier",
        "stream",
        "stream_options",
        "timeout",
        "user",
        "variables",
    }
)
"""Parameters that the chat service sets itself; a prompt's config may not name them."""

PromptName = Annotated[str, StringConstraints(pattern=PROMPT_NAME)]
BranchName = Literal["main"]
"""Until test branches come, there is one."""
VariableName = Annotated[str, StringConstraints(pattern=VARIABLE_NAME)]
Note = Annotated[str, StringConstraints(max_length=MAX_NOTE_CHARACTERS)]
Version = Annotated[int, Field(ge=1, lt=2**31)]
Position = Annotated[int, Field(ge=0, le=2**53)]
"""A place in the log; 0 is before the first event."""


def _parses(text: str) -> str:
    Template.check(text)
    return text


TemplateText = Annotated[str, AfterValidator(_parses)]


def _not_owned(parameters: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if owned := sorted(OWNED_PARAMETERS & parameters.keys()):
        raise ValueError(f"set by the service, not by a prompt: {', '.join(owned)}")
    return parameters


class PromptConfig(Frozen):
    """How the model is asked: its name, its parameters, and defaults for the template's variables."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    parameters: Annotated[dict[str, JsonValue], AfterValidator(_not_owned)] = Field(
        default_factory=dict
    )
    variables: dict[VariableName, str] = Field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """What is set, as plain JSON values; the same for ``{}`` and for empty parts."""
        parts = {"model": self.model, "parameters": self.parameters, "variables": self.variables}
        return {name: value for name, value in parts.items() if value}

    def canonical(self) -> str:
        """The one JSON text of this config: sorted keys, no spaces; for sizes and hashes."""
        plain = self is _NO_CONFIG or self == _NO_CONFIG
        return "{}" if plain else canonical_json(self.content())


def _small(config: PromptConfig) -> PromptConfig:
    if config == _NO_CONFIG:
        return config
    try:
        size = len(config.canonical().encode())
    except ValueError as error:  # a lone surrogate or a number that JSON has no word for
        raise ValueError(f"not plain JSON: {error}") from None
    if _depth(config.parameters) > MAX_CONFIG_DEPTH:
        raise ValueError(f"nested more than {MAX_CONFIG_DEPTH} deep")
    if size > MAX_CONFIG_BYTES:
        raise ValueError(f"{size} bytes as JSON; at most {MAX_CONFIG_BYTES} are allowed")
    return config


def _depth(value: JsonValue) -> int:
    if not isinstance(value, dict | list):
        return 0
    within = value.values() if isinstance(value, dict) else value
    return 1 + max((_depth(part) for part in within), default=0)


_NO_CONFIG = PromptConfig()
Config = Annotated[PromptConfig, AfterValidator(_small), Field(default_factory=lambda: _NO_CONFIG)]


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces. Raises ``ValueError`` on NaN and infinities."""
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    )


def content_hash(template: str, config: PromptConfig) -> str:
    """SHA-256 (hex) of the template, a NUL, and the config as canonical JSON.

    A template holds no control characters, so no two contents give the same bytes.
    """
    return hashlib.sha256(f"{template}\0{config.canonical()}".encode()).hexdigest()


class LogOpened(Frozen):
    """The first event: the log exists, and has a random id of its own."""

    log_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class LogHealed(Frozen):
    """The events behind ``after`` through ``through`` were lost, and were put back as they were."""

    after: Position
    through: Position
    cause: Literal["went_back", "missing", "stray", "holes", "file"]


class ForkSettled(Frozen):
    """An operator has decided which chain goes on behind position ``after``, where there were two.

    ``through`` is the furthest position that anybody has ever reported, on whichever side.
    """

    kept: Literal["log", "journal", "file"]
    after: Position
    through: Position


class LogTrimmed(Frozen):
    """The events through position ``through``, of which the last has this ``hash``, may go from the
    server: archives hold them. They are part of the log as before."""

    through: Annotated[int, Field(ge=1, le=2**53)]
    hash: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class PositionPassed(Frozen):
    """Nothing happened here: the position was used by an event that was given up."""

    reason: Note = ""


_Content = TypeVar("_Content", "PromptSaved", "PromptRestored")


def _small_when_rendered(event: _Content) -> _Content:
    Template.check_rendering(event.template, event.config.variables)
    return event


class PromptSaved(Frozen):
    """New content became version ``version``, and the live version of ``branch``."""

    prompt: PromptName
    branch: BranchName = MAIN
    version: Version
    template: TemplateText
    config: Config
    note: Note = ""

    _renders = model_validator(mode="after")(_small_when_rendered)


class PromptRestored(Frozen):
    """Version ``version``, first saved at position ``saved_at``, is live again; it carries all of it."""

    prompt: PromptName
    branch: BranchName = MAIN
    version: Version
    saved_at: Annotated[int, Field(ge=1)]
    template: TemplateText
    config: Config
    note: Note = ""

    _renders = model_validator(mode="after")(_small_when_rendered)


class PromptArchived(Frozen):
    """No replica serves the prompt any more; its history stays, and a save brings it back."""

    prompt: PromptName
    branch: BranchName = MAIN
    note: Note = ""


PromptEvent = PromptSaved | PromptRestored | PromptArchived
LogEvent = LogOpened | LogHealed | ForkSettled | LogTrimmed | PositionPassed
"""About the log itself; the first, and what was trimmed, have an effect on the chain."""
Event = LogEvent | PromptEvent | AccessEvent
"""All of them, closed: any may stand in any log, and each log's fold passes over the other's."""
