"""Auditing: entries, wherever they come from, through the one verifier."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from events.chain import Entry
from events.errors import BadLine
from events.lines import from_line
from events.signing import KeyRing
from events.verify import Finding, Verifier
from services.cli.errors import CliError


@dataclass(slots=True)
class Audit:
    """What a walk has found. ``name`` is where the entries came from, empty for the log itself;
    ``unchecked`` counts signatures for which there was no key."""

    keys: KeyRing | None
    name: str = ""
    first: int = 1
    """The position of the first entry."""
    unchecked: int = 0
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
        return any(not finding.is_remark for finding in self.findings)

    @property
    def position(self) -> int:
        """The last position that was taken; 0 when none was."""
        return self.verifier.chain.head.position

    def begins_with(self, entry: Entry) -> None:
        """It is a piece of a log, of which this is the first entry."""
        self.first = entry.position
        self.verifier.begins_with(self._as_checked(entry))

    def take(self, entry: Entry) -> None:
        """Check the next entry; without keys as if it were unsigned, and count that."""
        self.unchecked += entry.sig != "" and self.keys is None
        self.verifier.feed(self._as_checked(entry))

    def _as_checked(self, entry: Entry) -> Entry:
        return entry if self.keys else entry._replace(sig="", kid="")

    def damaged(self, error: BadLine) -> None:
        """There is a line that is no entry."""
        self.findings.append(Finding(self.position + 1, "bad_line", str(error)))

    def ends_at(self, seen: int) -> None:
        """The admin service has seen the log at this position: it may be longer now, not shorter."""
        if self.position < seen:
            lost = f"it ends here, and the admin service has seen position {seen}"
            self.findings.append(Finding(self.position, "wrong_head", lost))

    def told(self) -> dict[str, Any]:
        """The result for programs."""
        head = self.verifier.chain.head
        of_a_file = {"file": self.name, "first": self.first} if self.name else {}
        return of_a_file | {
            "events": self.verifier.events,
            "position": head.position,
            "hash": head.digest,
            "signatures_unchecked": self.unchecked,
            "findings": [asdict(each) | {"remark": each.is_remark} for each in self.findings],
        }


def audits_of(files: Sequence[Path]) -> list[Audit]:
    """One audit for each file, but for those that go on where the one before them ended.

    A directory is a journal: its files are one log, and what is missing between them is found.
    """
    keys, audits = keys_of(), list[Audit]()
    for file in files:
        segments = sorted(file.glob("*.jsonl")) if file.is_dir() else [file]
        if not segments:
            raise CliError(f"there is no journal in {file}")
        for number, segment in enumerate(segments):
            _read(audits, Audit(keys, str(file)), segment, is_next=number > 0)
    return audits


def _read(audits: list[Audit], fresh: Audit, file: Path, is_next: bool) -> None:
    audit = audits[-1] if is_next else None
    for line in _lines(file):
        try:
            entry = from_line(line)
        except BadLine as error:
            if audit is None:
                audit = _added(audits, fresh)
            audit.damaged(error)
            continue
        if audit is None:
            goes_on = bool(audits) and audits[-1].position == entry.position - 1 > 0
            audit = audits[-1] if goes_on else _added(audits, fresh)
        if not audit.verifier.events:
            audit.begins_with(entry)
        audit.take(entry)
    if audit is None:
        _added(audits, fresh)


def _added(audits: list[Audit], fresh: Audit) -> Audit:
    audits.append(fresh)
    return fresh


def _lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as lines:
        for line in lines:
            if text := line.rstrip(b"\r\n"):
                yield text


def keys_of() -> KeyRing | None:
    """The keys that the environment holds; None when it holds none."""
    from services.signing_keys import parse_signing_keys

    text = os.environ.get("PROMPTCAST_SIGNING_KEYS", "").strip()
    try:
        return parse_signing_keys(text) if text else None
    except ValueError as error:
        raise CliError(f"PROMPTCAST_SIGNING_KEYS: {error}") from None
