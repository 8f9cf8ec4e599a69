"""`promptcast acl`: the users, for the namespace and durability that the services have."""

import pytest

from events.streams.acl import lines
from events.streams.durability import Durability
from events.streams.keys import Keys


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    for name in ("PROMPTCAST_NAMESPACE", "PROMPTCAST_DURABILITY"):
        monkeypatch.delenv(name, raising=False)


async def test_it_prints_the_users_of_the_default_namespace(promptcast):
    done = await promptcast("acl")
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines() == lines(Keys("promptcast"))


async def test_the_environment_says_which_namespace_and_what_a_save_waits_for(
    promptcast, monkeypatch
):
    monkeypatch.setenv("PROMPTCAST_NAMESPACE", "shop")
    monkeypatch.setenv("PROMPTCAST_DURABILITY", "fsynced-replicas:1")
    done = await promptcast("acl")
    told = lines(Keys("shop"), Durability.of("fsynced-replicas:1"))
    assert done.out.splitlines() == told
    assert "+waitaof" in done.out


async def test_replicas_are_named_one_by_one(promptcast):
    done = await promptcast("acl", "--replica", "b", "--replica", "a", "--replica", "b")
    assert done.out.splitlines() == lines(Keys("promptcast"), replicas=["a", "b"])


async def test_what_is_no_replica_s_id_goes_into_no_pattern(promptcast):
    done = await promptcast("acl", "--replica", "a* ~*")
    assert (done.status, done.out) == (1, "")
    assert "--replica: PROMPTCAST_REPLICA_ID must be" in done.err
