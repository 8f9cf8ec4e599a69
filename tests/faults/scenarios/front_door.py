"""The front door: clients that never finish their headers, and bodies without end, during saves."""

import asyncio
import contextlib
import time
from urllib.parse import urlsplit

from tests.faults.aftermath import promised
from tests.faults.facts import MB, Limits
from tests.faults.rig import PROMPT
from tests.faults.scenario import Scenario, Stage
from tests.system.services import KEY

SLOW = 500
HUGE = 100 * MB
CHUNK = bytes(256 * 1024)
SLOWEST_SECONDS = 3.0


async def slow_headers(stage: Stage) -> None:
    """Five hundred clients send a header a second, and never the last; admin and replica serve on."""
    urls = [service.url for service in stage.rig.processes.values()]
    ends = time.monotonic() + stage.some(12.0, 15.0)
    closed = await asyncio.gather(*(_drips(urls[n % len(urls)], ends) for n in range(SLOW)))
    stage.rig.over()
    promised(stage, sum(closed) == SLOW, f"{SLOW - sum(closed)} of {SLOW} were not sent away")
    slowest = max(
        (each.ended - each.began for each in stage.changes() if not each.barrier), default=0
    )
    promised(stage, slowest < SLOWEST_SECONDS, f"a change took {slowest:.1f} s meanwhile")


async def _drips(url: str, ends: float) -> bool:
    """Whether the connection was closed on us."""
    try:
        reader, writer = await _connected(url)
        writer.write(b"POST /api/v1/prompts/x/versions HTTP/1.1\r\nHost: x\r\n")
        reading = asyncio.create_task(reader.read())
        while time.monotonic() < ends and not reading.done():
            writer.write(b"X-More: 1\r\n")
            await asyncio.wait([reading], timeout=1.0)
        has_ended = reading.done()
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await reading
        writer.close()
    except OSError:
        return True
    return has_ended


async def huge_bodies(stage: Stage) -> None:
    """Bodies of 100 MB, with their length told and without, to everybody: refused at once."""
    chunked = stage.chance.random() < 0.5
    services = [*stage.rig.processes.items()]
    sent = await asyncio.gather(*(_pours(name, s.url, chunked) for name, s in services * 3))
    stage.rig.over()
    await stage.saves(3)
    for status, size in sent:
        promised(stage, status in (0, 413), f"100 MB were answered with {status}")
        promised(stage, size < HUGE / 4, f"{size / MB:.0f} MB were taken")


async def _pours(name: str, url: str, chunked: bool) -> tuple[int, int]:
    """The answer's status (0: cut off without one), and how many bytes were taken."""
    path = "/api/v1/prompts/x/versions" if name.startswith("admin") else "/chat"
    how = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {HUGE}"
    sent, status = 0, 0
    reader, writer = await _connected(url)
    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nIf-Match: *\r\n"
        f"X-Prompt-Name: {PROMPT}\r\n"
        f"Content-Type: application/json\r\n{how}\r\n\r\n".encode()
    )
    answer = asyncio.create_task(reader.readline())
    with contextlib.suppress(OSError):
        while sent < HUGE and not answer.done():
            writer.write(b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK) if chunked else CHUNK)
            async with asyncio.timeout(20):
                await writer.drain()
            sent += len(CHUNK)
    with contextlib.suppress(OSError, TimeoutError, ValueError, IndexError):
        async with asyncio.timeout(20):
            status = int((await answer).split()[1])
    writer.close()
    return status, sent


async def _connected(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    at = urlsplit(url)
    return await asyncio.open_connection(at.hostname, at.port)


SCENARIOS = (
    Scenario(
        "slow-headers", "500 clients never come to the end of their headers", slow_headers
    ),
    Scenario(
        "huge-bodies", "bodies of 100 MB to everybody", huge_bodies, quick=True,
        limits=Limits(memory=96 * MB),
    ),
)  # fmt: skip
