"""The model behind the replicas: it hangs or breaks off while prompts are reloaded."""

from tests.faults.scenario import Scenario, Stage
from tests.faults_proxy import cut_after, late


async def hangs(stage: Stage) -> None:
    """Its answers do not come; saves and reloads go on as if nothing were."""
    with stage.rig.out("model", "hangs"):
        stage.rig.links["model"].black_hole()
        await stage.saves(10)
        await stage.lasts(stage.some(0.3, 1.5))
        stage.rig.mend("model")
        due = len(stage.chats())
        await stage.until(lambda: any(not each.ok for each in stage.chats()[due:]))


async def breaks_off(stage: Stage) -> None:
    """Its answers break off at any place, again and again; clients are told, and are never mixed up."""
    with stage.rig.out("model", "breaks off"):
        stage.rig.links["model"].to_client = cut_after(stage.some(0.0, 0.9))
        await stage.saves(5)
        await stage.until(lambda: sum(1 for each in stage.chats() if not each.ok) >= 5)
        stage.rig.mend("model")


async def is_slow(stage: Stage) -> None:
    """Its answers take long: each is finished on the version that it began with."""
    stage.rig.links["model"].to_client = late(stage.some(0.02, 0.1))
    await stage.saves(20)
    await stage.until(lambda: any(each.ended - each.began > 0.3 for each in stage.chats()))
    stage.rig.links["model"].heal()  # nothing was swallowed, so nothing need be cut


SCENARIOS = (
    Scenario("model-hangs", "the model hangs during reloads", hangs, quick=True),
    Scenario("model-breaks-off", "the model breaks off during reloads", breaks_off, quick=True),
    Scenario("model-slow", "answers take longer than versions live", is_slow),
)  # fmt: skip
