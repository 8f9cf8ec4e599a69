"""``promptcast import``: a log from a file, hash for hash."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from services.cli import output
from services.cli.errors import CliError
from services.cli.mend import AsJson, Log
from services.cli.session import with_client

if TYPE_CHECKING:
    from services.cli.client import AdminClient


def import_(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="What 'promptcast export' wrote; '-' is standard input."
        ),
    ],
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Give up what the log holds otherwise (it is kept as a file)."
        ),
    ] = False,
    log: Log = "log",
    json: AsJson = False,
) -> None:
    """Bring a log back from a file: the same positions, the same hashes.

    The file is checked first, event by event. Without --replace nothing is ever given up: the log
    must be missing, or end somewhere in the file. With it the file's history is in force from now
    on, and no journal brings the other one back.

    Examples:

        promptcast import backup.jsonl

        promptcast import --replace yesterday.jsonl
    """
    with _opened(file) as lines:
        done = with_client(lambda client: _sent(client, lines, log, replace))
    if json:
        return output.as_json(done)
    what = "imported" if done["changed"] else "everything was there already"
    output.line(f"{done['log']}: {what}, {done['events']} events, head at {done['position']}")
    if done["file"]:
        output.line(f"what was given up is in the admin's file {done['file']}")
    return None


def _opened(file: str) -> BinaryIO:
    if file == "-":
        return sys.stdin.buffer
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise CliError(f"cannot read {file}: {error.strerror}") from error


async def _sent(client: "AdminClient", lines: BinaryIO, log: str, replace: bool) -> dict[str, Any]:
    query = {"log": log, "replace": "true" if replace else "false"}
    done: dict[str, Any] = await client.upload("/api/v1/logs/import", query, lines)
    return done
