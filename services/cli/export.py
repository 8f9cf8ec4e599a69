"""``promptcast export``: the whole log as lines, each with its hash: a backup that anybody can check."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import output
from services.cli.audit import PAGE, PATHS, SHOWN
from services.cli.errors import FAILED, CliError
from services.cli.mend import Log
from services.cli.session import with_client

if TYPE_CHECKING:
    from services.cli.auditing import Audit
    from services.cli.client import AdminClient


def export(
    log: Log = "log",
    after: Annotated[
        int,
        typer.Option(
            "--after", min=0, help="Go on behind this position, as after an interruption."
        ),
    ] = 0,
) -> None:
    """Write the log to standard output, one event a line, and check its hash chain meanwhile.

    The lines are those of 'promptcast import', and of 'promptcast verify FILE'. Exit status 1 when
    something is wrong with the log; all of it is written all the same.

    Examples:

        promptcast export > backup.jsonl

        promptcast export --after 4711 >> backup.jsonl
    """
    audit = with_client(lambda client: _export(client, log, after))
    for finding in audit.findings[:SHOWN]:
        output.note(f"position {finding.position}: {finding.reason}: {finding.detail}")
    if len(audit.findings) > SHOWN:
        output.note(f"… and {len(audit.findings) - SHOWN} more")
    through = f" through position {audit.position}" if audit.verifier.events else ""
    output.note(f"{audit.verifier.events} events written{through}")
    if audit.broken:
        raise typer.Exit(FAILED)


async def _export(client: "AdminClient", log: str, after: int) -> "Audit":
    from events.lines import checked
    from services.cli.auditing import Audit, keys_of
    from services.cli.log_entries import entry_of, lines, next_cursor

    audit = Audit(keys_of())
    cursor: int | None = after
    while cursor is not None:
        try:
            page = await client.fetch("GET", PATHS[log], {"cursor": cursor, "limit": PAGE})
        except CliError as error:
            if audit.verifier.events:
                output.note(f"go on with 'promptcast export --after {audit.position}'")
            raise error from None
        for line in lines(page):
            entry = entry_of(line)
            if entry.position == after + 1:
                audit.begins_with(entry)
            audit.take(entry)
            sys.stdout.buffer.write(checked(line) + b"\n")
        sys.stdout.buffer.flush()
        cursor = next_cursor(page)
    return audit
