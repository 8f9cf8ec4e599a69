"""Admins: killed and ended under load; another one goes on."""

from tests.faults.plan import Plan
from tests.faults.scenario import Scenario, Stage


async def killed(stage: Stage) -> None:
    """``kill -9`` of one admin in the midst of saves; the other goes on."""
    name = stage.admin()
    await stage.lasts(stage.some(0.0, 0.3))
    await stage.rig.kill(name)
    await stage.saves(3)
    await stage.rig.start(name)
    stage.bites(stage.hurt(), "nobody noticed")


async def ended(stage: Stage) -> None:
    """SIGTERM of one admin under load: what it has begun it ends, and answers."""
    name = stage.admin()
    status = await stage.rig.end(name)
    stage.demands(status == 0, f"{name} ended with {status}")
    await stage.saves(3)
    await stage.rig.start(name)
    stage.bites(stage.hurt(), "nobody noticed")


async def stopped(stage: Stage) -> None:
    """One admin stands still while the other writes, and then goes on with what it knows."""
    name = stage.admin()
    stage.rig.stop(name)
    await stage.saves(5)
    await stage.lasts(stage.some(0.2, 3.0))
    stage.rig.go_on(name)
    await stage.until(lambda: any(each.ended - each.began > 0.2 for each in stage.changes()))


TWO = Plan(admins=2)
SCENARIOS = (
    Scenario("admin-killed", "kill -9 of one of two admins", killed, plan=TWO, quick=True),
    Scenario("admin-ended", "SIGTERM of one of two admins", ended, plan=TWO, quick=True),
    Scenario("admin-stopped", "one of two admins stands still", stopped, plan=TWO, quick=True),
)  # fmt: skip
