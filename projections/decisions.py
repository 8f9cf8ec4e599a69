"""Deciding: a command and the history in, an event out (or why not). Pure.

The order of the checks is part of the API: key known → precondition → nothing changed → validation.
Every decision is made again when the log's head turns out to have moved.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from events.envelope import RequestKey
from events.limits import MAX_PROMPTS
from events.model import (
    MAIN,
    PromptArchived,
    PromptConfig,
    PromptRestored,
    PromptSaved,
    content_hash,
)
from events.template import RendersTooLarge, TemplateError
from projections.history import History, PromptHistory, VersionRecord
from projections.refusals import (
    Invalid,
    KeyReused,
    Mistake,
    NotFound,
    PreconditionRequired,
    ReadOnly,
    RevisionMoved,
)

Expected = int | Literal["any", "absent"] | None
"""The revision a command was decided upon; ``any`` insists, ``absent`` creates, None is missing."""


@dataclass(frozen=True, slots=True)
class Save:
    """Make new content the live version. ``config`` is not checked yet."""

    prompt: str
    template: str
    config: Mapping[str, Any]
    note: str
    expected: Expected
    request: RequestKey | None = None


@dataclass(frozen=True, slots=True)
class Restore:
    """Make an older version live again."""

    prompt: str
    version: int
    note: str
    expected: Expected
    request: RequestKey | None = None


@dataclass(frozen=True, slots=True)
class Archive:
    """Serve the prompt no longer."""

    prompt: str
    expected: Expected
    request: RequestKey | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What a version says, as read from the log."""

    template: str
    config: PromptConfig


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The command asks for what is in force already: nothing is appended."""

    history: PromptHistory


@dataclass(frozen=True, slots=True)
class Replayed:
    """The same request was carried out before, by the event at ``position``."""

    position: int


def decide_save(history: History, command: Save) -> PromptSaved | Unchanged | Replayed:
    """The version that a save makes. Raises a :class:`~projections.refusals.Refused`."""
    if replayed := _replayed(history, command.request):
        return replayed
    known = history.prompts.get(command.prompt)
    _check_expected(known, command.expected)
    if known and _same_content(known.live, command):
        return Unchanged(known)
    _check_writable(history)
    event = check_content(command, known.next_version if known else 1)
    if known is None and len(history.prompts) >= MAX_PROMPTS:
        raise Invalid(
            (Mistake("", f"there are {MAX_PROMPTS} prompts already, as many as allowed"),)
        )
    return event


def decide_restore(
    history: History, command: Restore, content: Content | None
) -> PromptRestored | Unchanged | Replayed:
    """The restore of a version whose ``content`` was read from the log (None: not looked for yet)."""
    if replayed := _replayed(history, command.request):
        return replayed
    known = history.prompts.get(command.prompt)
    if known is None:
        raise NotFound(f"there is no prompt {command.prompt!r}")
    _check_expected(known, command.expected)
    record = known.find(command.version)
    if record is None or content is None:
        raise NotFound(f"{command.prompt!r} has no version {command.version}")
    if known.live is record:
        return Unchanged(known)
    _check_writable(history)
    return _checked(
        PromptRestored,
        {
            "prompt": command.prompt,
            "version": command.version,
            "saved_at": record.position,
            "template": content.template,
            "config": content.config,
            "note": command.note,
        },
    )


def decide_archive(history: History, command: Archive) -> PromptArchived | Unchanged | Replayed:
    """The end of a prompt's service; archiving an archived prompt changes nothing."""
    if replayed := _replayed(history, command.request):
        return replayed
    known = history.prompts.get(command.prompt)
    if known is None:
        raise NotFound(f"there is no prompt {command.prompt!r}")
    _check_expected(known, command.expected)
    if known.last.version is None:
        return Unchanged(known)
    _check_writable(history)
    return _checked(
        PromptArchived, {"prompt": command.prompt, "branch": MAIN, "note": command.note}
    )


def check_content(command: Save, version: int) -> PromptSaved:
    """The event for this content; raises ``Invalid`` listing every mistake."""
    return _checked(
        PromptSaved,
        {
            "prompt": command.prompt,
            "version": version,
            "template": command.template,
            "config": command.config,
            "note": command.note,
        },
    )


_Model = TypeVar("_Model", PromptSaved, PromptRestored, PromptArchived)


def _checked(model: type[_Model], fields: Mapping[str, Any]) -> _Model:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise Invalid(tuple(mistake(problem) for problem in error.errors())) from None


def mistake(problem: Mapping[str, Any]) -> Mistake:
    """One of pydantic's problems as one of ours, with a template's line and column."""
    pointer = "".join(f"/{_escaped(str(step))}" for step in problem["loc"])
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, TemplateError):
        return Mistake(pointer, cause.detail, cause.line, cause.column)
    if isinstance(cause, RendersTooLarge):  # template and defaults together; told of the template
        return Mistake(f"{pointer}/template", str(cause))
    return Mistake(pointer, str(cause) if cause else str(problem["msg"]))


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


def _replayed(history: History, request: RequestKey | None) -> Replayed | None:
    known = history.requests.find(request) if request else None
    if known is None or request is None:
        return None
    hash, position = known
    if hash != request.hash:
        raise KeyReused("this Idempotency-Key was used before, for another request")
    return Replayed(position)


def _check_expected(known: PromptHistory | None, expected: Expected) -> None:
    if expected is None:
        raise PreconditionRequired(
            "say which revision this is based on: 'If-Match: \"<revision>\"'"
        )
    exists = known is not None and known.last.version is not None
    fits = {"absent": not exists, "any": known is not None}
    moved = (
        not fits[expected] if isinstance(expected, str) else not known or expected != known.revision
    )
    if moved:
        if known is None:
            raise RevisionMoved(None, None)
        raise RevisionMoved(known.revision, known.last.version)


def _check_writable(history: History) -> None:
    if history.newer:
        raise ReadOnly(
            f"position {history.newer.position} cannot be read here: {history.newer.detail}"
        )


def _same_content(live: VersionRecord | None, command: Save) -> bool:
    if live is None:
        return False
    try:
        config = PromptConfig.model_validate(command.config)
        return live.content_hash.hex() == content_hash(command.template, config)
    except ValueError:  # it cannot be in force, since it is not even valid
        return False
