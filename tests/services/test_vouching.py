import pytest

from services.vouching import is_vouched, vouch

KEY, REPLICA, URL = "a-chat-key", "chat-1", "http://10.0.0.1:8080"


def test_who_knows_the_key_vouches_for_one_replica_at_one_url():
    assert is_vouched(KEY, REPLICA, URL, vouch(KEY, REPLICA, URL))


@pytest.mark.parametrize(
    ("key", "replica", "url"),
    [("another", REPLICA, URL), (KEY, "chat-2", URL), (KEY, REPLICA, "http://evil.example:8080"),
     (KEY, REPLICA + URL, "")],
)  # fmt: skip
def test_what_was_made_for_something_else_vouches_for_nothing(key, replica, url):
    assert not is_vouched(KEY, REPLICA, URL, vouch(key, replica, url))


@pytest.mark.parametrize("code", [None, "", "f" * 64, "\ud800", "é"])
def test_nonsense_vouches_for_nothing(code):
    assert not is_vouched(KEY, REPLICA, URL, code)


def test_a_code_does_not_show_the_key():
    assert KEY not in vouch(KEY, REPLICA, URL)
