"""The list of commands.

Modules of commands import only typer and light parts of this package; aiohttp, rich and the
services are imported by the function that needs them, so that ``--help`` and errors come at once.
"""

from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from services.cli import (
    acl,
    administer,
    audit,
    backup,
    changes,
    develop,
    export,
    fill,
    fleet,
    importing,
    looking,
    mend,
    output,
    serve,
    trim,
)
from services.cli.errors import CONVERGED, FAILED, CliError

_HELP = """Save and restore a chatbot's system prompt, and watch it arrive on every replica.

The edit API is at PROMPTCAST_URL (default http://127.0.0.1:8081); PROMPTCAST_API_KEY is the key.
"""
_PANELS = {
    "Change prompts": (changes.save, changes.restore, changes.archive),
    "Look at prompts": (looking.show, looking.history, looking.diff, looking.validate),
    "Look at the fleet and the log": (fleet.status, fleet.watch, audit.verify),
    "Keep copies of the log": (backup.backup, export.export, importing.import_, trim.trim),
    "Mend a log": (mend.fork, mend.repair, fill.fill),
    "Run services": (develop.dev, administer.admin, serve.chat, acl.acl),
}


def build() -> typer.Typer:
    """The application with all of its commands."""
    app = typer.Typer(
        add_completion=False,
        help=_HELP,
        no_args_is_help=True,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_common)
    for panel, commands in _PANELS.items():
        for command in commands:
            name = command.__name__.rstrip("_")  # some are words of the language
            app.command(name, rich_help_panel=panel)(command)
    return app


def carry_out(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status; a wrong one is a :class:`CliError`."""
    command = get_command(build())
    try:
        ended = command(list(arguments), prog_name="promptcast", standalone_mode=False)
    except typer.Abort:
        return FAILED
    except typer.TyperException as error:
        return _misused(error)
    return ended if isinstance(ended, int) else CONVERGED


def _misused(error: typer.TyperException) -> int:
    """A wrong command line: what is wrong, and where help is. Plain help when nothing was asked."""
    if type(error).__name__ == "NoArgsIsHelpError":
        output.raw(error.format_message() + "\n")
        return FAILED
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "promptcast"
    raise CliError(f"{error.format_message()} ('{path} --help' helps)") from error


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            number = version("promptcast")
        except PackageNotFoundError:
            number = "(not installed)"
        output.raw(f"promptcast {number}\n")
        raise typer.Exit


def _common(
    _version_wanted: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Options of every command; the callback of each does the work."""
