"""Files of the server: its directory is empty, its append-only file cut or flipped while it is down."""

import asyncio

from tests.faults import server_files
from tests.faults.aftermath import alone, furthest, heals, promised, verified
from tests.faults.scenario import Scenario, Stage, Void

FORGIVING = ("--aof-load-truncated", "yes")


async def emptied(stage: Stage) -> None:
    """The server comes back with an empty directory: all that it ever held is put back."""
    await stage.rig.kill("server")
    await asyncio.to_thread(server_files.empty, stage.rig)
    said = furthest(stage)
    left = await alone(stage)
    stage.bites(left == 0, f"the log still went on to {left}")
    await heals(stage, 0, said)


async def cut(stage: Stage) -> None:
    """The end of the append-only file is missing. The server refuses it, and an operator has it cut."""
    await stage.saves(5)
    await stage.rig.kill("server")
    places = await asyncio.to_thread(server_files.appended, stage.rig)
    place = stage.chance.choice(places[-5:])
    server_files.cut(place, stage.chance.randint(1, place.ends - place.begins - 1))
    await _is_refused(stage, "Unexpected end of file")
    await _starts_shorter(stage)


async def frame_flipped(stage: Stage) -> None:
    """A flipped bit makes the file unreadable from there on; an operator has it cut there."""
    await stage.saves(5)
    await stage.rig.kill("server")
    places = await asyncio.to_thread(server_files.appended, stage.rig)
    place = stage.chance.choice(places[-5:])
    server_files.flip(place, place.begins)  # the asterisk that a command begins with
    await _is_refused(stage, "Bad file format")
    await _starts_shorter(stage, checked=True)


async def head_flipped(stage: Stage) -> None:
    """A flipped bit in the last event: the server notices nothing, and nobody may save upon it."""
    place = await _known_head(stage)
    at = place.event + stage.chance.randrange(place.length)
    server_files.flip(place, at)
    refused = _diverged(stage)
    await alone(stage)
    try:
        await stage.until(lambda: _diverged(stage) >= refused + 3)
    finally:
        await stage.rig.kill("server")
        server_files.flip(place, at)
        await alone(stage)


async def _known_head(stage: Stage) -> server_files.Appended:
    """The last event in the file of the server, which is killed; one that was acknowledged, and that
    every replica has: else nobody knows of another event there, until it is as it was."""
    for _ in range(20):
        await stage.saves(2)
        await stage.rig.kill("server")
        await stage.lasts(0.1)  # answers that were under way arrive
        place = (await asyncio.to_thread(server_files.appended, stage.rig))[-1]
        if place.position == furthest(stage) and await _all_have(stage, place.position):
            return place
        await stage.rig.start("server")
    raise Void("each time there was an event that nobody had been told of")


async def _all_have(stage: Stage, position: int) -> bool:
    """Whether every replica has applied what stands there."""
    applied = [
        (await stage.rig.port(name).serves())["applied_position"] for name in stage.rig.replicas
    ]
    return min(applied) >= position


async def event_flipped(stage: Stage) -> None:
    """A flipped bit in an older event: nobody reads it again; ``promptcast verify`` names it."""
    await stage.saves(5)
    place, at = await _flip_one(stage)
    await stage.saves(3)
    status, said = await verified(stage.rig)
    promised(stage, status == 1 and "hash" in said, f"verify names it: {status} {said[-300:]}")
    await stage.rig.kill("server")
    server_files.flip(place, at)
    await alone(stage)
    status, said = await verified(stage.rig)
    promised(stage, status == 0, f"verify is content again: {status} {said[-300:]}")


async def _flip_one(stage: Stage) -> tuple[server_files.Appended, int]:
    await stage.rig.kill("server")
    places = await asyncio.to_thread(server_files.appended, stage.rig)
    place = stage.chance.choice(places[-12:-3])
    at = place.event + stage.chance.randrange(place.length)
    server_files.flip(place, at)
    await alone(stage)
    return place, at


async def _is_refused(stage: Stage, words: str) -> None:
    try:
        await asyncio.to_thread(stage.rig.server.start)
    except RuntimeError as error:
        stage.bites(words in str(error), f"the server did not say {words!r}: {str(error)[-300:]}")
        return
    await asyncio.to_thread(stage.rig.server.kill)
    stage.bites(False, "the server took the file as it was")


async def _starts_shorter(stage: Stage, *, checked: bool = False) -> None:
    checked = checked or stage.chance.random() < 0.5
    if checked:
        await asyncio.to_thread(server_files.check_aof, stage.rig)
    said = furthest(stage)
    left = await alone(stage, *(() if checked else FORGIVING))
    stage.bites(left < said, f"the log still went on to {left}; {said} was acknowledged")
    await heals(stage, left, said)


def _diverged(stage: Stage) -> int:
    return sum(1 for each in stage.hurt() if each.why == "log-diverged")


SCENARIOS = (
    Scenario(
        "empty-directory", "the server is killed, and comes back with an empty directory", emptied,
        quick=True,
    ),
    Scenario("aof-cut", "the append-only file's end is missing; an operator has it cut", cut, quick=True),
    Scenario("aof-frame-flipped", "a flipped bit: the server refuses its file", frame_flipped),
    Scenario("aof-head-flipped", "a flipped bit in the last event: nobody saves upon it", head_flipped),
    Scenario("aof-event-flipped", "a flipped bit in an older event: verify names it", event_flipped),
)  # fmt: skip
