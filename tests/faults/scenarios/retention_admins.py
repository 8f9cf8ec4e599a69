"""Retention, by the admins: one is away or dead while another trims, or is killed in the midst of it."""

import asyncio
from collections.abc import Sequence

import aiohttp

from events.chain import Entry
from events.lines import to_line
from events.streams.link import Script
from services.admin.mending.reading import MEDIA_TYPE
from tests.faults.aftermath import metric, promised, trimmed_through
from tests.faults.past import journalled
from tests.faults.plan import Plan
from tests.faults.scenario import Scenario, Stage
from tests.faults.trimming import asked, begins, can_be_trimmed, grows, is_whole, shown_by, trims
from tests.faults_proxy import Pair
from tests.system.answers import Answer
from tests.system.patience import becomes

SAYS_SECONDS = 20.0
POINTS = (
    b"promptcast.LogTrimmed.v1", b":snapshot:history", b":snapshot:live",
    Script.load("trim").sha.encode(),
)  # fmt: skip
"""What an admin that trims sends to the server, in this order."""


async def away(stage: Stage) -> None:
    """An admin has ended, and another one trims past its journal: it comes back and says what it lacks,
    all goes on, and what the other one shows fills it, if it is that and all of that."""
    name, other = _two(stage)
    await stage.rig.end(name)
    last = await _journalled(stage, name)
    await grows(stage, last + stage.chance.randint(1, 20))
    through = await trims(stage, other)
    stage.bites(through > last, f"{name} lacks nothing: it has {last}, and {through} is trimmed")
    said = _said(stage, name)
    await stage.rig.start(name)
    await _lacks(stage, name, [{"first": last + 1, "last": through}])
    await stage.saves(3)
    shown = await shown_by(stage, name)
    promised(stage, len(shown) <= last, f"{name} shows no more than {last} events: {len(shown)}")
    whole = await shown_by(stage, other)
    refused = await _filled(stage, name, _spoilt(stage, whole, last, through))
    promised(stage, refused.status == 422, f"anything else fills nothing: {refused.body!r}")
    await _lacks(stage, name, [{"first": last + 1, "last": through}])
    filled = await _filled(stage, name, whole)
    due = {"events": through - last, "lacks": []}
    told = filled.json if filled.status == 200 else filled.status
    promised(stage, told == due, f"{name} is filled ({due}): {told}")
    await _lacks(stage, name, [])
    _never_says(stage, name, said, "log_cut_short")


async def dead(stage: Stage) -> None:
    """An admin is dead: what it may lack stays on the server until it is back."""
    name, other = _two(stage)
    await can_be_trimmed(stage)
    await stage.rig.kill(name)
    last, said = await _journalled(stage, name), _said(stage, name)
    await grows(stage, last + 20)
    through = await trims(stage, other)
    promised(stage, through < last, f"{name} has {last}, and {through} is trimmed")
    await stage.rig.start(name)
    await stage.saves(3)
    await _lacks(stage, name, [])
    _never_says(stage, name, said, "journal_has_a_hole", "log_cut_short")


async def killed(stage: Stage) -> None:
    """The admin that trims is killed at one of its steps, before the server has heard of it, or before
    it has heard of the server. Then the other one is asked, and comes to the end of it."""
    (name, other), rig = _two(stage), stage.rig
    await can_be_trimmed(stage)
    before = await asyncio.to_thread(begins, stage)
    asking = asyncio.create_task(_asked(stage, name))
    met = _breaks_off(stage, name)
    try:
        await stage.until(met.is_set)
        await stage.lasts(stage.some(0.0, 0.2))
    finally:
        await rig.kill(name)
        rig.mend(name)
        answer = await asking
    stage.bites(answer is None, f"it was not killed in the midst of it: {answer}")
    await stage.saves(stage.chance.randint(0, 5))
    through = await trims(stage, other, before)
    known = await asyncio.to_thread(trimmed_through, rig)
    promised(stage, known == through, f"the log says {known}, and is trimmed through {through}")
    said = _said(stage, name)
    await rig.start(name)
    await stage.saves(3)
    await _lacks(stage, name, [])
    _never_says(stage, name, said, "journal_has_a_hole", "log_cut_short")


def _breaks_off(stage: Stage, name: str) -> asyncio.Event:
    """From one step on nothing of this admin's gets through, or no answer; set once it has come."""
    word, met = stage.chance.choice(POINTS), asyncio.Event()

    async def unsent(data: bytes, _pair: Pair) -> bytes:
        return _lost(data) if word in data or met.is_set() else data

    async def unanswered(data: bytes, pair: Pair) -> bytes:
        here = word in pair.asked and not data.startswith(b"-NOSCRIPT")
        return _lost(data) if here or met.is_set() else data

    def _lost(_data: bytes) -> bytes:
        met.set()
        return b""

    link = stage.rig.links[name]
    if stage.chance.random() < 0.5:
        link.to_server = unsent
    else:
        link.to_client = unanswered
    return met


async def _asked(stage: Stage, name: str) -> Answer | None:
    """What it answers; None when it does not live to do so."""
    try:
        return await asked(stage, name)
    except aiohttp.ClientError:
        return None


def _two(stage: Stage) -> tuple[str, str]:
    """Who is hit, and the other one."""
    name = stage.admin()
    return name, next(each for each in stage.rig.admins if each != name)


async def _journalled(stage: Stage, name: str) -> int:
    """The last position in the journal of an admin that is not there."""
    entries = await asyncio.to_thread(journalled, stage.rig.state_dir(name))
    return entries[-1].position


def _said(stage: Stage, name: str) -> int:
    """How much was said until now where this admin, and maybe others, says what it does."""
    return stage.rig.admins[name].out.stat().st_size


def _never_says(stage: Stage, name: str, said: int, *words: str) -> None:
    """Promised: none of these false alarms was raised there since then."""
    since = stage.rig.admins[name].out.read_text(errors="replace")[said:]
    false = [word for word in words if word in since]
    promised(stage, not false, f"{name} never says {', '.join(false)}")


async def _lacks(stage: Stage, name: str, holes: list[dict[str, int]]) -> None:
    """Promised: this admin says that its journal lacks just that."""
    due = [holes, float(sum(each["last"] - each["first"] + 1 for each in holes))]
    said: list[object] = []

    async def so() -> bool:
        forks = await stage.rig.api(name).call("GET", "/forks")
        told = forks.json["log"]["lacks"] if forks.status == 200 else forks.body
        said[:] = [told, await metric(stage.rig, "promptcast_journal_lacks", name)]
        return said == due

    try:
        await becomes(so, seconds=SAYS_SECONDS)
    except TimeoutError:
        promised(stage, False, f"{name} says that it lacks {due}: {said}")


def _spoilt(stage: Stage, whole: Sequence[Entry], last: int, through: int) -> list[Entry]:
    """The same without an event that is lacking, or with another one in its place."""
    at = stage.chance.randint(last + 1, through)
    entry = next(each for each in whole if each.position == at)
    other = [entry._replace(event=entry.event[:-1] + b" }")]
    instead = other if stage.chance.random() < 0.5 else []
    return [*whole[: at - 1], *instead, *whole[at:]]


async def _filled(stage: Stage, name: str, entries: Sequence[Entry]) -> Answer:
    """``POST /api/v1/logs/fill`` with these, as lines."""
    api = stage.rig.api(name)
    headers = {"Authorization": f"Bearer {api.key}", "Content-Type": MEDIA_TYPE}
    lines = b"".join(to_line(entry) + b"\n" for entry in entries)
    url = f"{api.url}/api/v1/logs/fill"
    async with api.session.post(url, data=lines, headers=headers) as response:
        return await Answer.of(response)


TWO = Plan(admins=2)
SCENARIOS = (
    Scenario(
        "trimmed-admin-away", "the log is trimmed past an admin's journal, which is filled in later",
        away, proof=is_whole, plan=TWO,
    ),
    Scenario(
        "trimmed-admin-dead", "the log is trimmed while an admin is dead: no further than it was", dead,
        proof=is_whole, plan=TWO,
    ),
    Scenario(
        "trimmer-killed", "kill -9 of the admin that trims the log; another one is asked again", killed,
        proof=is_whole, plan=TWO,
    ),
)  # fmt: skip
