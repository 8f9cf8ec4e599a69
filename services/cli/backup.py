"""``promptcast backup``: a directory that holds both logs, and gets what is new in each run."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import output
from services.cli.audit import SHOWN
from services.cli.errors import FAILED, CliError, ReplyLost, Unreachable
from services.cli.mend import EitherLog
from services.cli.session import with_client

if TYPE_CHECKING:
    from services.cli.backing_up import BackedUp
    from services.cli.client import AdminClient
    from services.cli.segments import LogName


def backup(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Made if it is missing, in what is there already.")
    ],
    log: EitherLog = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Add to a directory what is new in the log, and in the log of who may do what.

    Made for cron: each run adds compressed files and changes none, prints one line, and ends with 0
    when DIR holds all that the logs hold. With 1 nothing was lost and the line says what to do. What
    is new must follow by its hashes upon what is there: a log that went back, or is another one,
    overwrites nothing. 'promptcast verify DIR' checks all of it, 'promptcast import DIR' restores it.

    Passwords and API keys are not in it: their hashes are no events. The key needs the role admin,
    or viewer with '--log log'.

    Examples:

        promptcast backup /var/backups/promptcast

        promptcast backup --log log /mnt/nas/promptcast-$(date +%Y-%m)
    """
    from services.cli.backup_lock import locked

    failed: list[str] = []
    with locked(directory):
        done = with_client(lambda client: _each(client, directory, log, failed))
    if json:
        logs = [asdict(each) for each in done]
        output.as_json({"directory": str(directory), "logs": logs, "failed": failed})
    elif done:
        output.line(f"{directory}: {'; '.join(map(_told, done))}")
    for finding in [finding for each in done for finding in each.findings][:SHOWN]:
        output.note(f"position {finding.position}: {finding.reason}: {finding.detail}")
    for text in failed:
        output.note(text)
    if failed:
        raise typer.Exit(FAILED)


async def _each(
    client: "AdminClient", directory: Path, log: "LogName | None", failed: list[str]
) -> "list[BackedUp]":
    """One log after the other: what keeps one from being backed up does not keep the other."""
    from services.cli.backing_up import back_up
    from services.cli.segments import LOGS

    done = []
    for each in [log] if log else LOGS:
        try:
            done.append(await back_up(client, directory, each))
        except (Unreachable, ReplyLost):
            raise
        except CliError as error:
            failed.append(str(error))
    return done


def _told(done: "BackedUp") -> str:
    if not done.position:
        return f"{done.log} holds no event yet"
    new = f"{done.new} new events" if done.new else "nothing new"
    return f"{done.log} {new} through position {done.position}"
