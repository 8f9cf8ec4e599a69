"""``promptcast fill``: what an admin's journal lacks of a log that was trimmed, from any copy of it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli import output
from services.cli.errors import FAILED
from services.cli.mend import AsJson, Log
from services.cli.session import with_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.cli.client import AdminClient


def fill(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="What 'promptcast backup' or 'promptcast export' wrote; '-' is standard input.",
        ),
    ],
    log: Log = "log",
    json: AsJson = False,
) -> None:
    """Give one admin's journal the events that were trimmed before it had them.

    An admin that begins with an empty STATE_DIR, or was away when the log was trimmed, does not have
    the log's past: 'promptcast fork show' says what its journal lacks. PROMPTCAST_URL must be that
    admin itself, and no load balancer before several. What is there already is passed over. The rest
    must follow, by its hashes, upon what is there: a copy of another log, or one that was changed,
    changes nothing. Exit status 1 also while something is missing still. The key needs the role admin.

    Examples:

        promptcast fill /var/backups/promptcast

        promptcast fill log.jsonl.zst
    """
    from services.cli.restoring import lines_of_log

    pieces = lines_of_log(source, log)
    done = with_client(lambda client: _sent(client, log, pieces))
    if json:
        output.as_json(done)
    else:
        _tell(log, done)
    if done["lacks"]:
        raise typer.Exit(FAILED)


def _tell(log: str, done: dict[str, Any]) -> None:
    went = f"{log}: {done['events']} events went into the journal"
    if not done["lacks"]:
        output.line(f"{went}, and nothing is missing there")
        return
    output.line(f"{went}, and it is not whole yet", "yellow")
    for hole in done["lacks"]:
        output.line(f"  it lacks {hole['first']} to {hole['last']}: promptcast fill once more")


async def _sent(client: "AdminClient", log: str, pieces: "Iterator[bytes]") -> dict[str, Any]:
    done: dict[str, Any] = await client.upload("/api/v1/logs/fill", {"log": log}, pieces)
    return done
