"""Rights: taken away and given back, no connection left, and keys that sign."""

import asyncio
import contextlib
import secrets

import redis
from redis.exceptions import RedisError

from services.signing_keys import parse_signing_keys
from tests.faults.aftermath import promised
from tests.faults.facts import Limits
from tests.faults.plan import Plan
from tests.faults.quiet import log_of
from tests.faults.scenario import Fault, Scenario, Stage
from tests.system.patience import becomes

TRIES = 10
KEYS = {kid: f"{kid}:{number * 64}" for kid, number in (("k1", "1"), ("k2", "2"))}


def _revoked(*rights: str) -> Fault:
    async def revoked(stage: Stage) -> None:
        """Commands are forbidden for seconds, for everybody."""
        before = len(stage.chats())
        await asyncio.to_thread(stage.rig.server.call, "ACL", "LOG", "RESET")
        await _acl(stage, [f"-{right}" for right in rights])
        try:
            await stage.lasts(stage.some(1.0, 5.0))
        finally:
            await _acl(stage, ["+@all"])
        denied = await asyncio.to_thread(stage.rig.server.call, "ACL", "LOG")
        stage.bites(denied, "nobody was denied anything")
        stage.rig.over()
        promised(stage, len(stage.chats()) > before, "chat goes on")
        await stage.saves(3)

    return revoked


async def _acl(stage: Stage, rights: list[str]) -> None:
    await asyncio.to_thread(stage.rig.server.call, "ACL", "SETUSER", "default", *rights)


async def crowded(stage: Stage) -> None:
    """``maxclients`` is reached: whoever has to connect again is refused, until there is room."""
    rig = stage.rig
    with rig.services.hand() as hand:
        open_now = len(hand.client.client_list())
        usual = str(hand.client.config_get("maxclients")["maxclients"])
        most = open_now + 5
        hand.client.config_set("maxclients", most)
        idle = await asyncio.to_thread(_idle, stage, most)
        try:
            for _ in range(TRIES):  # who is quick has its place again before it is taken
                for name in rig.links.keys() - {"model"}:
                    rig.links[name].cut_all()
                idle += await asyncio.to_thread(_idle, stage, most)
                await stage.lasts(stage.some(0.5, 1.0))
                if stage.hurt():
                    break
            await stage.lasts(stage.some(0.5, 4.0))
        finally:
            hand.client.config_set("maxclients", usual)
            for client in idle:
                client.close()
    stage.bites(stage.hurt(), "everybody was in again before there was no room")
    rig.over()
    await stage.saves(3)


def _idle(stage: Stage, most: int) -> list[redis.Redis]:
    """Connections that do nothing, as many as there is room for."""
    found: list[redis.Redis] = []
    with contextlib.suppress(RedisError):
        for _ in range(most):
            client = stage.rig.server.client()
            client.ping()
            found.append(client)
    return found


async def switched_on(stage: Stage) -> None:
    """Signing is switched on, one process behind the other; what then comes unsigned counts no more."""
    rig = stage.rig
    for name in (*sorted(rig.replicas), *sorted(rig.admins, reverse=True)):
        await _again(stage, name, "k1")
    await stage.saves(3)
    promised(stage, log_of(rig)[-1].kid == "k1", "what is saved is signed")
    position = await asyncio.to_thread(_unsigned, stage)
    await _is_rejected(stage, position)
    await stage.saves(2)


async def rotated(stage: Stage) -> None:
    """Keys are rotated: everybody learns the new one, then it signs, then the old one goes."""
    rig = stage.rig
    everybody = (*sorted(rig.replicas), *sorted(rig.admins))
    for ring in ("k1", "k1,k2", "k2,k1"):
        for name in everybody:
            await _again(stage, name, ring)
        await stage.saves(3)
    promised(stage, log_of(rig)[-1].kid == "k2", "the new key signs")


async def _again(stage: Stage, name: str, ring: str) -> None:
    """End a process, and start it with these keys."""
    value = ",".join(KEYS[kid] for kid in ring.split(","))
    stage.rig.processes[name].env["PROMPTCAST_SIGNING_KEYS"] = value
    await stage.rig.end(name)
    await stage.saves(1)
    await stage.rig.start(name)


def _unsigned(stage: Stage) -> int:
    """Somebody without the key saves straight into the stream."""
    with stage.rig.services.hand() as hand:
        while True:
            with contextlib.suppress(redis.ResponseError):  # somebody has just taken the position
                return hand.save("system", 1, f"You are forged {secrets.token_hex(4)}.")


async def _is_rejected(stage: Stage, position: int) -> None:
    async def rejected() -> bool:
        fleet = await stage.rig.api().fleet()
        told = [{r["position"]: r["reason"] for r in each["rejected"]} for each in fleet.values()]
        return bool(told) and all(position in each for each in told)

    try:
        await becomes(rejected, seconds=15)
    except TimeoutError:
        promised(stage, False, f"what was not signed, at {position}, is rejected by every replica")


SIGNED = Limits(keys=parse_signing_keys(",".join(KEYS.values())), rejected=frozenset({"unsigned"}))
TWO = Plan(admins=2)
SCENARIOS = (
    Scenario(
        "acl-append-revoked", "the right to run scripts is revoked, and given back",
        _revoked("evalsha", "eval"),
    ),
    Scenario(
        "acl-read-revoked", "the right to read is revoked, and given back",
        _revoked("xread", "xreadgroup", "xack", "xrange"),
    ),
    Scenario("maxclients", "no connection is left; then there is room", crowded, fresh=True),
    Scenario(
        "signing-switched-on", "signing is switched on, one process behind the other", switched_on,
        plan=TWO, fresh=True, limits=SIGNED,
    ),
    Scenario(
        "signing-rotated", "signing keys are rotated under load", rotated, plan=TWO, fresh=True,
        limits=SIGNED,
    ),
)  # fmt: skip
