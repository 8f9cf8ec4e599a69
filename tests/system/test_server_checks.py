"""A service that may refuse its server, as it is run in earnest."""

import pytest

from tests.servers import Server
from tests.system.services import Services

pytestmark = pytest.mark.redis


@pytest.mark.parametrize("command", ["admin", "chat"])
def test_a_server_that_could_lose_saves_ends_the_start_with_a_clear_line(
    services: Services, server: Server, command: str
) -> None:
    """The shared server keeps nothing on disk."""
    if command == "admin":
        started = services.admin(server_checks="refuse", open_after="0", ready=None)
    else:
        started = services.chat("chat-1", ready=None, server_checks="refuse")
    assert started.process.ended() == 1
    said = started.process.said()
    assert "promptcast: the Redis server: appendonly is no" in said
    assert "Traceback" not in said
    with services.hand() as hand:
        assert not hand.exists()


def test_a_server_that_loses_nothing_is_served(own_services: Services) -> None:
    own_services.admin(server_checks="refuse", open_after="0")
    own_services.chat("chat-1", server_checks="refuse")
