"""Passwords and keys: what is kept of them proves them, and gives nothing away."""

import asyncio
import threading
import unicodedata

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from hypothesis import assume, given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from services.admin.access.secrets import Busy, NewKey, Secrets, digest, same
from tests.waiting import until

PASSWORD = "correct horse battery"
WAITING = 3


@pytest.fixture
def secrets():
    """Cheap: what it does is the same at any cost."""
    return Secrets(cost=CHEAPEST)


class Slow:
    """A hasher that works until it is let go, and counts how many do so at once."""

    def __init__(self):
        self.go = threading.Event()
        self.count = threading.Lock()
        self.running = self.most = self.done = 0

    def hash(self, password):
        with self.count:
            self.running += 1
            self.most = max(self.most, self.running)
        self.go.wait(30)
        with self.count:
            self.running -= 1
            self.done += 1
        return password.decode()


@pytest.fixture
def slow():
    made = Slow()
    yield made
    made.go.set()


@pytest.fixture
def busy(slow):
    """Two work at a time, and three may wait."""
    made = Secrets(limit=2, waiting=WAITING)
    made._hasher = slow
    return made


def started(secrets, count):
    return [asyncio.create_task(secrets.hash_password(str(n))) for n in range(count)]


async def test_a_password_costs_what_owasp_recommends():
    encoded = await Secrets().hash_password(PASSWORD)
    head, salt, tag = encoded.rsplit("$", 2)
    assert head == "$argon2id$v=19$m=19456,t=2,p=1"
    assert (len(salt), len(tag)) == (22, 43)  # 16 and 32 bytes
    assert PASSWORD not in encoded


async def test_a_password_is_right_and_another_is_not(secrets):
    encoded = await secrets.hash_password(PASSWORD)
    assert await secrets.verify_password(encoded, PASSWORD) is True
    assert await secrets.verify_password(encoded, PASSWORD + " ") is False
    assert await secrets.verify_password(encoded, PASSWORD.upper()) is False
    assert await secrets.verify_password(encoded, "") is False


async def test_the_same_password_is_kept_differently_each_time(secrets):
    assert await secrets.hash_password(PASSWORD) != await secrets.hash_password(PASSWORD)


@given(st.text(min_size=1, max_size=200), st.text(max_size=200))
def test_any_text_is_a_password_however_it_was_composed(text, other):
    assume(unicodedata.normalize("NFC", text) != unicodedata.normalize("NFC", other))
    secrets = Secrets(limit=1, cost=CHEAPEST)

    async def answers():
        encoded = await secrets.hash_password(text)
        decomposed = unicodedata.normalize("NFD", text)
        return (
            await secrets.verify_password(encoded, decomposed),
            await secrets.verify_password(encoded, other),
        )

    assert asyncio.run(answers()) == (True, False)


async def test_a_lone_surrogate_is_no_error(secrets):
    encoded = await secrets.hash_password("\ud800" * 12)
    assert await secrets.verify_password(encoded, "\ud800" * 12)
    assert not await secrets.verify_password(encoded, "\udfff" * 12)


async def test_nobodys_password_is_never_right_and_costs_the_same_work():
    secrets = Secrets()
    asked = []

    class Spy(PasswordHasher):
        def verify(self, hash, password):
            asked.append((hash, password))
            return super().verify(hash, password)

    secrets._hasher = Spy.from_parameters(CHEAPEST)
    with capture_logs() as lines:
        assert await secrets.verify_password(None, PASSWORD) is False
    ((encoded, password),) = asked
    assert encoded.startswith(b"$argon2id$v=19$m=19456,t=2,p=1$")
    assert password == PASSWORD.encode()
    assert lines == []  # it was worked out, not refused as unverifiable
    assert not Secrets().needs_rehash(encoded.decode())


async def test_a_password_of_another_cost_is_right_still_and_asks_to_be_hashed_again(secrets):
    old = await secrets.hash_password(PASSWORD)
    today = Secrets()
    assert await today.verify_password(old, PASSWORD)
    assert today.needs_rehash(old)
    assert not today.needs_rehash(await today.hash_password(PASSWORD))
    assert not secrets.needs_rehash(old)


@pytest.mark.parametrize(
    "damaged", ["", "x", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$!!$!!", "\ufffd", PASSWORD]
)
async def test_what_is_no_encoding_is_nobodys_password_and_the_log_says_so(secrets, damaged):
    with capture_logs() as lines:
        assert await secrets.verify_password(damaged, PASSWORD) is False
    (line,) = lines
    assert line["event"] == "credential_unverifiable"
    assert PASSWORD not in str(line)
    assert secrets.needs_rehash(damaged)


async def test_two_passwords_are_worked_on_at_a_time_and_the_others_wait(busy, slow):
    tasks = started(busy, 2 + WAITING)
    await until(lambda: slow.running == 2)
    slow.go.set()
    assert await asyncio.gather(*tasks) == ["0", "1", "2", "3", "4"]
    assert slow.most == 2


async def test_one_too_many_is_told_at_once_that_we_are_busy(busy, slow):
    tasks = started(busy, 2 + WAITING)
    await until(lambda: slow.running == 2)
    with pytest.raises(Busy, match="try again"):
        await busy.hash_password(PASSWORD)
    with pytest.raises(Busy):
        await busy.verify_password(None, PASSWORD)
    slow.go.set()
    await asyncio.gather(*tasks)
    assert await busy.hash_password("next") == "next"


async def test_who_goes_away_while_waiting_leaves_the_place_to_another(busy, slow):
    tasks = started(busy, 2 + WAITING)
    await until(lambda: slow.running == 2)
    tasks[-1].cancel()
    await asyncio.wait([tasks[-1]])
    another = asyncio.create_task(busy.hash_password("another"))
    slow.go.set()
    assert await another == "another"
    await asyncio.gather(*tasks[:-1])
    assert slow.done == 2 + WAITING  # the work of who went away was not done


async def test_who_goes_away_during_the_work_does_not_make_it_three_at_a_time(busy, slow):
    first, second, third = started(busy, 3)
    await until(lambda: slow.running == 2)
    first.cancel()
    await asyncio.wait([first])
    fourth = asyncio.create_task(busy.hash_password("fourth"))
    await asyncio.sleep(0)
    slow.go.set()
    await asyncio.gather(second, third, fourth)
    await until(lambda: slow.done == 4)  # nobody waits for the first one's any more
    assert slow.most == 2


def test_a_new_key_is_what_its_owner_shows_and_what_is_kept_is_its_digest():
    key = Secrets.new_key()
    prefix, id, secret = key.shown.split("_", 2)
    assert (prefix, id, len(id), len(secret)) == ("pc", key.id, 12, 43)
    assert key.digest == digest(secret)
    assert Secrets.parse_key(key.shown) == (key.id, key.digest)


def test_no_two_keys_are_alike():
    keys = [Secrets.new_key() for _ in range(200)]
    assert len({key.id for key in keys}) == len({key.digest for key in keys}) == 200


def test_a_new_key_does_not_show_its_secret_by_accident():
    key = Secrets.new_key()
    assert key.id in repr(key)
    assert key.shown[16:] not in repr(key)
    assert key.digest not in repr(key)
    assert NewKey(key.id, "", "") != key


GOOD = "pc_0123456789ab_" + "A-_z" * 10 + "xyz"


@pytest.mark.parametrize(
    "shown",
    ["", "pc_", GOOD[:-1], GOOD + "x", GOOD + "\n", " " + GOOD, GOOD.upper(), GOOD.replace("b", "g"),
     GOOD.replace("pc_", "sk_"), GOOD.replace("A", "é"), GOOD.replace("A", "+"),
     GOOD.replace("1", "\N{ARABIC-INDIC DIGIT ONE}"), "x" * 100_000],
)  # fmt: skip
def test_what_is_no_key_of_ours_is_not_looked_for(shown):
    assert Secrets.parse_key(GOOD) is not None
    assert Secrets.parse_key(shown) is None


@given(st.text())
def test_any_text_may_be_offered_as_a_key(shown):
    assert Secrets.parse_key(shown) is None


@given(st.text(st.characters()), st.text(st.characters()))
def test_secrets_are_the_same_exactly_when_their_characters_are(one, other):
    assert same(one, other) == (one == other)
    assert same(one, one)
    assert (digest(one) == digest(other)) == (one == other)


def test_the_digest_is_sha_256_in_hex():
    """The example of FIPS 180-2, so that any other program can check what is kept."""
    assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
