"""Following the log's master under Sentinel: who else is master now is told, and nothing more."""

import asyncio

import structlog

from events.streams.link import Connect
from events.streams.master import Master
from events.streams.sentinel_url import Address


async def follow_master(connect: Connect) -> None:
    """Keep what ``connect`` has made off a server that is the master no longer.

    Never ends by itself; without Sentinel it has nothing to do.
    """
    if isinstance(connect, Master):
        await connect.watch(_moved)
    await asyncio.Event().wait()


def _moved(address: Address) -> None:
    structlog.get_logger().warning("master_moved", master=str(address))
