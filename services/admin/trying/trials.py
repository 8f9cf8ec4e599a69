"""Trials: how many there may be at a time, and whom each of them asks."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web

from events.model import PromptSaved
from projections.live import holds
from services.admin import bodies
from services.admin.port import Core
from services.admin.problems import Problem
from services.admin.trying.asking import UNREACHABLE, Asking
from services.admin.trying.choosing import candidates
from services.admin.trying.drafting import Drafting
from services.admin.trying.question import TrialQuestion
from services.admin.trying.rows import failed
from services.admin.views import MemberView
from services.settings import Settings

MOST_AT_A_TIME: Final = 4
"""In one process. Each may ask every replica; nobody tries more by hand."""
MOST_ASKED: Final = 50
"""Replicas that one trial asks, all at the same time."""
MOST_ATTEMPTS: Final = 3
"""Replicas that are tried when any will do: one may have died a moment ago."""


class Trials:
    """Asks the questions of this process; call :meth:`close` last."""

    def __init__(self, core: Core, settings: Settings, asking: Asking | None = None) -> None:
        key = settings.chat_key
        self._core = core
        self._asking = asking or Asking(None if key is None else key.get_secret_value())
        self._drafting = Drafting(settings, MOST_AT_A_TIME)
        self._running = 0

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """A place for one trial; raises 429 when there is none."""
        if self._running >= MOST_AT_A_TIME:
            raise Problem("too-many-requests", f"{MOST_AT_A_TIME} prompts are being tried already")
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    async def draft(self, draft: PromptSaved, question: TrialQuestion) -> list[bodies.TrialAnswer]:
        """The model's answer under a draft, as the one row."""
        return [await self._drafting.ask(draft, question)]

    async def any(self, question: TrialQuestion, revision: int) -> list[bodies.TrialAnswer]:
        """The answer of some replica that can be reached, as the one row."""
        name = question.name
        row = failed("live", None, "no_replica", f"no current replica holds {name!r}")
        found = candidates(self._core.fleet().members, name, revision)
        for member in found[:MOST_ATTEMPTS]:
            row = await self._ask(member, question, revision)
            if row.problem is None or row.problem.code != UNREACHABLE:
                break
        return [row]

    async def one(
        self, replica: str, question: TrialQuestion, revision: int
    ) -> list[bodies.TrialAnswer]:
        """This replica's answer, as the one row."""
        members = self._core.fleet().members
        member = next((each for each in members if each.id == replica), None)
        if member is None:
            return [failed("live", replica, "replica_unknown", "no such replica is known here")]
        return [await self._ask(member, question, revision)]

    async def every(self, question: TrialQuestion, revision: int) -> list[bodies.TrialAnswer]:
        """Each replica's answer, by id."""
        members = self._core.fleet().members
        if not members:
            return [failed("live", None, "no_replica", "there is no replica")]
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(self._ask(member, question, revision))
                for member in members[:MOST_ASKED]
            ]
        detail = f"one trial asks {MOST_ASKED} replicas at most"
        return [
            *(task.result() for task in asked),
            *(failed("live", each.id, "not_asked", detail) for each in members[MOST_ASKED:]),
        ]

    async def _ask(
        self, member: MemberView, question: TrialQuestion, revision: int
    ) -> bodies.TrialAnswer:
        if not holds(member.prompts, question.name):
            detail = f"it holds {', '.join(member.prompts)} only"
            return failed("live", member.id, "prompt_not_held", detail)
        address = self._core.address(member.id)
        if address is None:
            return failed("live", member.id, "replica_unheard", "it has not said where it is yet")
        return await self._asking.ask(member.id, address, question, revision)

    async def close(self) -> None:
        """Close every connection."""
        await self._asking.close()
        await self._drafting.close()


TRIALS: Final = web.AppKey("trials", Trials)
