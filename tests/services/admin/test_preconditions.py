import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from projections.refusals import Invalid
from services.admin.preconditions import NEVER, expected, request_hash, request_key


def request(method="POST", path="/p", **headers):
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return make_mocked_request(method, path, headers=dict(named))


@pytest.mark.parametrize(
    ("match", "meant"),
    [('"57"', 57), ("*", "any"), ('"abc"', NEVER), ('"057"', NEVER), ('""', NEVER), ('"0"', NEVER),
     (f'"{"9" * 40}"', NEVER), ('  "57"  ', 57)],
)  # fmt: skip
def test_an_etag_is_a_revision_or_can_never_be_one(match, meant):
    assert expected(request(If_Match=match.strip())) == meant


@pytest.mark.parametrize(
    "match", ["57", 'W/"57"', '"57", "58"', '"57', "", "**", '"5 7"', "'57'", '"é"', "*, *"]
)
def test_what_is_no_strong_etag_is_refused_with_an_example(match):
    with pytest.raises(Invalid, match='such as "57"'):
        expected(request(If_Match=match))


@pytest.mark.parametrize("match", ['"57"', "", "**"])
def test_only_a_star_creates(match):
    assert expected(request(If_None_Match="*")) == "absent"
    with pytest.raises(Invalid, match="can only be"):
        expected(request(If_None_Match=match))


def test_without_a_precondition_nothing_is_expected():
    assert expected(request()) is None


def test_a_precondition_is_given_once():
    headers = [("If-Match", '"57"'), ("If-Match", '"58"')]
    with pytest.raises(Invalid, match="more than once"):
        expected(make_mocked_request("POST", "/p", headers=CIMultiDict(headers)))


@pytest.mark.parametrize("key", ["k", '"k"'])
def test_a_key_is_the_same_in_quotes_and_without(key):
    found = request_key(request(Idempotency_Key=key), "ann", b"body")
    assert found is not None
    assert (found.actor, found.key) == ("ann", "k")


def test_without_a_key_there_is_none():
    assert request_key(request(), "ann", b"") is None


@pytest.mark.parametrize("length", [1, 255])
def test_keys_have_a_length(length):
    found = request_key(request(Idempotency_Key="k" * length), "a", b"")
    assert found is not None
    assert found.key == "k" * length


@pytest.mark.parametrize("key", ["", '""', "k" * 256, "a b", 'a"b', '"a', "ä", '"a\\"b"', "\t"])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(Invalid, match="visible ASCII"):
        request_key(request(Idempotency_Key=key), "ann", b"")


def test_every_part_of_a_request_is_in_its_hash_but_how_long_to_wait():
    base = request(path="/p", If_Match='"1"')
    others = [
        (request(method="DELETE", path="/p", If_Match='"1"'), b"x"),
        (request(path="/q", If_Match='"1"'), b"x"),
        (request(path="/p", If_Match='"2"'), b"x"),
        (request(path="/p", If_None_Match='"1"'), b"x"),
        (request(path="/p"), b"x"),
        (base, b"y"),
        (base, b"\nx"),
    ]
    hashes = {request_hash(*other) for other in others}
    assert len(hashes) == len(others)
    assert request_hash(base, b"x") not in hashes
    waiting = request(path="/p?wait=all&timeout=3", If_Match='"1"')
    assert request_hash(waiting, b"x") == request_hash(base, b"x")
