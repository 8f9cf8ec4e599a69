"""``promptcast verify``: the hash chain of a whole log, or of any copy of one or of a piece of it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli import output
from services.cli.errors import FAILED
from services.cli.mend import Log
from services.cli.session import with_client

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.verify import Finding
    from services.cli.auditing import Audit
    from services.cli.client import AdminClient

PAGE = 500
SHOWN = 100
PATHS = {"log": "/api/v1/events", "access": "/api/v1/access"}


def verify(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="Exports, backups, journals (both are directories), tails or fork files, instead of"
            " the log; '-' is standard input.",
        ),
    ] = None,
    log: Log = "log",
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check the hash chain of the whole log: any edit, loss or insertion is found.

    Signatures are checked too when PROMPTCAST_SIGNING_KEYS holds the keys. Exit status 1 when
    something is wrong; that the server's clock went back is told, and no fault. A file may begin
    in the midst of a log; it is said from which position on. A backup must not: all of both its
    logs is walked, from position 1 on.

    Examples:

        promptcast verify

        promptcast verify /var/backups/promptcast

        promptcast verify export.jsonl.zst STATE_DIR/journal/log
    """
    if not files:
        audit = with_client(lambda client: _walk(client, log))
        audits = [audit]
        told: Any = audit.told()
    else:
        from services.cli.copies import audits_of

        audits = audits_of(files)
        told = [audit.told() for audit in audits]
    if json:
        output.as_json(told)
    else:
        for audit in audits:
            _tell(audit)
    if any(audit.broken for audit in audits):
        raise typer.Exit(FAILED)


def _tell(audit: "Audit") -> None:
    head, findings, wrong = audit.verifier.chain.head, audit.findings, audit.broken
    for finding in findings[:SHOWN]:
        color = "yellow" if finding.is_remark else "red"
        output.line(f"position {finding.position}: {finding.reason}: {finding.detail}", color)
    if len(findings) > SHOWN:
        output.line(f"… and {len(findings) - SHOWN} more", "red" if wrong else "yellow")
    found = f"{len(findings)}{_more(findings)} findings" if wrong else "the chain is whole"
    begins = f" from position {audit.first} on" if audit.first > 1 else ""
    name = f"{audit.name}: " if audit.name else ""
    output.line(
        f"{name}{audit.verifier.events} events{begins}: {found}", "red" if wrong else "green"
    )
    if audit.segments:
        output.line(f"{audit.segments} files, through {audit.time}")
    output.line(f"head: position {head.position}, hash {head.digest}")
    if audit.unchecked:
        output.note(
            f"{audit.unchecked} signatures were not checked: PROMPTCAST_SIGNING_KEYS is not set"
        )


def _more(findings: "Sequence[Finding]") -> str:
    from services.cli.auditing import MOST_FINDINGS

    return " or more" if len(findings) >= MOST_FINDINGS else ""


async def _walk(client: "AdminClient", log: str) -> "Audit":
    """Feed the whole log to a verifier, page by page."""
    from services.cli.auditing import Audit, keys_of
    from services.cli.log_entries import entries, next_cursor

    audit = Audit(keys_of())
    seen = (await client.get("/api/v1/fleet"))["head"] if log == "log" else 0
    cursor: int | None = 0
    while cursor is not None:
        page = await client.fetch("GET", PATHS[log], {"cursor": cursor, "limit": PAGE})
        for entry in entries(page):
            audit.take(entry)
        cursor = next_cursor(page)
    audit.ends_at(seen)
    return audit
