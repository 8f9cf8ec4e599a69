from typing import Any

from services.cli.narrator import Narrator
from services.cli.server_events import ServerEvent


def told(narrator: Narrator, name: str, **data: Any) -> list[str]:
    return [text for text, _ in narrator.tell(ServerEvent(name, data))]


def saved(narrator: Narrator, version: int, position: int, **more: Any) -> list[str]:
    return told(narrator, "saved", prompt="system", version=version, position=position,
                author="ada", **more)  # fmt: skip


def test_a_save_and_its_arrivals_are_told_by_name():
    narrator = Narrator()
    assert saved(narrator, 42, 57, note="friendlier") == [
        "system v42 saved by ada at position 57: friendlier"
    ]
    assert told(narrator, "reported", replica="chat-1", position=57, lag_ms=1.4) == [
        "  chat-1 has system v42 (position 57) after 1.4 ms"
    ]


def test_a_rejection_is_told_with_its_reason_and_is_no_arrival():
    narrator = Narrator()
    rejected = [{"position": 57, "reason": "invalid", "detail": "no"}]
    assert told(narrator, "reported", replica="chat-1", position=57, rejected=rejected) == [
        "  chat-1 rejected position 57: invalid no"
    ]


def test_an_old_rejection_is_told_once():
    narrator = Narrator()
    rejected = [{"position": 57, "reason": "invalid", "detail": ""}]
    told(narrator, "reported", replica="chat-1", position=57, rejected=rejected)
    assert told(narrator, "reported", replica="chat-1", position=58, rejected=rejected) == [
        "  chat-1 has position 58"
    ]


def test_a_report_that_is_repeated_is_not_told_again():
    narrator = Narrator()
    told(narrator, "reported", replica="chat-1", position=57)
    assert told(narrator, "reported", replica="chat-1", position=57) == []


def test_the_state_at_the_beginning_is_one_line_and_what_is_known_already():
    narrator = Narrator()
    members = [
        {"id": "chat-1", "state": "current", "applied_position": 57},
        {"id": "chat-2", "state": "gone", "applied_position": 50},
    ]
    assert told(narrator, "state", fleet={"head": 57, "items": members}, prompts=[]) == [
        "head 57, 1/2 replicas are current"
    ]
    assert told(narrator, "reported", replica="chat-1", position=57) == []


def test_restored_and_archived_prompts_are_told():
    narrator = Narrator()
    change = {"prompt": "system", "position": 58, "author": "ada"}
    assert told(narrator, "restored", version=41, **change) == [
        "system v41 restored by ada at position 58"
    ]
    assert told(narrator, "archived", version=None, **change) == [
        "system archived by ada at position 58"
    ]


def test_a_replicas_state_is_told():
    assert told(Narrator(), "replica", id="chat-2", state="catching_up") == [
        "chat-2 is catching up"
    ]
    assert told(Narrator(), "replica", id="chat-2", state="left") == ["chat-2 is gone: it has left"]


def test_what_comes_in_a_later_version_is_passed_over():
    assert told(Narrator(), "labelled", prompt="system") == []
    assert list(Narrator().tell(ServerEvent("saved", None)))


def test_memory_stays_bounded():
    narrator = Narrator()
    for position in range(5000):
        saved(narrator, 1, position)
    assert len(narrator._named) == 1000
