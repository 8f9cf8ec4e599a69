"""Two admins on one server: who may do what is the same at both."""

import pytest

from tests.services.admin.access.visitor import (
    KEYS,
    PEOPLE,
    SESSION,
    Visitor,
    operator,
    with_key,
    with_session,
)
from tests.services.admin.stage import PROMPTS, Stage, on_server
from tests.waiting import until


@pytest.fixture
async def two(server, keys):
    """Both, each with a book of its own."""
    async with (
        on_server(server.url, keys.namespace) as first,
        on_server(server.url, keys.namespace, opened=True) as second,
    ):
        yield first, second


def at(stage: Stage, visitor: Visitor) -> Visitor:
    """The same somebody, elsewhere."""
    there = Visitor(stage, visitor.token, dict(visitor.headers))
    if "Origin" in there.headers:
        there.headers["Origin"] = there.origin
    return there


async def status(visitor: Visitor) -> int:
    return (await visitor.call("GET", PROMPTS)).status


async def test_who_is_let_in_at_one_is_at_once_let_in_at_the_other(two):
    first, second = two
    assert await status(at(second, await with_session(first, "viewer"))) == 200
    assert await status(at(second, await with_key(first, "viewer"))) == 200
    assert await status(at(first, await with_session(second, "viewer", "bob"))) == 200


async def test_who_is_shut_out_at_one_is_shut_out_at_the_other(two):
    first, second = two
    ada, robot = await with_session(first, "viewer"), await with_key(first, "viewer")
    there = [at(second, ada), at(second, robot)]
    assert [await status(visitor) for visitor in there] == [200, 200]
    (made,) = (await operator(first).get(KEYS))["items"]
    await operator(first).delete(f"{KEYS}/{made['key']}")
    await operator(first).delete(f"{PEOPLE}/ada")
    position = first.access.book.position
    await until(lambda: second.access.book.position == position, 2)
    assert [await status(visitor) for visitor in there] == [401, 401]


async def test_who_signs_out_at_one_is_signed_out_at_the_other(two):
    first, second = two
    ada = await with_session(first, "viewer")
    assert await status(at(second, ada)) == 200
    await at(second, ada).delete(f"{SESSION}?everywhere=true")
    await until(lambda: first.access.book.position == second.access.book.position, 2)
    assert await status(ada) == 401
