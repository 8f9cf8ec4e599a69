"""Links: replies lost, connections cut, black holes; to an admin, or to one replica alone."""

import asyncio
from collections.abc import Callable

from events.streams.link import Script
from tests.faults.rig import Rig
from tests.faults.scenario import Fault, Scenario, Stage
from tests.faults.tries import save_try
from tests.faults_proxy import Fault as Break
from tests.faults_proxy import Pair, cut_after, eaten, late, on

APPEND = Script.load("append").sha.encode()
TIMES = 4
STALE_SECONDS = (6.5, 9.0)
"""Longer than a replica takes to call itself stale."""
STORM_SECONDS = 1.5


def counted(fault: Break, done: list[bytes]) -> Break:
    """``fault``, and what it was done to."""

    async def counting(data: bytes, pair: Pair) -> bytes:
        done.append(data)
        return await fault(data, pair)

    return counting


def _replies(fault: Callable[[Stage], Break], about: str) -> Fault:
    """The replies to some appends meet ``fault``."""

    async def lost(stage: Stage) -> None:
        link = stage.rig.links[stage.admin()]
        for _ in range(TIMES):
            done: list[bytes] = []
            link.to_client = on(APPEND, counted(fault(stage), done), times=1)
            await stage.until(lambda met=done: met)  # type: ignore[misc]  # mypy knows no default here
            await stage.saves(2)

    lost.__doc__ = about
    return lost


async def cut_requests(stage: Stage) -> None:
    """The append itself is cut in mid-frame: the server gets half a command, and must not guess."""
    link = stage.rig.links[stage.admin()]
    for _ in range(TIMES):
        done: list[bytes] = []
        broken = counted(cut_after(stage.some(0.1, 0.95)), done)
        link.to_server = on(APPEND, broken, times=1)
        await stage.until(lambda met=done: met)  # type: ignore[misc]  # mypy knows no default here
        await stage.saves(2)


async def black_holed(stage: Stage) -> None:
    """One replica is cut off and not told; it goes on answering, and says that it is stale."""
    name = stage.replica()
    link = stage.rig.links[name]
    link.black_hole()
    await stage.until(stage.partial)
    await stage.lasts(stage.some(*STALE_SECONDS))
    mine = [each for each in stage.chats() if each.replica == name]
    stage.bites(any(each.stale for each in mine), "no answer said that it was stale")


async def delivered_to_nobody(stage: Stage) -> None:
    """What the server sends to a blocked replica vanishes, and the connection seems well."""
    link = stage.rig.links[stage.replica()]
    for _ in range(2):
        done: list[bytes] = []
        link.to_client = on(b"XREADGROUP", counted(eaten, done), times=1)
        await stage.until(lambda met=done: met)  # type: ignore[misc]  # mypy knows no default here
        stage.rig.over()
        await stage.lasts(stage.some(0.1, 1.0))


async def slow(stage: Stage) -> None:
    """Everything to and from one replica is late, in order."""
    name = stage.replica()
    link = stage.rig.links[name]
    link.to_client = late(stage.some(0.1, 0.4))
    await stage.until(lambda: stage.partial() or len(stage.chats()) > 100)
    await stage.lasts(1.0)
    stage.rig.mend(name)


async def storm(stage: Stage) -> None:
    """``CLIENT KILL TYPE normal`` again and again: everybody's connection dies, readers' too."""
    before = {name: link.accepted for name, link in stage.rig.links.items()}
    ends = asyncio.get_running_loop().time() + stage.some(0.5, STORM_SECONDS)
    while asyncio.get_running_loop().time() < ends:
        await asyncio.to_thread(_kill_clients, stage.rig)
        await stage.lasts(stage.some(0.0, 0.1))
    links = [name for name in before if name != "model"]
    again = [stage.rig.links[name].accepted - before[name] for name in links]
    stage.bites(min(again) > 2, f"hardly anybody had to connect again: {again}")


def _kill_clients(rig: Rig) -> None:
    with rig.services.hand() as hand:
        for kind in ("normal", "pubsub"):
            hand.client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")


async def given_up(stage: Stage) -> None:
    """An append hangs on its way until nobody waits for it any more, and only then comes through."""
    name = stage.admin()
    link, rig = stage.rig.links[name], stage.rig
    done: list[bytes] = []
    release = asyncio.Event()

    async def kept(data: bytes, pair: Pair) -> bytes:
        done.append(data)
        await release.wait()
        return data

    link.to_server = on(APPEND, kept)
    trying = asyncio.create_task(save_try(rig, name, "late", f"{stage.load.run}-late"))
    await stage.until(lambda: done)
    made = await trying
    rig.history.changes.append(made)
    link.heal()
    release.set()
    await stage.saves(2)
    stage.bites(made.outcome != "ok", "it was acknowledged all the same")


SCENARIOS = (
    Scenario(
        "reply-dropped", "replies to appends vanish; the connection stands, or breaks",
        _replies(lambda s: s.chance.choice((eaten, cut_after(0))), "Lost."), quick=True,
    ),
    Scenario(
        "reply-cut", "replies to appends are cut in mid-frame",
        _replies(lambda s: cut_after(s.some(0.1, 0.9)), "Cut."), quick=True,
    ),
    Scenario("append-cut", "appends are cut in mid-frame on their way", cut_requests, quick=True),
    Scenario(
        "append-given-up", "an append reaches the server after it was given up", given_up, quick=True,
    ),
    Scenario(
        "replica-black-holed", "one replica is cut off without being told", black_holed, quick=True,
    ),
    Scenario("dead-connection", "an entry is sent to a dead connection", delivered_to_nobody, quick=True),
    Scenario("replica-slow-link", "all that one replica is told is late", slow),
    Scenario("client-kill-storm", "CLIENT KILL of everybody, many times", storm, quick=True),
)  # fmt: skip
