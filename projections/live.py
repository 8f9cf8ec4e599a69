"""Live prompts: what a replica serves. Content of live versions only, so its memory stays flat."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple, assert_never

from events.chain import Outcome, Recorded, Rejected
from events.model import (
    PromptArchived,
    PromptConfig,
    PromptEvent,
    PromptRestored,
    PromptSaved,
    content_hash,
)
from events.template import Template


class LivePrompt(NamedTuple):
    """The version in force of one prompt, ready to be used; a chat request keeps it to its end."""

    name: str
    branch: str
    version: int
    revision: int
    template: Template
    config: PromptConfig
    content_hash: str
    hash: str
    author: str
    recorded_at: int


@dataclass(frozen=True, slots=True)
class Live:
    """Every live prompt that is held, by name. ``globs`` says which prompts are held at all."""

    globs: tuple[str, ...] = ("*",)
    prompts: Mapping[str, LivePrompt] = field(default_factory=dict)

    def holds(self, name: str) -> bool:
        """Whether events about this prompt concern this replica."""
        return holds(self.globs, name)


def holds(globs: Collection[str], name: str) -> bool:
    """Whether one of the shell-style patterns fits the prompt's name."""
    return "*" in globs or any(fnmatchcase(name, glob) for glob in globs)


def apply(live: Live, outcome: Outcome) -> Live:
    """What is live after one more entry of the log. Pure and total."""
    return fold(live, [outcome])


def fold(live: Live, outcomes: Iterable[Outcome]) -> Live:
    """:func:`apply` over several entries; only what is live in the end is compiled."""
    last: dict[str, tuple[Recorded, PromptEvent]] = {}
    for outcome in outcomes:
        if isinstance(outcome, Rejected) or not isinstance(outcome.event, PromptEvent):
            continue
        last[outcome.event.prompt] = outcome, outcome.event
    held = {name: what for name, what in last.items() if live.holds(name)}
    if not held:
        return live
    prompts = dict(live.prompts)
    for name, (recorded, event) in held.items():
        _put(prompts, name, recorded, event)
    return Live(live.globs, prompts)


def _put(prompts: dict[str, LivePrompt], name: str, recorded: Recorded, event: PromptEvent) -> None:
    match event:
        case PromptSaved() | PromptRestored():
            prompts[name] = _compiled(recorded, event)
        case PromptArchived():
            prompts.pop(name, None)
        case _:
            assert_never(event)


def _compiled(recorded: Recorded, event: PromptSaved | PromptRestored) -> LivePrompt:
    return LivePrompt(
        name=event.prompt,
        branch=event.branch,
        version=event.version,
        revision=recorded.position,
        template=Template.of_checked(event.template),
        config=event.config,
        content_hash=content_hash(event.template, event.config),
        hash=recorded.hash,
        author=recorded.actor,
        recorded_at=recorded.recorded_at,
    )
