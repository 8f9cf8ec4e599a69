"""Save, restore and archive over the edit API: what is asked for, and on which condition."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.cli.errors import CliError, ReplyLost, RevisionMoved

if TYPE_CHECKING:
    from services.cli.client import AdminClient

Prompt = dict[str, Any]
"""A prompt as the API shows it."""
Change = dict[str, Any]
"""The API's answer to a change: what happened, and its propagation."""


@dataclass(frozen=True, slots=True)
class Condition:
    """When a change may happen, and how many seconds to wait for its arrival (None: do not).
    With no ``revision`` and no ``force`` the revision that is read first is the condition.
    """

    revision: int | None = None
    force: bool = False
    wait: float | None = 5.0


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a save changes about the config: ``base`` replaces it (None: the live one is kept)."""

    base: Mapping[str, Any] | None
    model: str | None
    parameters: Mapping[str, Any]
    variables: Mapping[str, str]

    def __bool__(self) -> bool:
        return self.base is not None or bool(self.model or self.parameters or self.variables)

    def over(self, live: Mapping[str, Any]) -> dict[str, Any]:
        """The config to save, where ``live`` is the live version's."""
        config = dict(live if self.base is None else self.base)
        if self.model:
            config["model"] = self.model
        for part, given in (("parameters", self.parameters), ("variables", self.variables)):
            if given:
                config[part] = {**(config.get(part) or {}), **given}
        return {name: value for name, value in config.items() if value is not None}


async def save(
    client: "AdminClient",
    name: str,
    template: str | None,
    overrides: Overrides,
    note: str | None,
    when: Condition,
) -> Change:
    """Save a version; without a ``template`` the live one stays, and only the config changes."""
    live = await client.prompt(name)
    live = live or {}
    if template is None and "template" not in live:
        raise CliError(f"{name} has no live version: give its text as FILE, '-' or --template")
    body = {
        "template": live["template"] if template is None else template,
        "config": overrides.over(live.get("config") or {}),
    }
    if note is not None:
        body["note"] = note
    return await _change(client, name, live, when, "POST", "/versions", body)


async def restore(
    client: "AdminClient", name: str, version: int, note: str | None, when: Condition
) -> Change:
    """Make ``version`` live again."""
    live = await _existing(client, name)
    body: dict[str, Any] = {"version": version}
    if note is not None:
        body["note"] = note
    return await _change(client, name, live, when, "POST", "/restore", body)


async def archive(client: "AdminClient", name: str, when: Condition) -> Change:
    """Take the prompt out of service; its history stays."""
    live = await _existing(client, name)
    return await _change(client, name, live, when, "DELETE", "", None)


async def _existing(client: "AdminClient", name: str) -> Prompt:
    live = await client.prompt(name)
    if live is None:
        raise CliError(f"there is no prompt {name}: 'promptcast show' lists those that are")
    return live


async def _change(
    client: "AdminClient",
    name: str,
    live: Prompt,
    when: Condition,
    method: str,
    place: str,
    body: dict[str, Any] | None,
) -> Change:
    from services.cli.client import prompt_path

    query = {} if when.wait is None else {"wait": "all", "timeout": f"{when.wait:g}"}
    headers = {**_precondition(live, when), "Idempotency-Key": f'"{os.urandom(16).hex()}"'}
    try:
        answer: Change = await client.call(
            method,
            prompt_path(name) + place,
            query,
            body=body,
            headers=headers,
            waits=when.wait or 0.0,
        )
    except RevisionMoved as moved:
        raise _told(moved, name, live, when) from moved
    except ReplyLost as lost:
        look = f"'promptcast history {name}' shows it"
        raise ReplyLost(f"{lost}. It may or may not have been carried out: {look}") from lost
    return answer


def _precondition(live: Prompt, when: Condition) -> dict[str, str]:
    if when.revision is not None:
        return {"If-Match": f'"{when.revision}"'}
    if not live:
        return {"If-None-Match": "*"}
    return {"If-Match": "*" if when.force else f'"{live["revision"]}"'}


def _told(moved: RevisionMoved, name: str, live: Prompt, when: Condition) -> RevisionMoved:
    """The same error, saying between which revisions the prompt moved and how to go on."""
    now, version = moved.body.get("current_revision"), moved.body.get("current_version")
    if now is None:
        return RevisionMoved(moved.status, moved.body, f"{name} does not exist (any more)")
    began = when.revision if when.revision is not None else live.get("revision")
    happened = "was created meanwhile" if began is None else f"has moved on from revision {began}"
    what = "archived" if version is None else f"v{version}"
    text = (
        f"{name} {happened}: it is at revision {now} ({what}). Nothing was changed. See it with "
        f"'promptcast show {name}', then repeat the command with --if-revision {now}, or with "
        "--force to go over whatever is there"
    )
    return RevisionMoved(moved.status, moved.body, text)
