"""``promptcast trim``: the oldest events of the prompts' log go from the server; a directory has them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli import output
from services.cli.audit import SHOWN
from services.cli.errors import CliError
from services.cli.mend import SECONDS
from services.cli.session import with_client

if TYPE_CHECKING:
    from events.chain import Head
    from services.cli.client import AdminClient

KEPT = 10_000
LEAST_KEPT = 100
"""The edit API refuses less."""
LEAST_TRIMMED = 10
"""Fewer it lets stay."""


def trim(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The directory that 'promptcast backup' fills.")
    ],
    keep: Annotated[
        int, typer.Option("--keep", min=LEAST_KEPT, help="How many events stay on the server.")
    ] = KEPT,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Let the oldest events of the prompts' log go from the server, which holds all in memory.

    First DIR gets what is new in the log, as by 'promptcast backup', and all that it holds of the log
    is checked: if anything is wrong there, nothing goes. What a replica or another admin has not read
    yet stays, too. The log is whole as before: history, old versions, export and backup read what
    went from the admin's journal (PROMPTCAST_STATE_DIR), which must hold all of it. Keep DIR: without
    a journal it is all that there is of the past.

    Status 0 also where there was nothing to trim. The key needs the role admin.

    Examples:

        promptcast trim /var/backups/promptcast

        promptcast trim --keep 1000 /var/backups/promptcast
    """
    from services.cli.backup_lock import locked

    with locked(directory):
        last = _archived(directory)
        done = with_client(lambda client: _trimmed(client, keep, last)) if last.position else None
    if json:
        archived = _named(last) if last.position else None
        output.as_json({"directory": str(directory), "archived": archived, "trimmed": done})
    else:
        output.line(_told(done, keep, directory, last.position))


def _archived(directory: Path) -> "Head":
    """Back up into ``directory``; the last event of the log that it holds, of which all was checked."""
    from events.chain import GENESIS
    from services.cli.backing_up import back_up
    from services.cli.copies import audit_of
    from services.cli.segments import segments_in

    added = with_client(lambda client: back_up(client, directory, "log"))
    for finding in added.findings[:SHOWN]:
        output.note(f"position {finding.position}: {finding.reason}: {finding.detail}")
    segments = segments_in(directory)["log"]
    if not segments:
        return GENESIS
    audit = audit_of(directory, segments)
    if wrong := audit.fault:
        detail = f"position {wrong.position}: {wrong.reason}: {wrong.detail}"
        raise CliError(f"{directory}: {detail}: nothing was trimmed")
    return audit.verifier.chain.head


async def _trimmed(client: "AdminClient", keep: int, last: "Head") -> dict[str, Any]:
    body, path = {"keep": keep, "archived": _named(last)}, "/api/v1/logs/trim"
    done: dict[str, Any] = await client.call("POST", path, body=body, waits=SECONDS)
    return done


def _named(last: "Head") -> dict[str, Any]:
    return {"position": last.position, "hash": last.digest}


def _told(done: dict[str, Any] | None, keep: int, directory: Path, position: int) -> str:
    if done is None:
        return "nothing to trim: the log holds no event yet"
    through, events, stay = done["through"], done["events"], done["head"] - done["through"]
    if events:
        went = f"{events} events went from the server, {stay} stay"
        held = f"{directory} holds all of it through position {position}"
        return f"log trimmed through {through}: {went}; {held}"
    if stay < keep + LEAST_TRIMMED:
        return f"nothing to trim: {stay} events are on the server, and {keep} stay there (--keep)"
    return (
        f"nothing to trim: {stay} events are on the server, but a replica or another admin is no"
        f" further than position {through + 1} ('promptcast status')"
    )
