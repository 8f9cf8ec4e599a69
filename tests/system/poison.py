"""Poison: what somebody may write straight into the stream, and the reason to expect for it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from events.envelope import digest
from tests.system.hand import Hand, saved

PROMPT = "poisoned"
TEN_MEGABYTES = 10 * 1024 * 1024


def bad_json(hand: Hand) -> int:
    """Half of an object."""
    return hand.poison(b'{"specversion": "1.0", ')


def wrong_hash(hand: Hand) -> int:
    """A good event with another's hash."""
    return hand.poison(_good(hand), hash=digest(b"something else"))


def missing_fields(hand: Hand) -> int:
    """A good event without its hash."""
    return hand.put({"event": _good(hand)})


def no_fields_of_ours(hand: Hand) -> int:
    """An entry of somebody who took the log for a stream of his own."""
    return hand.put({"user": "1", "action": "login"})


def foreign_type(hand: Hand) -> int:
    """An intact CloudEvent of another kind."""
    return hand.poison(_changed(hand, type="com.example.order.placed"))


def ten_megabytes(hand: Hand) -> int:
    """Far more than any event may have."""
    padding = {"padding": "x" * TEN_MEGABYTES}
    return hand.poison(_changed(hand, **padding))


def invalid_template(hand: Hand) -> int:
    """A save, in good order but for its template."""
    data = {"prompt": PROMPT, "branch": "main", "version": 99, "template": "You are {{ 7*7 }}."}
    return hand.poison(_changed(hand, data=data))


POISON: Mapping[Callable[[Hand], int], str] = {
    bad_json: "bad_json",
    wrong_hash: "wrong_hash",
    missing_fields: "missing_fields",
    no_fields_of_ours: "missing_fields",
    foreign_type: "unknown_type",
    ten_megabytes: "too_large",
    invalid_template: "invalid",
}


def newer_type(hand: Hand) -> int:
    """No poison, but an event of a Promptcast to come: intact, well chained, of our own kind."""
    return hand.poison(_changed(hand, type="promptcast.PromptPolished.v1"))


def _good(hand: Hand) -> bytes:
    return hand.draft(saved(PROMPT, 99, "You are poison.")).event


def _changed(hand: Hand, **fields: Any) -> bytes:
    return json.dumps({**json.loads(_good(hand)), **fields}).encode()
