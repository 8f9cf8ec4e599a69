"""Tries: one request of a change, and what became of it as its client can tell."""

import time
from collections.abc import Awaitable
from typing import Any, Literal

import aiohttp

from tests.faults.history import Barrier, Change, Outcome
from tests.faults.rig import PROMPT, Rig
from tests.system.answers import Answer

Kind = Literal["save", "restore", "key"]
ACKNOWLEDGED = (200, 201, 202)
UNKNOWN = ("outcome-unknown", "internal", "")
"""Problems that say nothing of what became of the change; no problem at all least of all."""


async def save_try(
    rig: Rig,
    admin: str,
    client: str,
    marker: str,
    *,
    revision: int | str = "*",
    wait: float | None = None,
    key: str | None = None,
    template: str | None = None,
) -> Change:
    """Save "You are <marker>." under the key ``marker``, unless others are given."""
    text = template or f"You are {marker}."
    asked = rig.api(admin).save(
        PROMPT, text, revision, wait=wait, key=key or marker, note=marker
    )  # fmt: skip
    return await _tried("save", client, marker, asked)


async def restore_try(
    rig: Rig,
    admin: str,
    client: str,
    marker: str,
    version: int,
    revision: int | str = "*",
    wait: float | None = None,
) -> Change:
    """Restore ``version``."""
    asked = rig.api(admin).restore(PROMPT, version, revision, note=marker, wait=wait)
    return await _tried("restore", client, marker, asked)


async def key_try(rig: Rig, admin: str, client: str, marker: str) -> Change:
    """Add an API key of the name ``marker``."""
    asked = rig.api(admin).call("POST", "/keys", body={"name": marker, "role": "viewer"})
    return await _tried("key", client, marker, asked)


async def _tried(kind: Kind, client: str, marker: str, asked: Awaitable[Answer]) -> Change:
    began = time.monotonic()
    try:
        answer = await asked
    except (aiohttp.ClientError, TimeoutError) as error:
        ended, why = time.monotonic(), repr(error)[:200]
        sent = not isinstance(error, aiohttp.ClientConnectorError)
        return Change(client, kind, marker, began, ended, "unknown" if sent else "refused", why=why)
    told = _told(kind, answer)
    outcome, why = outcome_of(answer)
    ended = time.monotonic()
    return Change(client, kind, marker, began, ended, outcome, answer.status, why, **told)


def outcome_of(answer: Answer) -> tuple[Outcome, str]:
    """What an answer says of its change, and the type of its problem."""
    if answer.status in ACKNOWLEDGED:
        return "ok", ""
    return ("unknown" if answer.problem in UNKNOWN else "refused"), answer.problem


def _told(kind: Kind, answer: Answer) -> dict[str, Any]:
    if answer.status not in ACKNOWLEDGED or kind == "key":
        return {}
    body = answer.json
    spread = body["propagation"]
    outcomes = {each["replica"]: each["outcome"] for each in spread["replicas"]}
    return {
        "position": body["position"],
        "version": body["version"],
        "hash": body["hash"],
        "durable": answer.status != 202,
        "unchanged": body["unchanged"],
        "replayed": "Idempotency-Replayed" in answer.headers,
        "barrier": Barrier(spread["state"], outcomes),
    }
