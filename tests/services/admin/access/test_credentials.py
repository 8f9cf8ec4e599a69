"""What Redis keeps of passwords and keys; a real server, since what it stores is the point."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.errors import LogUnavailable
from services.admin.access.credentials import Credentials, link_field
from services.admin.access.sessions import Links

ENCODED, OTHER = "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$dGFn", "$argon2id$another"
NAMES = st.from_regex(r"[a-z0-9][a-z0-9._@+-]{0,63}", fullmatch=True)


@pytest.fixture
def credentials(server, link_to, keys):
    return Credentials(link_to(server.url), keys)


def kept(server, keys):
    """What the server has of credentials."""
    return server.call("HGETALL", keys.credentials)


async def test_nobody_has_a_password_or_a_key_before_one_is_set(credentials):
    assert await credentials.person("mia") is None
    assert await credentials.key("0123456789ab") is None


async def test_what_was_set_is_found_and_by_its_own_name_only(credentials):
    await credentials.set_person("mia", ENCODED)
    await credentials.set_key("0123456789ab", "d1" * 32)
    assert await credentials.person("mia") == ENCODED
    assert await credentials.key("0123456789ab") == "d1" * 32
    assert await credentials.key("mia") is None
    assert await credentials.person("0123456789ab") is None
    assert await credentials.person("noa") is None


async def test_a_new_password_takes_the_place_of_the_old_one(credentials, server, keys):
    await credentials.set_person("mia", ENCODED)
    await credentials.set_person("mia", OTHER)
    assert await credentials.person("mia") == OTHER
    assert ENCODED.encode() not in kept(server, keys).values()


async def test_who_is_erased_leaves_nothing_and_others_stay(credentials, server, keys):
    for name in ("mia", "noa"):
        await credentials.set_person(name, ENCODED)
    for id in ("0123456789ab", "ba9876543210"):
        await credentials.set_key(id, "d1" * 32)
    await credentials.erase_person("mia")
    await credentials.erase_key("0123456789ab")
    assert await credentials.person("mia") is None
    assert await credentials.key("0123456789ab") is None
    assert kept(server, keys) == {
        b"person:noa": ENCODED.encode(),
        b"key:ba9876543210": b"d1" * 32,
    }


async def test_erasing_somebody_erases_their_links_too(credentials, server, keys):
    links = Links(credentials.link, keys)
    token = await links.make("password", "mia", 60)
    await links.make("sign-in", "mia", 60)
    others = await links.make("password", "noa", 60)
    await credentials.erase_person("mia")
    assert await links.take("password", token) is None
    assert list(kept(server, keys)) == [link_field("password", "noa").encode()]
    assert await links.take("password", others) == "noa"


async def test_erasing_what_is_not_there_is_no_error(credentials):
    await credentials.erase_person("mia")
    await credentials.erase_key("0123456789ab")


@given(NAMES, NAMES)
def test_no_two_names_or_kinds_share_a_place(one, other):
    places = {
        *(f"person:{name}" for name in (one, other)),
        *(f"key:{name}" for name in (one, other)),
        *(link_field(kind, name) for kind in ("sign-in", "password") for name in (one, other)),
    }
    assert len(places) == 4 * len({one, other})


async def test_when_the_server_is_out_of_reach_every_call_says_so(link_to, keys, tmp_path):
    credentials = Credentials(link_to(f"unix://{tmp_path}/nothing"), keys)
    for call in (
        credentials.person("mia"),
        credentials.set_person("mia", ENCODED),
        credentials.key("0123456789ab"),
        credentials.set_key("0123456789ab", "d1" * 32),
        credentials.erase_person("mia"),
        credentials.erase_key("0123456789ab"),
    ):
        with pytest.raises(LogUnavailable):
            await call


async def test_those_who_have_none_are_named(credentials):
    await credentials.set_person("mia", ENCODED)
    await credentials.set_key("0123456789ab", "d1" * 32)
    asked = ["person:noa", "person:mia", "key:0123456789ab", "key:ba9876543210"]
    assert await credentials.missing(asked) == ["person:noa", "key:ba9876543210"]
    assert await credentials.missing([]) == []
