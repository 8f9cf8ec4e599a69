"""Requests: the same one many times, many on one revision, bursts."""

import asyncio

from tests.faults.history import Change
from tests.faults.plan import Crowd, Plan
from tests.faults.rig import PROMPT
from tests.faults.scenario import Scenario, Stage
from tests.faults.tries import restore_try, save_try

AT_ONCE, WRITERS, BURST, BURST_AT_ONCE = 50, 20, 1000, 25
QUIET = Crowd(savers=1, restorers=0, pause=0.05)


def _names(stage: Stage, word: str) -> tuple[str, list[str]]:
    return f"{stage.load.run}-{word}", sorted(stage.rig.admins)


async def _all(stage: Stage, *asked) -> list[Change]:
    made = list(await asyncio.gather(*asked))
    stage.rig.history.changes += made
    return made


async def same_key(stage: Stage) -> None:
    """Fifty equal requests at once, at all admins: one event, and one answer for all."""
    marker, admins = _names(stage, "same")
    made = await _all(
        stage,
        *(save_try(stage.rig, admins[n % len(admins)], f"c{n}", marker) for n in range(AT_ONCE)),
    )
    fresh = [each for each in made if each.outcome == "ok" and not each.replayed]
    stage.demands(len(fresh) == 1, f"{len(fresh)} of the answers are no replay")
    stage.demands(len({each.hash for each in made}) == 1, "they were told different things")


async def other_body(stage: Stage) -> None:
    """The same key with fifty different bodies: one is carried out, the others are refused."""
    marker, admins = _names(stage, "body")
    made = await _all(
        stage,
        *(
            save_try(stage.rig, admins[n % len(admins)], f"c{n}", f"{marker}-{n}", key=marker)
            for n in range(AT_ONCE)
        ),
    )
    done = [each for each in made if each.outcome == "ok"]
    refused = [each for each in made if each.why == "key-reused"]
    stage.demands(len(done) == 1, f"{len(done)} were carried out")
    stage.demands(len(refused) == AT_ONCE - 1, f"only {len(refused)} were refused")


async def one_revision(stage: Stage) -> None:
    """Twenty clients at all admins on one revision, several rounds: one wins at most."""
    marker, admins = _names(stage, "race")
    for turn in range(5):
        revision = (await stage.rig.api().prompt(PROMPT)).expect(200).json["revision"]
        made = await _all(
            stage,
            *(
                save_try(
                    stage.rig, admins[n % len(admins)], f"c{n}", f"{marker}-{turn}-{n}",
                    revision=revision,
                )
                for n in range(WRITERS)
            ),
        )  # fmt: skip
        won = [each for each in made if each.outcome == "ok"]
        stage.demands(len(won) <= 1, f"{len(won)} won on one revision")
        stage.bites(any(each.why == "revision-moved" for each in made), "nobody lost the race")


async def save_and_restore(stage: Stage) -> None:
    """A save races a restore on one revision, many times: never both."""
    marker, admins = _names(stage, "duel")
    for turn in range(20):
        live = (await stage.rig.api().prompt(PROMPT)).expect(200).json
        version = stage.chance.randint(1, max(1, live["version"] - 1))
        first, last = admins[0], admins[-1]
        save = save_try(stage.rig, first, "c0", f"{marker}-s{turn}", revision=live["revision"])
        restore = restore_try(stage.rig, last, "c1", f"{marker}-r{turn}", version, live["revision"])
        made = await _all(stage, save, restore)
        won = [each for each in made if each.appended]
        stage.demands(len(won) <= 1, "both won on one revision")


async def burst(stage: Stage) -> None:
    """A thousand saves, as fast as they go."""
    marker, admins = _names(stage, "burst")
    for first in range(0, BURST, BURST_AT_ONCE):
        numbers = range(first, first + BURST_AT_ONCE)
        await _all(
            stage,
            *(
                save_try(
                    stage.rig, admins[n % len(admins)], f"c{n % BURST_AT_ONCE}", f"{marker}-{n}"
                )
                for n in numbers
            ),
        )
    done = sum(1 for each in stage.changes() if each.appended)
    stage.bites(done >= BURST, f"only {done} were saved")


TWO = Plan(admins=2)
SCENARIOS = (
    Scenario("one-key-50-times", "one Idempotency-Key, fifty times", same_key, plan=TWO, quick=True),
    Scenario("one-key-other-body", "one Idempotency-Key, fifty bodies", other_body, plan=TWO, quick=True),
    Scenario(
        "one-revision", "twenty clients on one revision", one_revision,
        plan=TWO, crowd=QUIET, quick=True,
    ),
    Scenario(
        "restore-races-save", "a restore and a save on one revision", save_and_restore,
        plan=TWO, crowd=QUIET, quick=True,
    ),
    Scenario("burst", "a thousand saves as fast as they go", burst, plan=TWO, crowd=QUIET),
)  # fmt: skip
