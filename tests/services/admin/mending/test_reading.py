"""A file in a request's body: what comes of an upload that does not come to its end."""

import asyncio
from contextlib import suppress

import pytest
from aiohttp import web

from events.lines import to_line
from projections.refusals import Invalid
from services.admin.mending.reading import MEDIA_TYPE, entries
from tests.services.admin.mending.conftest import four_events

HEAD = (
    f"POST / HTTP/1.1\r\nHost: here\r\nContent-Type: {MEDIA_TYPE}\r\n"
    "Transfer-Encoding: chunked\r\n\r\n"
)


@pytest.mark.parametrize("chunked", [b"", b"\r\n40", b"\r\n40\r\nmore"])
async def test_an_upload_that_breaks_off_is_refused_and_never_taken_for_whole(
    chunked,
):
    lines = b"".join(to_line(entry) + b"\n" for entry in four_events().entries)
    came, ended = [], asyncio.get_running_loop().create_future()

    async def read(request: web.Request) -> web.Response:
        try:
            came.extend([each async for batch in entries(request) for each in batch])
            ended.set_result("taken for whole")
        except Exception as error:  # noqa: BLE001  whatever it is, it is what is asked about
            ended.set_result(error)
        return web.Response()

    app = web.Application()
    app.router.add_post("/", read)
    runner = web.AppRunner(app, handler_cancellation=False)  # as the admin service has it
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    _, writer = await asyncio.open_connection(*runner.addresses[0])
    writer.write(HEAD.encode() + b"%x\r\n%s" % (len(lines), lines) + chunked)
    await writer.drain()
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    try:
        how = await asyncio.wait_for(ended, 10)
    finally:
        await runner.cleanup()
    assert isinstance(how, Invalid), how
    assert "broke" in how.mistakes[0].detail
