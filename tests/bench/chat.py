"""Chat answers a second: our replica beside the bare SDK byte relay that it is built upon.

Four processes: a stub of the model (bare asyncio, so that it is never what is measured), the floor
(an aiohttp handler that calls ``with_streaming_response`` and relays the bytes), ours (the real
application over a replica in memory), and this one, which asks. Floor and ours take turns, so that
whatever else the machine does hits both; only one of them works at a time.

The floor's requests carry the system message that ours adds, so both send the model the same bytes.
"""

import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from tests.bench.chat_load import Load
from tests.bench.chat_peers import PROMPT
from tests.bench.child import child
from tests.bench.rounds import p99, pooled, take_turns
from tests.bench.row import Bound, Row
from tests.bench.scale import Scale

CONNECTIONS = 16


@dataclass(slots=True)
class Asking:
    """One side: who asks it, and how long every answer took, in seconds, run by run."""

    load: Load
    seconds: float
    latencies: list[list[float]] = field(default_factory=list)

    async def measure(self) -> Sequence[float]:
        """Answers a second, once."""
        sample = await self.load.run(self.seconds)
        self.latencies.append(sample.latencies)
        return [sample.rate]


async def rows(scale: Scale) -> list[Row]:
    """Plain and streaming. The 99th percentiles are of how long an answer takes, in ms."""
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(child("chat_peers", "stub"))
        upstream = "--upstream", stub.ready
        floor = await stack.enter_async_context(child("chat_peers", "floor", *upstream))
        ours = await stack.enter_async_context(child("chat_peers", "ours", *upstream))
        ports = int(ours.ready), int(floor.ready)
        return [
            await _row("chat, plain, 16 connections", ports, scale, stream=False),
            await _row("chat, streaming, 16 connections", ports, scale, stream=True),
        ]


async def _row(name: str, ports: tuple[int, int], scale: Scale, *, stream: bool) -> Row:
    ours, floor = (
        Asking(Load(port, _body(stream, system=system), CONNECTIONS), scale.chat_seconds)
        for port, system in zip(ports, (False, True), strict=True)
    )
    rounds = await take_turns(ours.measure, floor.measure, scale.rounds)
    row = Row.of_rates(name, "answers/s; p99: ms", rounds, Bound("ratio", "≥", 0.85))
    counted = (pooled(side.latencies[1:]) for side in (ours, floor))  # the first run was to warm up
    ours_p99, floor_p99 = (1e3 * p99(latencies) for latencies in counted)
    return replace(row, ours_p99=ours_p99, floor_p99=floor_p99)


def _body(stream: bool, *, system: bool) -> bytes:
    messages = [{"role": "user", "content": "What is new today, and what should I do about it?"}]
    if system:
        messages.insert(0, {"role": "system", "content": PROMPT})
    body = {"model": "stub", "messages": messages, "temperature": 0.2}
    if stream:
        body["stream"] = True
        if system:
            body["stream_options"] = {"include_usage": True}
    return json.dumps(body).encode()
