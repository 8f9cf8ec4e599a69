"""Saving as somebody does it: by the admin's API, answered when every replica has reported."""

import asyncio
from urllib.parse import urlsplit

from tests.bench.caller import Caller
from tests.bench.fanout.result import Times
from tests.bench.ledger import prompt
from tests.system.services import KEY, Service

SIZE = 2_048
PATIENCE_SECONDS = 20
"""How long the admin waits for everybody before it answers that somebody is missing."""


async def saved(admin: Service, members: int, saves: int) -> tuple[Times, int]:
    """What each of ``saves`` took, and how many were answered before all ``members`` had applied them."""
    return await asyncio.to_thread(_saved, admin, members, saves)


def _saved(admin: Service, members: int, saves: int) -> tuple[Times, int]:
    port = urlsplit(admin.url).port
    assert port is not None
    path = f"/api/v1/prompts/system/versions?wait=all&timeout={PATIENCE_SECONDS}"
    caller = Caller(port, path, {"Authorization": f"Bearer {KEY}", "If-Match": "*"})
    try:
        took = [caller.call({"template": prompt(1, SIZE)})]  # not counted: it warms up
        missed = 0
        for number in range(saves):
            took.append(caller.call({"template": prompt(2 + number, SIZE)}))
            missed += not _is_everywhere(caller, members)
        return Times(tuple(took[1:])), missed
    finally:
        caller.close()


def _is_everywhere(caller: Caller, members: int) -> bool:
    spread = caller.answer["propagation"]
    return bool(spread["state"] == "converged" and len(spread["replicas"]) == members)
