"""The runner: scenarios times seeds, on as few rigs as do; one line a run, and all that was wrong."""

import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import results
from tests.faults.facts import Facts
from tests.faults.plan import Plan
from tests.faults.results import Result
from tests.faults.rig import Rig, standing
from tests.faults.run import Run, keep
from tests.faults.scenario import Scenario
from tests.faults.table import line

VOID_TRIES = 2
"""A fault that did not bite is put in once more before the run counts as void."""
MOST_EVENTS = 3_000
"""A rig with a longer log is not used any more: each run reads the whole of it."""
SHOWN = 12


@dataclass(slots=True)
class Runner:
    """Runs until all is done or time is up. ``file`` takes the results, ``failures`` histories."""

    code: str
    file: Path
    failures: Path
    until: float = float("inf")
    """Monotonic; no run begins after it."""
    known: list[Result] = field(default_factory=list)
    """What this code has shown before: those seeds are not run again."""
    enough: bool = False
    """Whether a scenario ends as soon as it has shown enough."""
    done: list[Result] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """What there was no time for."""
    _rig: Rig | None = None
    _stack: AsyncExitStack | None = None

    async def all(self, scenarios: list[Scenario], seeds: dict[str, range]) -> None:
        """Each scenario with its seeds; those of equal plans one behind the other, on one rig."""
        plans = list(dict.fromkeys(each.plan for each in scenarios))
        try:
            for scenario in sorted(scenarios, key=lambda each: plans.index(each.plan)):
                for seed in seeds[scenario.name]:
                    if self._is_known(scenario, seed):
                        continue
                    if time.monotonic() > self.until:
                        self.left.append(f"{scenario.name} {seed}")
                        continue
                    await self._one(scenario, seed)
                if scenario.limits.rejected:  # what was put into that log is no finding here only
                    await self._drop()
        finally:
            await self._drop()

    def _is_known(self, scenario: Scenario, seed: int) -> bool:
        of_it = [e for e in (*self.known, *self.done) if e.scenario == scenario.name]
        if self.enough and results.are_enough(results.latest(of_it)):
            return True
        return any(each.seed == seed for each in of_it)

    async def _one(self, scenario: Scenario, seed: int) -> None:
        for _ in range(VOID_TRIES):
            result, facts, rig = await self._run(scenario, seed)
            if result.verdict != "void":
                break
        results.add(self.file, result, self.code)
        self.done.append(result)
        print(line(result), flush=True)
        if result.verdict == "BAD":
            self._tell(result, facts, rig)
        is_long = facts is not None and facts.head > MOST_EVENTS
        if result.verdict == "BAD" or scenario.fresh or is_long:
            await self._drop()

    async def _run(self, scenario: Scenario, seed: int) -> tuple[Result, Facts | None, Rig | None]:
        began = time.monotonic()
        if scenario.fresh:
            await self._drop()
        try:
            rig = await self._standing(scenario.plan)
            result, facts = await Run(scenario, seed, rig).judged()
        except Exception as error:  # noqa: BLE001  one broken run must not take the others with it
            broken = f"the run itself broke: {type(error).__name__}: {str(error)[:2000]}"
            seconds = round(time.monotonic() - began, 2)
            return Result(scenario.name, seed, seconds, violations=[broken]), None, self._rig
        return result, facts, rig

    async def _standing(self, plan: Plan) -> Rig:
        if self._rig is None or self._rig.plan != plan:
            await self._drop()
            self._stack = AsyncExitStack()
            self._rig = await self._stack.enter_async_context(standing(plan))
        return self._rig

    async def _drop(self) -> None:
        stack, self._stack, self._rig = self._stack, None, None
        if stack is not None:
            await stack.aclose()

    def _tell(self, result: Result, facts: Facts | None, rig: Rig | None) -> None:
        for each in result.violations[:SHOWN]:
            print(f"    {each}")
        if len(result.violations) > SHOWN:
            print(f"    … and {len(result.violations) - SHOWN} more")
        if facts is not None and rig is not None:
            print(f"    history: {keep(facts, result, rig, self.failures)}")
        print(f"    again: {replay(result)}", flush=True)


def replay(result: Result) -> str:
    """The command that runs this seed alone."""
    named = f"--scenario {result.scenario} --first-seed {result.seed} --seeds 1"
    return f".venv/bin/python -m tests.faults {named}"
