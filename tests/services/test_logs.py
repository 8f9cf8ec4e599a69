import io
import json
import logging
from datetime import UTC, datetime

import pytest
import structlog
from pydantic import SecretStr

from services.logs import HIDDEN, QUIET, configure


@pytest.fixture(autouse=True)
def logging_as_it_was():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.NOTSET)


def written(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def lines():
    stream = io.StringIO()
    configure("info", "json", stream)
    return lambda: written(stream)


def test_an_event_is_one_json_object_with_its_values_level_logger_and_utc_time(lines):
    structlog.get_logger("services.chat").info("prompt_reloaded", prompt="system", version=42)
    (line,) = lines()
    assert line["event"] == "prompt_reloaded"
    assert (line["prompt"], line["version"]) == ("system", 42)
    assert (line["level"], line["logger"]) == ("info", "services.chat")
    at = datetime.fromisoformat(line["timestamp"])
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60


def test_what_is_bound_is_in_every_line(lines):
    log = structlog.get_logger().bind(replica="chat-1")
    log.info("claimed")
    log.warning("stale")
    assert [line["replica"] for line in lines()] == ["chat-1", "chat-1"]


def test_a_library_s_lines_have_the_same_shape(lines):
    logging.getLogger("aiohttp.server").warning("slow %s", "client")
    (line,) = lines()
    assert line["event"] == "slow client"
    assert (line["logger"], line["level"]) == ("aiohttp.server", "warning")
    assert "timestamp" in line


def test_less_than_the_level_is_not_written(lines):
    structlog.get_logger().debug("detail")
    logging.getLogger("asyncio").debug("detail")
    assert lines() == []


def test_libraries_that_log_requests_stay_quiet_even_when_debugging():
    stream = io.StringIO()
    configure("debug", "json", stream)
    for name in QUIET:
        logging.getLogger(f"{name}.part").debug("the whole prompt")
        logging.getLogger(name).info("GET /")
    logging.getLogger("other").debug("seen")
    assert [line["event"] for line in written(stream)] == ["seen"]


@pytest.mark.parametrize("name", sorted(HIDDEN))
def test_a_value_under_the_name_of_a_secret_is_hidden(name, lines):
    structlog.get_logger().info("event", **{name: "s3cret"})
    (line,) = lines()
    assert line[name] == "[hidden]"


def test_a_wrapped_secret_is_hidden_under_any_name(lines):
    structlog.get_logger().info("event", other=SecretStr("s3cret"))
    assert "s3cret" not in json.dumps(lines())


def test_a_line_break_in_a_value_does_not_make_a_second_line(lines):
    structlog.get_logger().info("event", note='a\n{"event": "forged"}')
    assert len(lines()) == 1


def fail():
    hidden_local = "s3cret"
    raise ValueError(f"has {len(hidden_local)} letters")


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_tells_where_but_shows_no_local_variables(style):
    stream = io.StringIO()
    configure("info", style, stream)
    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("library").exception("failed too")
    text = stream.getvalue()
    assert text.count("ValueError: has 6 letters") == 2
    assert text.count("in fail") == 2
    assert "s3cret" not in text


def test_console_lines_have_no_colours_where_there_is_no_terminal():
    stream = io.StringIO()
    configure("info", "console", stream)
    structlog.get_logger().info("prompt_reloaded", version=42)
    assert "prompt_reloaded" in stream.getvalue()
    assert "version=42" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_configuring_again_replaces_what_was_configured_also_for_loggers_made_before():
    first, second = io.StringIO(), io.StringIO()
    configure("info", "json", first)
    log = structlog.get_logger()
    log.info("one")
    configure("debug", "json", second)
    log.debug("two")
    assert [line["event"] for line in written(first)] == ["one"]
    assert [line["event"] for line in written(second)] == ["two"]
