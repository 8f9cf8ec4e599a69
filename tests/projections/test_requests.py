import json

import pytest

from events.envelope import RequestKey
from projections import requests
from projections.requests import Requests


@pytest.fixture
def few(monkeypatch):
    """Three keyed requests make a generation."""
    monkeypatch.setattr(requests, "REMEMBERED", 3)


def key(n, actor="ann", hash="h"):
    return RequestKey(actor, f"key-{n}", hash)


def memory(*numbers):
    known = Requests()
    for n in numbers:
        known = known.add(key(n, hash=f"hash-{n}"), 100 + n)
    return known


def test_a_request_is_known_by_its_actor_and_key():
    known = memory(1)
    assert known.find(key(1)) == ("hash-1", 101)
    assert known.find(key(2)) is None
    assert known.find(key(1, actor="bob")) is None


def test_the_same_key_of_two_actors_is_two_requests():
    known = memory(1).add(key(1, actor="bob"), 200)
    assert known.find(key(1)) == ("hash-1", 101)
    assert known.find(key(1, actor="bob")) == ("h", 200)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("total", range(1, 12))
def test_at_least_so_many_are_remembered_and_at_most_twice_as_many(total):
    known = memory(*range(total))
    found = [n for n in range(total) if known.find(key(n))]
    assert found == list(range(total - len(found), total)), "the newest, without a hole"
    assert min(total, 3) <= len(found) <= 6


@pytest.mark.usefixtures("few")
def test_a_key_that_is_used_again_belongs_to_the_later_event():
    known = memory(1, 2, 3, 4).add(key(1, hash="again"), 300)
    assert known.find(key(1)) == ("again", 300)


def test_ten_thousand_are_remembered():
    """The README promises so."""
    assert requests.REMEMBERED == 10_000


def test_adding_leaves_the_memory_before_untouched():
    known = memory(1)
    known.add(key(2), 102)
    assert known == memory(1)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("total", [0, 2, 5])
def test_a_dump_is_json_and_loads_to_the_same_memory(total):
    known = memory(*range(total))
    assert Requests.load(json.loads(json.dumps(known.dump()))) == known
