import json

import pytest

from services.dev.errors import DevError
from services.dev.ready import Addresses, ReadyFile, Replica

ADDRESSES = Addresses(
    chat="http://127.0.0.1:8080",
    admin="http://127.0.0.1:8081",
    replicas=[Replica("chat-1", "http://127.0.0.1:20001")],
    redis="unix:///tmp/server.sock",
    admin_key="k" * 32,
)


def test_it_says_what_the_contract_says(tmp_path):
    file = tmp_path / "ready.json"
    ReadyFile(file, ADDRESSES).write({"redis": 10, "admin": 11, "chat-1": 12})
    assert json.loads(file.read_text()) == {
        "chat": "http://127.0.0.1:8080",
        "admin": "http://127.0.0.1:8081",
        "replicas": [{"id": "chat-1", "url": "http://127.0.0.1:20001", "pid": 12}],
        "redis": "unix:///tmp/server.sock",
        "admin_key": "k" * 32,
        "pids": {"redis": 10, "admin": 11, "chat-1": 12},
    }
    assert file.stat().st_mode & 0o777 == 0o600


def test_with_a_server_of_ones_own_there_is_no_pid_of_redis(tmp_path):
    file = tmp_path / "ready.json"
    ReadyFile(file, ADDRESSES).write({"admin": 11, "chat-1": 12})
    assert json.loads(file.read_text())["pids"]["redis"] is None


def test_a_file_of_an_earlier_run_is_removed_at_the_start(tmp_path):
    file = tmp_path / "ready.json"
    file.write_text("{}")
    ReadyFile(file, ADDRESSES)
    assert not file.exists()


def test_it_is_removed_at_the_end_even_if_it_was_never_written(tmp_path):
    ready = ReadyFile(tmp_path / "ready.json", ADDRESSES)
    ready.remove()
    ready.write({})
    ready.remove()
    assert not list(tmp_path.iterdir())


def test_nobody_has_to_ask_for_one():
    ready = ReadyFile(None, ADDRESSES)
    ready.write({})
    ready.remove()


def test_a_place_that_cannot_be_written_is_one_line_before_anything_starts(tmp_path):
    with pytest.raises(DevError, match=r"cannot write .*ready\.json: there is no directory"):
        ReadyFile(tmp_path / "absent" / "ready.json", ADDRESSES)


def test_a_place_that_can_no_longer_be_written_is_one_line(tmp_path):
    (tmp_path / "there").mkdir()
    ready = ReadyFile(tmp_path / "there" / "ready.json", ADDRESSES)
    (tmp_path / "there").rmdir()
    with pytest.raises(DevError, match=r"cannot write .*ready\.json"):
        ready.write({})
