import json

from services.dev.terminal import Digest, short


def line(**fields: object) -> str:
    return json.dumps(fields)


def test_a_reload_is_one_short_line():
    told = short(
        line(event="prompt_reloaded", level="info", prompt="system", version=42, position=57,
             lag_ms=1.4, replica="chat-1")
    )  # fmt: skip
    assert told == ("prompt_reloaded", "system v42 is live (position 57, 1.4 ms)", "good")


def test_an_archived_prompt_is_told_as_such():
    told = short(line(event="prompt_reloaded", prompt="system", version=None, position=5))
    assert told == ("prompt_reloaded", "system is archived (position 5)", "good")


def test_what_is_merely_informative_is_not_shown():
    assert short(line(event="request_done", level="info")) is None


def test_a_warning_is_shown_with_its_values():
    told = short(line(event="log_lost", level="warning", timestamp="…", attempt=3))
    assert told == ("log_lost", "warning: log_lost attempt=3", "warning")


def test_a_line_that_is_no_json_is_shown_as_it_is():
    assert short("promptcast: PROMPTCAST_PORT must be a port number") == (
        "promptcast: PROMPTCAST_PORT must be a po",
        "promptcast: PROMPTCAST_PORT must be a port number",
        "warning",
    )


def test_what_is_shown_holds_no_control_characters():
    _, text, _ = short(line(event="log_lost", level="error", detail="\x1b[2J\r\nx"))  # type: ignore[misc]
    assert text.isprintable()


def test_the_same_warning_again_and_again_is_shown_once_a_second(screen):
    digest = Digest("chat-1", screen)
    for attempt in range(100):
        digest(line(event="log_lost", level="warning", attempt=attempt))
    digest(line(event="something_else", level="warning"))
    assert [shown.split("warning: ")[1] for shown in screen.lines] == [
        "log_lost attempt=0",
        "something_else",
    ]


def test_reloads_are_all_shown(screen):
    digest = Digest("chat-1", screen)
    for version in (41, 42, 43):
        digest(line(event="prompt_reloaded", prompt="system", version=version, position=version))
    assert len(screen.lines) == 3
