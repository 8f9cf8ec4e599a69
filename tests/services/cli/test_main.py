"""How commands end: statuses, one line for each error, and no traceback."""

import asyncio
import inspect
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import web

from services.cli import develop
from services.cli.commands import build
from services.dev import main as dev_main

ROOT = Path(__file__).parents[3]
COMMANDS = {
    "save", "restore", "archive", "show", "history", "diff", "validate",
    "status", "watch", "verify", "trim", "fill", "dev", "admin", "chat",
}  # fmt: skip


def spawn(
    *arguments: str, code: str = "", stdout: int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    """A command line in a process of its own; ``code`` replaces ``-m services.cli``."""
    start = ["-c", code] if code else ["-m", "services.cli"]
    return subprocess.Popen(
        [sys.executable, *start, *arguments],
        cwd=ROOT,
        stdout=stdout,
        stderr=subprocess.PIPE,
        preexec_fn=_heeds_ctrl_c,  # noqa: PLW1509  no thread of ours is at work here
    )


def _heeds_ctrl_c() -> None:
    """Who is started in the background of a shell inherits that Ctrl-C is to be ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def ended(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    try:
        out, err = await asyncio.to_thread(process.communicate, timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode, (out or b"").decode(), err.decode()


async def test_all_commands_are_there(promptcast):
    done = await promptcast("--help")
    assert done.status == 0
    assert all(f" {command} " in done.out for command in COMMANDS)


@pytest.mark.parametrize("command", sorted(COMMANDS))
async def test_every_command_explains_itself(promptcast, command):
    done = await promptcast(command, "--help")
    assert done.status == 0
    assert "Usage: promptcast" in done.out
    if command not in {"admin", "chat"}:
        assert f"promptcast {command}" in done.out.replace("Usage: promptcast", "")  # an example


async def test_no_command_at_all_is_a_question_for_help(promptcast):
    done = await promptcast()
    assert done.status == 1
    assert "Usage: promptcast" in done.out
    assert done.err == ""


async def test_the_version_is_told(promptcast):
    done = await promptcast("--version")
    assert done.status == 0
    assert done.out.startswith("promptcast ")


async def test_nobody_listens_is_one_line_with_the_remedy(promptcast, monkeypatch, unused_tcp_port):
    monkeypatch.setenv("PROMPTCAST_URL", f"http://127.0.0.1:{unused_tcp_port}")
    done = await promptcast("show", "system")
    assert (done.status, len(done.err.splitlines())) == (1, 1)
    assert f"cannot reach http://127.0.0.1:{unused_tcp_port} (Connection refused)" in done.err
    assert "'promptcast dev'" in done.err


@pytest.mark.parametrize("url", ["127.0.0.1:8081", "ftp://host", "http://", "http://host:port"])
async def test_a_wrong_address_is_one_line(promptcast, monkeypatch, url):
    monkeypatch.setenv("PROMPTCAST_URL", url)
    done = await promptcast("show", "system")
    assert (done.status, done.err) == (
        1,
        f"promptcast: PROMPTCAST_URL is not an http:// or https:// address: {url}\n",
    )


@pytest.mark.parametrize(("key", "what"), [("", "is not set"), ("wrong", "was refused")])
async def test_a_missing_or_wrong_key_is_one_line(admin, promptcast, monkeypatch, key, what):
    monkeypatch.setenv("PROMPTCAST_API_KEY", key)
    done = await promptcast("show", "system")
    assert (done.status, len(done.err.splitlines())) == (1, 1)
    assert f"PROMPTCAST_API_KEY {what}" in done.err


async def test_a_key_never_shows(admin, promptcast, monkeypatch):
    monkeypatch.setenv("PROMPTCAST_API_KEY", "wrong-secret")
    done = await promptcast("show", "system")
    assert "wrong-secret" not in done.out + done.err


async def test_something_else_at_the_address_is_one_line(admin, promptcast):
    page = web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")
    admin.answers[("GET", "/api/v1/prompts/system")] = page
    done = await promptcast("show", "system")
    assert (done.status, len(done.err.splitlines())) == (1, 1)
    assert "answered 502, but not as the edit API does" in done.err


async def test_a_redirect_does_not_take_the_key_elsewhere(admin, promptcast, aiohttp_server):
    other = web.Application()
    reached: list[web.Request] = []

    async def reach(request: web.Request) -> web.Response:
        reached.append(request)
        return web.Response()

    other.router.add_get("/", reach)
    server = await aiohttp_server(other)
    there = web.Response(status=302, headers={"Location": str(server.make_url("/"))})
    admin.answers[("GET", "/api/v1/prompts/system")] = there
    assert (await promptcast("show", "system")).status == 1
    assert reached == []


async def test_an_error_of_ours_is_one_line_unless_somebody_debugs(promptcast, monkeypatch):
    def crash(*_: object) -> None:
        raise KeyError("surprise")

    monkeypatch.setattr("services.cli.looking.with_client", crash)
    done = await promptcast("show", "system")
    assert done.status == 1
    assert done.err == (
        "promptcast: internal error: KeyError: 'surprise' (PROMPTCAST_DEBUG=1 shows where)\n"
    )
    monkeypatch.setenv("PROMPTCAST_DEBUG", "1")
    with pytest.raises(KeyError):
        await promptcast("show", "system")


async def test_a_wrong_setting_is_one_line(promptcast, monkeypatch):
    monkeypatch.setenv("PROMPTCAST_PORT", "many")
    for service in ("admin", "chat"):
        done = await promptcast(service)
        assert (done.status, len(done.err.splitlines())) == (1, 1)
        assert "PROMPTCAST_PORT must be" in done.err


async def test_ctrl_c_is_quiet_and_status_130(admin):
    process = spawn("watch")
    await asyncio.wait_for(admin.watched.wait(), 20)
    process.send_signal(signal.SIGINT)
    assert await ended(process) == (130, "", "")


async def test_a_reader_that_goes_away_is_quiet(admin):
    admin.save("system", "x")
    reads, writes = os.pipe()
    os.close(reads)
    for arguments in (("history", "system"), ("show", "system", "--raw"), ("--version",)):
        status, _, err = await ended(spawn(*arguments, stdout=writes))
        assert (status, err) == (1, "")
    os.close(writes)


async def test_help_and_errors_come_without_the_heavy_imports():
    code = (
        "import sys\n"
        "from services.cli.main import run\n"
        "run(['save', 'No'])\n"
        "heavy = {'aiohttp', 'rich', 'redis', 'asyncio', 'openai', 'structlog'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    status, out, _ = await ended(spawn(code=code))
    assert (status, out) == (0, "[]\n")


async def test_raw_output_needs_no_rich(admin):
    admin.save("system", "text")
    code = (
        "import sys\n"
        "from services.cli.main import run\n"
        "run(['show', 'system', '--raw'])\n"
        "heavy = {'rich', 'redis', 'openai', 'structlog'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    status, out, _ = await ended(spawn(code=code))
    assert (status, out) == (0, "text[]\n")


def test_every_option_has_its_help():
    import typer

    command = typer.main.get_command(build())
    for name, each in command.commands.items():  # type: ignore[attr-defined]  # a group
        for parameter in each.params:
            assert parameter.name == "help" or parameter.help, f"{name}: {parameter.name}"


def test_a_plain_dev_is_the_same_with_and_without_the_parser():
    options = inspect.signature(develop.dev).parameters
    assert {name: option.default for name, option in options.items()} == {
        name: option.default for name, option in inspect.signature(dev_main.run).parameters.items()
    }
