"""Auditing: entries, wherever they come from, through the one verifier."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from events.chain import Entry
from events.envelope import rfc3339
from events.errors import PromptcastError
from events.signing import KeyRing
from events.verify import Finding, Verifier
from services.cli.errors import CliError

MOST_FINDINGS = 10_000
"""That are kept: nobody reads more, and a small file can unpack to any number of wrong lines."""


@dataclass(slots=True)
class Audit:
    """What a walk has found. ``name`` is where the entries came from, empty for the log itself;
    ``unchecked`` counts signatures for which there was no key."""

    keys: KeyRing | None
    name: str = ""
    first: int = 1
    """The position of the first entry."""
    segments: int = 0
    """How many files of a backup it is."""
    at: int = 0
    """Of the last entry: server time in µs."""
    unchecked: int = 0
    wrong: bool = False
    """Whether an entry was taken with which something is wrong, even if it is not kept what."""
    fault: Finding | None = None
    """The first thing, by position, for which no import would take this copy of a log."""
    verifier: Verifier = field(init=False)

    def __post_init__(self) -> None:
        self.verifier = Verifier(self.keys) if self.keys else Verifier()

    @property
    def findings(self) -> list[Finding]:
        """Everything that was found, remarks too, in the order of the log."""
        return self.verifier.findings

    @property
    def broken(self) -> bool:
        """Whether something is wrong beyond remarks."""
        return self.wrong or any(not finding.is_remark for finding in self.findings)

    @property
    def position(self) -> int:
        """The last position that was taken; 0 when none was."""
        return self.verifier.chain.head.position

    @property
    def time(self) -> str:
        """When the last entry was appended, by the server's clock; RFC 3339."""
        return rfc3339(self.at)

    def begins_with(self, entry: Entry) -> None:
        """It is a piece of a log, of which this is the first entry."""
        self.first = entry.position
        self.verifier.begins_with(self._as_checked(entry))

    def take(self, entry: Entry) -> Sequence[Finding]:
        """Check the next entry; without keys as if it were unsigned, and count that. What was found."""
        self.unchecked += entry.sig != "" and self.keys is None
        self.at, known = entry.at, len(self.findings)
        self.verifier.feed(self._as_checked(entry))
        found = self.findings[known:]
        self.wrong |= any(not each.is_remark for each in found)
        self._note_faults(each for each in found if each.is_break)
        del self.findings[MOST_FINDINGS:]
        return found

    def _as_checked(self, entry: Entry) -> Entry:
        return entry if self.keys else entry._replace(sig="", kid="")

    def damaged(self, error: PromptcastError, reason: str = "bad_line") -> None:
        """There is a line that is no entry; or a whole file that can be read no further."""
        self.spoilt([Finding(self.position + 1, reason, str(error))])

    def spoilt(self, found: Iterable[Finding]) -> None:
        """What holds the entries is not as it should be."""
        for each in found:
            self._note_faults([each])
            if len(self.findings) < MOST_FINDINGS:
                self.findings.append(each)

    def _note_faults(self, found: Iterable[Finding]) -> None:
        for each in found:
            if self.fault is None or each.position < self.fault.position:
                self.fault = each

    def ends_at(self, seen: int) -> None:
        """The admin service has seen the log at this position: it may be longer now, not shorter."""
        if self.position < seen:
            lost = f"it ends here, and the admin service has seen position {seen}"
            self.findings.append(Finding(self.position, "wrong_head", lost))

    def told(self) -> dict[str, Any]:
        """The result for programs."""
        head = self.verifier.chain.head
        of_a_file = {"file": self.name, "first": self.first} if self.name else {}
        of_a_backup = {"segments": self.segments, "at": self.time} if self.segments else {}
        return (
            of_a_file
            | of_a_backup
            | {
                "events": self.verifier.events,
                "position": head.position,
                "hash": head.digest,
                "signatures_unchecked": self.unchecked,
                "findings": [asdict(each) | {"remark": each.is_remark} for each in self.findings],
            }
        )


def keys_of() -> KeyRing | None:
    """The keys that the environment holds; None when it holds none."""
    from services.signing_keys import parse_signing_keys

    text = os.environ.get("PROMPTCAST_SIGNING_KEYS", "").strip()
    try:
        return parse_signing_keys(text) if text else None
    except ValueError as error:
        raise CliError(f"PROMPTCAST_SIGNING_KEYS: {error}") from None
