"""``promptcast import``: a log from a file or a backup, hash for hash."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli import output
from services.cli.mend import AsJson, EitherLog
from services.cli.session import with_client

if TYPE_CHECKING:
    from services.cli.client import AdminClient
    from services.cli.segments import LogName


def import_(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="What 'promptcast export' or 'promptcast backup' wrote; '-' is standard input.",
        ),
    ],
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Give up what the log holds otherwise (it is kept as a file)."
        ),
    ] = False,
    through: Annotated[
        int | None,
        typer.Option("--through", min=1, help="Leave out what stands behind this position."),
    ] = None,
    log: EitherLog = None,
    json: AsJson = False,
) -> None:
    """Bring a log back from a file, or both from a backup: the same positions, the same hashes.

    All of it is checked first, event by event. Without --replace nothing is ever given up: the log
    must be missing, or end somewhere in the file. With it the file's history is in force from now
    on, and no journal brings the other one back. An admin service that met an empty server has
    begun a log of its own: then it takes --replace.

    Examples:

        promptcast import --replace /var/backups/promptcast

        promptcast import --replace --log log --through 4711 /var/backups/promptcast

        promptcast import log.jsonl.zst
    """
    from services.cli.restoring import lines_by_log

    done = []
    for name, pieces in lines_by_log(file, log, through):
        done.append(_import(name, pieces, replace))
        if not json:  # what is done is told, even if the other log is refused
            _tell(done[-1])
    if json:
        output.as_json(done if Path(file).is_dir() else done[0])


def _import(log: "LogName", pieces: Iterator[bytes], replace: bool) -> dict[str, Any]:
    return with_client(lambda client: _sent(client, log, pieces, replace))


def _tell(done: dict[str, Any]) -> None:
    what = "imported" if done["changed"] else "everything was there already"
    output.line(f"{done['log']}: {what}, {done['events']} events, head at {done['position']}")
    if done["file"]:
        output.line(f"what was given up is in the admin's file {done['file']}")


async def _sent(
    client: "AdminClient", log: str, pieces: Iterator[bytes], replace: bool
) -> dict[str, Any]:
    query = {"log": log, "replace": "true" if replace else "false"}
    done: dict[str, Any] = await client.upload("/api/v1/logs/import", query, pieces)
    return done
