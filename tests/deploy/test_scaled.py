"""The scaler of times, which lets a test run the committed rules in seconds."""

import pytest

from tests.deploy.rule_files import RULES, load
from tests.deploy.scaled import expression, scaled, seconds


@pytest.mark.parametrize(
    ("written", "meant"), [("30s", 30), ("1h30m", 5400), ("250ms", 0.25), ("3d", 259200)]
)
def test_durations_are_read_as_prometheus_writes_them(written, meant):
    assert seconds(written) == meant


def test_what_is_no_duration_is_refused():
    with pytest.raises(ValueError, match="'5 min'"):
        seconds("5 min")


def test_ranges_and_offsets_are_scaled_and_nothing_else():
    expr = 'rate(a{le="5m"}[5m]) > 300 unless b offset 15m and max_over_time(c[1h:1m]) > 0.5'
    assert expression(expr, 0.1, 1.0) == (
        'rate(a{le="5m"}[30000ms]) > 300 unless b offset 90000ms'
        " and max_over_time(c[360000ms:6000ms]) > 0.5"
    )


def test_nothing_becomes_shorter_than_can_be_seen():
    assert expression("rate(a[1m])", 0.001, 1.0) == "rate(a[4000ms])"


def test_a_file_of_rules_keeps_all_but_its_times():
    for path in RULES.glob("*.yml"):
        before = load(path)
        after = scaled(before, 0.1)
        assert scaled(before, 1.0) == scaled(load(path), 1.0), "it is a copy that is changed"
        for old, new in zip(before["groups"], after["groups"], strict=True):
            for was, now in zip(old["rules"], new["rules"], strict=True):
                assert was.keys() == now.keys()
                assert {key for key in was if was[key] != now[key]} <= {"expr", "for"}
                if "for" in was:
                    assert seconds(now["for"]) == max(1.0, seconds(was["for"]) / 10)
