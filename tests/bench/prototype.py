"""The floor of a save: the same steps, by the same means, with nothing around them.

``handler``: an aiohttp handler takes a prompt, hashes an event around it, appends it with the very
script that we append with, waits until each of three readers has reported, and answers. ``reader``:
reads its group, hashes, acknowledges and reports in one write. No pydantic, no validation, no
templates, no deadlines, no metrics, no log lines, no history.
"""

import asyncio
import hashlib
import json
import sys

from aiohttp import web

from events.streams.link import Script
from tests.bench.bare import ask, connected, delivered, send
from tests.bench.ledger import KEYS

READERS = ("reader-1", "reader-2", "reader-3")


class Handler:
    """Appends and waits."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._script = Script.load("append")
        self._position, self._stored = 0, ""
        self._reported = dict.fromkeys(READERS, 0)
        self._news = asyncio.Condition()

    async def serve(self) -> None:
        """Print the port, then serve until the process is ended."""
        self._connection = await connected(self._url)
        await ask(self._connection, "SCRIPT", "LOAD", self._script.source)
        app = web.Application(client_max_size=1 << 20)
        app.router.add_post("/save", self.save)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)
        await self._hear()

    async def save(self, request: web.Request) -> web.Response:
        """201 once every reader has reported."""
        body = await request.json()
        event = self._event(body["template"])
        own = hashlib.sha256(event).hexdigest()
        status, *_ = await ask(
            self._connection, "EVALSHA", self._script.sha, 2, KEYS.log, KEYS.fence,
            self._position, self._stored, 1 << 62, event, own, "", "",
        )  # fmt: skip
        assert status == b"appended", status
        self._position, self._stored = self._position + 1, own
        async with self._news:
            await self._news.wait_for(lambda: min(self._reported.values()) >= self._position)
        answer = {"position": self._position, "hash": own, "replicas": self._reported}
        return web.json_response(answer, status=201)

    def _event(self, template: str) -> bytes:
        """As large as ours is."""
        data = {
            "prompt": "system",
            "branch": "main",
            "version": self._position,
            "template": template,
        }
        envelope = {
            "specversion": "1.0",
            "id": f"bench-{self._position}",
            "source": "/promptcast/bench",
            "type": "promptcast.PromptSaved.v1",
            "subject": "system",
            "time": "2026-01-01T00:00:00.000000Z",
            "datacontenttype": "application/json",
            "position": self._position + 1,
            "prevhash": self._stored or "0" * 64,
            "actor": "admin",
            "data": data,
        }
        return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()

    async def _hear(self) -> None:
        connection, last = await connected(self._url), "0-0"
        while True:
            await send(connection, ("XREAD", "BLOCK", 0, "STREAMS", KEYS.reports, last))
            (found,) = (await connection.read_response()).values()
            for id, (_, report) in found:
                said, last = json.loads(report), id
                self._reported[said["replica"]] = said["position"]
            async with self._news:
                self._news.notify_all()


async def read(url: str, name: str) -> None:
    """Read, hash, acknowledge and report, until the process is ended."""
    connection = await connected(url)
    await ask(connection, "XGROUP", "CREATE", KEYS.log, name, "$", "MKSTREAM")
    next_ = ("XREADGROUP", "GROUP", name, name, "BLOCK", 0, "STREAMS", KEYS.log, ">")
    await send(connection, next_)
    print("ready", flush=True)
    while True:
        id, (_, event, _, stored, *_) = await delivered(connection)
        assert hashlib.sha256(event).hexdigest() == stored.decode()
        report = json.dumps({"replica": name, "position": int(id.partition(b"-")[0])})
        await send(
            connection,
            ("XACK", KEYS.log, name, id),
            ("XADD", KEYS.reports, "MAXLEN", "~", 10_000, "*", "report", report),
            next_,
        )
        await connection.read_response()
        await connection.read_response()


if __name__ == "__main__":
    kind, url, *name = sys.argv[1:]
    asyncio.run(Handler(url).serve() if kind == "handler" else read(url, *name))
