"""A process that chats at a steady rate with several replicas, until it is ended."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count

from tests.bench.child import child

CHATS_A_SECOND = 100
_BODY = json.dumps(
    {
        "model": "stub",
        "messages": [{"role": "user", "content": "Which bicycle is the right one for me?"}],
        "variables": {"customer": "Ann"},
    }
).encode()
_REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n" % len(_BODY)
) + _BODY


@asynccontextmanager
async def chatting(ports: Sequence[int]) -> AsyncIterator[None]:
    """Somebody chats with each of ``ports``, :data:`CHATS_A_SECOND` in all."""
    async with child("chatter", *map(str, ports)):
        yield


async def chat(port: int, interval: float) -> None:
    """Ask once in each interval, or as fast as there are answers; each must be a 200."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in count(1):
        writer.write(_REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode(errors="replace"))
        lines = (line.lower().partition(b": ") for line in head.split(b"\r\n"))
        await reader.readexactly(next(int(v) for n, _, v in lines if n == b"content-length"))
        await asyncio.sleep(max(0.0, began + number * interval - loop.time()))


async def main(ports: Sequence[int]) -> None:
    """Chat with all of them; ends with an error if one of them fails."""
    print("ready", flush=True)
    interval = len(ports) / CHATS_A_SECOND
    await asyncio.gather(*(chat(port, interval) for port in ports))


if __name__ == "__main__":
    asyncio.run(main([int(port) for port in sys.argv[1:]]))
