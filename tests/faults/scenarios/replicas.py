"""Replicas: killed, stopped, ended; their groups destroyed."""

from tests.faults.scenario import Fault, Scenario, Stage
from tests.faults_proxy import Pair


async def killed(stage: Stage) -> None:
    """``kill -9`` of one replica at any moment, and a start as it was."""
    name = stage.replica()
    await stage.lasts(stage.some(0.0, 0.3))
    await stage.rig.kill(name)
    await stage.saves(3)
    await stage.rig.start(name)
    failed = (each for each in stage.chats() if each.replica == name and not each.ok)
    stage.bites(any(failed), "nobody noticed")


async def killed_before_ack(stage: Stage) -> None:
    """``kill -9`` between the swap and the acknowledgement: XACK is held, and its sender is killed."""
    name = stage.replica()
    link, held = stage.rig.links[name], []

    async def hold(data: bytes, pair: Pair) -> bytes:
        if b"XACK" not in data:
            return data
        held.append(data)
        return b""

    link.to_server = hold
    await stage.until(lambda: held)
    await stage.rig.kill(name)
    link.heal()
    with stage.rig.services.hand() as hand:
        stage.bites(hand.pending().get(name), "everything was acknowledged")
    await stage.rig.start(name)


def _stopped(least: float, most: float) -> Fault:
    async def stopped(stage: Stage) -> None:
        name = stage.replica()
        stage.rig.stop(name)
        try:
            await stage.until(stage.partial)
            await stage.lasts(stage.some(least, most))
        finally:
            stage.rig.go_on(name)

    return stopped


async def ended(stage: Stage) -> None:
    """SIGTERM under load, and a start again: answers in flight are finished, the group is gone."""
    name = stage.replica()
    status = await stage.rig.end(name)
    stage.demands(status == 0, f"{name} ended with {status}")
    with stage.rig.services.hand() as hand:
        stage.demands(name not in hand.pending(), f"the group of {name} is still there")
    await stage.saves(3)
    await stage.rig.start(name)


async def group_destroyed(stage: Stage) -> None:
    """Somebody destroys the group under a live replica, several times; each time it is there again."""
    name = stage.replica()
    with stage.rig.services.hand() as hand:
        for _ in range(3):
            gone = hand.client.xgroup_destroy(hand.keys.log, name)
            stage.bites(gone, "there was no group")
            await stage.saves(3)
            await stage.lasts(stage.some(0.0, 0.8))
            await stage.until(lambda: name in hand.pending())


SCENARIOS = (
    Scenario("replica-killed", "kill -9 of a replica, and a start", killed, quick=True),
    Scenario(
        "replica-killed-unacked", "kill -9 between swap and acknowledgement", killed_before_ack,
        quick=True,
    ),
    Scenario("replica-stopped", "a replica is stopped for seconds", _stopped(0.5, 3.0), quick=True),
    Scenario(
        "replica-stopped-20s", "a replica is stopped for longer than it takes to be called gone",
        _stopped(16.0, 20.0),
    ),
    Scenario("replica-ended", "SIGTERM of a replica under load", ended, quick=True),
    Scenario("group-destroyed", "the group of a live replica is destroyed", group_destroyed, quick=True),
)  # fmt: skip
