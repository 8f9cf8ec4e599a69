"""What the admin's core tells of what happens: as metrics."""

from tests.services.admin.stage import on_server
from tests.waiting import until


async def test_whether_the_log_is_in_reach_is_told(own_server, keys):
    async with on_server(own_server.url, keys.namespace) as stage:

        def connected() -> float | None:
            return stage.registry.get_sample_value("promptcast_log_connected")

        await until(lambda: connected() == 1)
        own_server.kill()
        await until(lambda: connected() == 0)
        own_server.start()
        await until(lambda: connected() == 1)
