"""How many connections a replica keeps to Redis: what sizing the server for a fleet reckons with."""

import asyncio

from prometheus_client import CollectorRegistry

from services.chat.main import build
from services.settings import Settings
from tests.bench.fanout.room import CONNECTIONS
from tests.system.hand import Hand
from tests.waiting import until


async def test_a_replica_that_follows_holds_three_connections(own_server, keys):
    """Its group's feed, its looks at the log, and its membership; the snapshot's is gone by then."""
    with Hand(own_server.client(), keys) as hand:
        hand.open()
    settings = Settings(redis_url=own_server.url, namespace=keys.namespace, replica_id="chat-1")
    parts = build(settings, CollectorRegistry())
    following = asyncio.create_task(parts.join())
    try:
        await until(lambda: parts.beats >= 2)
        with own_server.client() as client:
            ours = [each for each in client.client_list() if each["cmd"] != "client|list"]
        assert len(ours) == CONNECTIONS == 3, ours
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await parts.leave()
