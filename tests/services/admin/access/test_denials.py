import pytest
from prometheus_client import Counter
from structlog.testing import capture_logs

from services.admin.access import denials
from services.admin.access.denials import Denials


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def told(clock):
    return Denials(Counter("denials", "Denials", ["reason"], registry=None), clock)


def deny(told, address="192.0.2.1"):
    told.tell("unauthorized", reason="key", address=address, path="/" + "x" * 500, actor="ada")


def test_the_next_line_says_how_many_were_left_out(told, clock):
    with capture_logs() as lines:
        deny(told)
        clock.now += 0.5
        deny(told)
        deny(told)
        deny(told, "192.0.2.2")
        clock.now += 0.6
        deny(told)
        clock.now += 5
        deny(told)
    assert [(line["remote"][-1], line.get("left_out")) for line in lines] == [
        ("1", None), ("2", None), ("1", 2), ("1", None),
    ]  # fmt: skip
    assert all(len(line["path"]) == 200 and line["actor"] == "ada" for line in lines)


def test_all_are_counted(told):
    with capture_logs():
        for _ in range(7):
            deny(told)
    assert told._counter.labels("key")._value.get() == 7


def test_who_was_silent_for_longest_is_forgotten_first(told, monkeypatch):
    monkeypatch.setattr(denials, "MOST_ADDRESSES", 2)
    with capture_logs() as lines:
        for last in "12131":
            deny(told, f"192.0.2.{last}")
    assert [line["remote"][-1] for line in lines] == ["1", "2", "3"]
    assert len(told._addresses) == 2
