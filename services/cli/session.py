"""From a synchronous command to the asynchronous client and back."""

import os
from typing import TYPE_CHECKING, TypeVar

from services.cli.address import Address

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from services.cli.client import AdminClient

T = TypeVar("T")


def with_client(work: "Callable[[AdminClient], Awaitable[T]]") -> T:
    """What ``work`` returns, given a client for the admin service that the environment names."""
    import asyncio

    from services.cli.client import AdminClient

    address = Address.of(os.environ)

    async def connected() -> T:
        async with AdminClient(address) as client:
            return await work(client)

    return asyncio.run(connected())
