"""A fleet in service, watched: a real Prometheus scrapes it, and wakes somebody once if something hangs.

Three replicas behind the real HAProxy, two admins, a crowd that chats, and saves; the committed rules
with all of their times at a fraction.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from tests.deploy.balancer import HAProxy
from tests.deploy.crowd import Crowd, chatting
from tests.deploy.dashboards import committed, expressions
from tests.deploy.house import House
from tests.deploy.prometheus import Alert, Prometheus
from tests.deploy.rule_files import alerts, recorded
from tests.deploy.scaled import seconds
from tests.system.patience import becomes

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(200)]

FACTOR = 0.22
"""Half a minute is four and a half seconds: less, and a replica that waits for a CPU would be behind."""
SAVE_SECONDS = 0.25
"""From one save to the next."""
MEMORY = "256mb"
ANSWERS_TO_NOTHING: dict[str, str] = {}
"""Questions that rightly have no answer in a fleet that is well, and where they are shown to have one."""


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """The fleet. Its server has a limit of memory, as one in earnest must."""
    made = House(admins=2)
    assert made.server is not None
    made.server._options = (*made.server._options, "--maxmemory", MEMORY)
    with made:
        yield made


@pytest.fixture(scope="module")
def haproxy(house: House) -> Iterator[HAProxy]:
    """What the crowd talks to."""
    replicas, admins = house.replicas.values(), house.admins.values()
    with HAProxy([each.url for each in replicas], [each.url for each in admins]) as running:
        yield running


@pytest.fixture(scope="module")
def prometheus(house: House) -> Iterator[Prometheus]:
    """What watches it, past the balancer."""
    chat = {name: each.url for name, each in house.replicas.items()}
    admins = {name: each.url for name, each in house.admins.items()}
    with Prometheus(chat, admins, FACTOR) as running:
        yield running


@pytest.fixture
async def crowd(haproxy: HAProxy) -> AsyncIterator[Crowd]:
    """People who chat."""
    async with chatting(haproxy.chat) as made:
        yield made


async def saved(house: House, template: str) -> None:
    """A save by whichever admin; the loop goes on meanwhile."""
    await asyncio.to_thread(house.save, template)


@asynccontextmanager
async def saving(house: House) -> AsyncIterator[None]:
    """Somebody saves all the time, while the block runs; each version is everywhere before the next."""
    over = False

    async def save() -> None:
        number = 1
        while not over:
            number += 1
            await saved(house, f"You are version {number}.")
            await asyncio.sleep(SAVE_SECONDS)

    task = asyncio.create_task(save())
    try:
        yield
    finally:
        over = True
        await task


async def has(prometheus: Prometheus, expr: str) -> bool:
    """Whether the expression has an answer other than "not a number"."""
    found = await asyncio.to_thread(prometheus.ask, expr)
    return any(each["value"][1] != "NaN" for each in found)


async def firing(prometheus: Prometheus, severity: str = "page") -> list[Alert]:
    """The alerts of this severity that fire."""
    found = await asyncio.to_thread(prometheus.alerts)
    wanted = (each for each in found if each.labels["severity"] == severity)
    return [each for each in wanted if each.state == "firing"]


class Vigil:
    """Looks for pages all the time, and remembers each that has fired."""

    def __init__(self, prometheus: Prometheus) -> None:
        self.prometheus = prometheus
        self.seen: dict[tuple[tuple[str, str], ...], Alert] = {}
        self.now: list[Alert] = []

    async def look(self) -> bool:
        """Look once; always true."""
        self.now = await firing(self.prometheus)
        for each in self.now:
            self.seen[("alertname", each.name), *sorted(each.labels.items())] = each
        return True

    def names(self) -> list[str]:
        """Every page that has fired."""
        return [each.name for each in self.seen.values()]

    async def until(self, expr: str, seconds: float = 40.0) -> None:
        """Look until the expression has an answer."""

        async def answered() -> bool:
            await self.look()
            return await has(self.prometheus, expr)

        await becomes(answered, seconds=seconds)

    async def asks(self, where: str, expr: str) -> str | None:
        """None once the expression has an answer; what is wrong when it gets none in time."""
        await self.look()
        if where in ANSWERS_TO_NOTHING:
            has_one = await has(self.prometheus, expr)
            return f"{where} has an answer: take it off the list" if has_one else None
        try:
            await becomes(has, self.prometheus, expr)
        except TimeoutError:
            return f"{where} has no answer: {expr}"
        return None

    async def quiet(self) -> bool:
        """Whether nobody is being woken now."""
        await self.look()
        return not self.now


TICKET = 'ALERTS{{alertname="{}", alertstate="firing", severity="ticket"}}'
OUTLASTED = "vector(time()) > {:.3f}"


async def test_a_fleet_in_service_answers_every_question_and_wakes_nobody(
    house: House, prometheus: Prometheus, crowd: Crowd
) -> None:
    vigil = Vigil(prometheus)
    await vigil.until("count(up == 1) == 5")
    questions = {f"recording rule {name}": name for name in recorded()}
    for dashboard in committed().values():
        questions |= dict(expressions(dashboard, window="10s", shown="1m"))
    assert len(questions) > 100
    async with saving(house):
        silent = [await vigil.asks(where, expr) for where, expr in questions.items()]
    assert [each for each in silent if each] == []
    assert vigil.names() == []
    assert crowd.answers.total() > 100


async def test_a_replica_that_hangs_wakes_somebody_once_and_it_ends_when_it_is_back(
    house: House, haproxy: HAProxy, prometheus: Prometheus, crowd: Crowd
) -> None:
    vigil = Vigil(prometheus)
    house.stop("chat-2")
    try:
        missed = asyncio.create_task(saved(house, "You are what chat-2 has missed."))
        await vigil.until('ALERTS{alertstate="firing", severity="page"}')
        # whatever else would show it has had its time by then: no alert waits longer than this one
        await vigil.until(TICKET.format("PromptcastTargetDown"))
    finally:
        house.go_on("chat-2")
    assert vigil.names() == ["PromptcastReplicaBehind"]
    (page,) = vigil.seen.values()
    assert page.labels == {"severity": "page", "replica": "chat-2"}
    assert page.annotations["summary"].startswith("chat-2 does not have the last 1 events")
    await missed
    await becomes(vigil.quiet)
    await asyncio.to_thread(haproxy.becomes, "chat-2", "UP")
    await saved(house, "You are what everybody has.")
    await vigil.until(f"absent({TICKET.format('PromptcastTargetDown')})")
    assert vigil.names() == ["PromptcastReplicaBehind"]


async def test_a_server_that_hangs_wakes_somebody_once_whoever_misses_it(
    house: House, prometheus: Prometheus, crowd: Crowd
) -> None:
    """All replicas are stale, admins cannot look, saves fail: it is one page."""
    vigil = Vigil(prometheus)
    assert house.server is not None
    house.server.stop()
    try:
        failing = [asyncio.create_task(saved(house, f"You are lost {n}.")) for n in range(3)]
        await vigil.until('ALERTS{alertstate="firing", severity="page"}')
        # of all that see it, this one waits longest
        longest = seconds(alerts()["PromptcastSavesFail", "page"]["for"]) * FACTOR
        began = (await asyncio.to_thread(prometheus.ask, "time()"))[0]["value"][0]
        await vigil.until(OUTLASTED.format(began + longest))
    finally:
        house.server.go_on()
    await asyncio.gather(*failing, return_exceptions=True)
    await becomes(vigil.quiet)
    await saved(house, "You are saved again.")
    await vigil.until("fleet:promptcast_log_connected:max == 1")
    assert vigil.names() == ["PromptcastLogUnreachable"]
