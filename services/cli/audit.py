"""``promptcast verify``: the hash chain of the whole log, walked from the first event to the last."""

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli import output
from services.cli.errors import FAILED, CliError
from services.cli.session import with_client

if TYPE_CHECKING:
    from events.chain import Entry
    from events.signing import KeyRing
    from events.verify import Finding, Verifier
    from services.cli.client import AdminClient

_PAGE = 500
_SHOWN = 100


def verify(
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check the hash chain of the whole log: any edit, loss or insertion is found.

    Signatures are checked too when PROMPTCAST_SIGNING_KEYS holds the keys. Exit status 1 when
    something is wrong.

    Example:

        promptcast verify
    """
    audit = with_client(_walk)
    if json:
        output.as_json(audit.told())
    else:
        _tell(audit)
    if audit.findings:
        raise typer.Exit(FAILED)


@dataclass(slots=True)
class Audit:
    """What the walk has found. ``unchecked`` counts signatures for which there was no key."""

    verifier: "Verifier"
    unchecked: int = 0

    @property
    def findings(self) -> "list[Finding]":
        """Everything that is wrong, in the order of the log."""
        return self.verifier.findings

    def take(self, entry: "Entry", *, check_signature: bool) -> None:
        """Check the next entry; without keys as if it were unsigned, and count that."""
        if entry.sig and not check_signature:
            self.unchecked += 1
            entry = entry._replace(sig="", kid="")
        self.verifier.feed(entry)

    def ends_at(self, seen: int) -> None:
        """The admin service has seen the log at this position: it may be longer now, not shorter."""
        from events.verify import Finding

        here = self.verifier.chain.head.position
        if here < seen:
            lost = f"it ends here, and the admin service has seen position {seen}"
            self.findings.append(Finding(here, "wrong_head", lost))

    def told(self) -> dict[str, Any]:
        """The result for programs."""
        head = self.verifier.chain.head
        return {
            "events": self.verifier.events,
            "position": head.position,
            "hash": head.digest,
            "signatures_unchecked": self.unchecked,
            "findings": [asdict(finding) for finding in self.findings],
        }


def _tell(audit: Audit) -> None:
    head, findings = audit.verifier.chain.head, audit.findings
    for finding in findings[:_SHOWN]:
        output.line(f"position {finding.position}: {finding.reason}: {finding.detail}", "red")
    if len(findings) > _SHOWN:
        output.line(f"… and {len(findings) - _SHOWN} more", "red")
    found = f"{len(findings)} findings" if findings else "the chain is whole"
    output.line(f"{audit.verifier.events} events: {found}", "red" if findings else "green")
    output.line(f"head: position {head.position}, hash {head.digest}")
    if audit.unchecked:
        output.note(
            f"{audit.unchecked} signatures were not checked: PROMPTCAST_SIGNING_KEYS is not set"
        )


async def _walk(client: "AdminClient") -> "Audit":
    """Feed the whole log to a verifier, page by page."""
    from events.verify import Verifier
    from services.cli.log_entries import entries, next_cursor

    keys = _keys()
    audit = Audit(Verifier(keys) if keys else Verifier())
    seen = (await client.get("/api/v1/fleet"))["head"]
    cursor: int | None = 0
    while cursor is not None:
        page = await client.fetch("GET", "/api/v1/events", {"cursor": cursor, "limit": _PAGE})
        for entry in entries(page):
            audit.take(entry, check_signature=bool(keys))
        cursor = next_cursor(page)
    audit.ends_at(seen)
    return audit


def _keys() -> "KeyRing | None":
    from services.signing_keys import parse_signing_keys

    text = os.environ.get("PROMPTCAST_SIGNING_KEYS", "").strip()
    try:
        return parse_signing_keys(text) if text else None
    except ValueError as error:
        raise CliError(f"PROMPTCAST_SIGNING_KEYS: {error}") from None
