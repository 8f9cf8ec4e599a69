"""The embedded server: a real one, started as ``promptcast dev`` starts it."""

import asyncio
import os
import tempfile
from pathlib import Path

import pytest

from services.dev import server
from services.dev.datadir import DataDir, opened
from services.dev.errors import DevError, StartFailed
from services.dev.probe import pings


async def ask(socket: Path, *words: str) -> bytes:
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(b"*%d\r\n" % len(words))
    for word in words:
        writer.write(b"$%d\r\n%b\r\n" % (len(word.encode()), word.encode()))
    answer = await asyncio.wait_for(reader.read(65536), 5)
    writer.close()
    return answer


async def started(supervise, data: DataDir):
    socket = server.socket_path(data.path)
    supervisor = supervise([])
    supervisor.start([[server.program(data, socket)]])
    await supervisor.until_ready()
    return supervisor, socket


async def test_it_answers_on_its_socket_and_nowhere_else(supervise, tmp_path):
    with opened(tmp_path) as data:
        _, socket = await started(supervise, data)
        assert await pings(socket)()
        assert b"\r\n0\r\n" in await ask(socket, "CONFIG", "GET", "port")
        assert socket.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("appendonly", "yes"),
        ("appendfsync", "always"),
        ("aof-load-truncated", "no"),
        ("maxmemory-policy", "noeviction"),
        ("save", ""),
    ],
)
async def test_it_is_set_to_lose_nothing(supervise, tmp_path, name, value):
    with opened(tmp_path) as data:
        _, socket = await started(supervise, data)
        assert (await ask(socket, "CONFIG", "GET", name)).endswith(f"\r\n{value}\r\n".encode())


async def test_what_was_written_is_there_after_the_next_start(supervise, tmp_path):
    with opened(tmp_path) as data:
        supervisor, socket = await started(supervise, data)
        await ask(socket, "XADD", "log", "1-0", "event", "kept")
        await supervisor.stop(asyncio.Event())
        assert not socket.exists()
        _, socket = await started(supervise, data)
        assert b"kept" in await ask(socket, "XRANGE", "log", "-", "+")


async def test_a_damaged_history_is_refused_with_the_servers_own_words(supervise, tmp_path):
    with opened(tmp_path) as data:
        supervisor, socket = await started(supervise, data)
        await ask(socket, "XADD", "log", "1-0", "event", "kept")
        await supervisor.stop(asyncio.Event())
        (history,) = tmp_path.glob("appendonlydir/*.incr.aof")
        with history.open("r+b") as file:
            file.truncate(history.stat().st_size - 3)
        with pytest.raises(StartFailed, match=r"redis does not start: .*redis\.log"):
            await started(supervise, data)
        assert "Unexpected end of file" in (tmp_path / "logs" / "redis.log").read_text()


async def test_names_that_need_quoting_are_no_obstacle(supervise, tmp_path):
    awkward = tmp_path / 'a "b" \\ ü'
    with opened(awkward) as data:
        _, socket = await started(supervise, data)
        assert socket.parent == awkward
        assert await pings(socket)()


async def test_a_name_too_long_for_a_socket_gets_a_short_private_directory(
    supervise, tmp_path, monkeypatch
):
    with tempfile.TemporaryDirectory(prefix="pc-") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        with opened(tmp_path / ("long" * 25)) as data:
            _, socket = await started(supervise, data)
            assert socket.parent.parent == Path(short)
            assert socket.parent.stat().st_mode & 0o777 == 0o700
            assert len(os.fsencode(socket)) <= 100
            assert server.socket_path(data.path) == socket  # the same for every start


def test_a_temporary_directory_that_is_too_long_as_well_is_named(tmp_path, monkeypatch):
    long = tmp_path / ("long" * 25)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with pytest.raises(DevError, match="set TMPDIR to a shorter directory"):
        server.socket_path(long)


def test_a_directory_that_others_can_enter_is_not_trusted_with_the_socket(tmp_path, monkeypatch):
    with tempfile.TemporaryDirectory(prefix="pc-") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        long = tmp_path / ("long" * 25)
        server.socket_path(long).parent.chmod(0o755)
        with pytest.raises(DevError, match="is not a private directory of yours"):
            server.socket_path(long)


def test_a_url_names_the_socket_whatever_its_path():
    assert server.url(Path("/a b/s.sock")) == "unix:///a%20b/s.sock"
