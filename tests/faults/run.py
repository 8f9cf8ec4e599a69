"""A run: one scenario with one seed. Load, fault, healing, quiet, judgement."""

import asyncio
import random
import time
from dataclasses import dataclass
from pathlib import Path

from events.lines import to_line
from tests.faults.checker import check
from tests.faults.facts import Facts, Violation
from tests.faults.history import History
from tests.faults.invariants.chatting import excused
from tests.faults.load import Load, loaded
from tests.faults.quiet import (
    Held,
    access_of,
    forks_of,
    head_of,
    held,
    holdings,
    log_of,
    past_of,
    reached,
    settled,
    told,
)
from tests.faults.results import Counts, Result
from tests.faults.rig import Rig
from tests.faults.scenario import Fault, Scenario, Stage, Void
from tests.faults.watch import watched

WARM_SAVES, AFTER_SAVES = 4, 3


@dataclass(slots=True)
class Run:
    """One scenario, one seed, on a rig that is whole. The history begins with the run."""

    scenario: Scenario
    seed: int
    rig: Rig
    void: str = ""

    async def judged(self) -> tuple[Result, Facts]:
        """Run it, and judge what happened."""
        self.rig.history, self.rig.over_at = History(), None
        began, before = time.monotonic(), held(self.rig)
        late = asyncio.get_running_loop().call_later(self.scenario.seconds - 1, _show_tasks)
        try:
            async with asyncio.timeout(self.scenario.seconds):
                times = await self._happen()
                facts = await self._facts(before, times)
        finally:
            late.cancel()
        violations = check(facts)
        return self._result(facts, violations, time.monotonic() - began), facts

    async def _happen(self) -> dict[str, float | None]:
        """All that happens; how long each replica took to be at the head once it was healed."""
        load = Load(self.rig, self.seed, self.scenario.crowd, _run_name(self.seed))
        stage = Stage(self.rig, random.Random(self.seed), load)
        async with watched(self.rig):
            async with loaded(load):
                await self._put_in(stage)
                await self.rig.heal()
                head = await asyncio.to_thread(head_of, self.rig)
                most = self.scenario.limits.converge + 10.0
                times = await reached(self.rig, head, most)
                await self._goes_on(stage)
            await self._try(self.scenario.proof, stage)
        return times

    async def _put_in(self, stage: Stage) -> None:
        try:
            await stage.saves(WARM_SAVES)
            stage.began = time.monotonic()
            await self.scenario.fault(stage)
        except Void as why:
            self.void = str(why)

    async def _goes_on(self, stage: Stage) -> None:
        """After healing, saving goes on by itself; if not, that is a violation and no void run."""
        try:
            await stage.saves(AFTER_SAVES)
        except Void:
            self.rig.history.wrong.append("nothing was saved any more after all was healed")

    async def _try(self, proof: Fault, stage: Stage) -> None:
        try:
            await proof(stage)
        except Void as why:
            self.void = self.void or str(why)

    async def _facts(self, before: dict[str, Held], times: dict[str, float | None]) -> Facts:
        rig = self.rig
        served = await asyncio.to_thread(log_of, rig)
        log = [*await asyncio.to_thread(past_of, rig, served), *served]
        head = log[-1].position if log else 0
        at_rest = await settled(rig, head, times)
        return Facts(
            log=log,
            begins=served[0].position if served else 1,
            head=head,
            access=await asyncio.to_thread(access_of, rig),
            forks=await asyncio.to_thread(forks_of, rig),
            changes=tuple(rig.history.changes),
            chats=tuple(rig.history.chats),
            sightings=tuple(rig.history.sightings),
            outages=tuple(rig.outages()),
            settled=at_rest,
            told=await told(rig, head),
            holdings=holdings(before, held(rig)),
            died=rig.died(),
            wrong=tuple(rig.history.wrong),
            replicas=frozenset(rig.replicas),
            limits=self.scenario.limits,
        )

    def _result(self, facts: Facts, violations: list[Violation], seconds: float) -> Result:
        changes, chats = facts.changes, facts.chats
        by = [each.outcome for each in changes]
        failed = [each for each in chats if not each.ok]
        times = [each.seconds for each in facts.settled if each.seconds is not None]
        return Result(
            scenario=self.scenario.name,
            seed=self.seed,
            void=self.void,
            seconds=round(seconds, 2),
            converge=round(max(times, default=0.0), 3),
            violations=[str(each) for each in violations],
            counts=Counts(
                ok=by.count("ok"),
                unknown=by.count("unknown"),
                refused=by.count("refused"),
                lost=sum(1 for each in violations if each.invariant == "A"),
                doubled=sum(1 for each in violations if each.invariant == "C"),
                answers=len(chats) - len(failed),
                excused=sum(1 for each in failed if excused(facts, each)),
                failed=sum(1 for each in failed if not excused(facts, each)),
            ),
        )


def _show_tasks() -> None:
    """Where everybody hangs."""
    for task in asyncio.all_tasks():
        task.print_stack(limit=6)


def _run_name(seed: int) -> str:
    """What no other run on the same rig is called."""
    return f"{seed}x{time.monotonic_ns() // 1_000_000 % 10**9}"


def keep(facts: Facts, result: Result, rig: Rig, folder: Path) -> Path:
    """Keep the history of a run that went wrong; where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{result.scenario}-{result.seed}.jsonl"
    history = History(
        list(facts.changes), list(facts.chats), list(facts.sightings), list(facts.outages)
    )
    history.write(file)
    said = "".join(
        f"=== {name}\n{service.process.out.read_text(errors='replace')[-200_000:]}\n"
        for name, service in rig.processes.items()
    )
    file.with_suffix(".said").write_text(said)
    for suffix, entries in ((".log", facts.log), (".forks", facts.forks)):
        lines = b"".join(to_line(entry) + b"\n" for entry in entries)
        file.with_suffix(suffix).write_bytes(lines)
    return file
