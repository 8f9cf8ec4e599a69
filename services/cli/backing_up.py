"""Backing up: what a log holds behind what a directory of segments holds already.

Nothing that is there is ever changed: each run adds segments. One is put in its place only when it is
whole, follows by its hashes upon what was there before, and so does whatever follows upon it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from events.chain import Entry
from events.lines import checked
from events.verify import Finding
from services.cli.audit import PAGE, PATHS
from services.cli.auditing import MOST_FINDINGS, Audit, keys_of
from services.cli.backup_lock import PART
from services.cli.client import AdminClient
from services.cli.errors import CliError
from services.cli.log_entries import entry_of, lines, next_cursor
from services.cli.new_file import NewFile
from services.cli.segments import LogName, Segment, gaps_and_overlaps, segments_in

SEGMENT_BYTES = 16 * 1024 * 1024
"""Of lines, before they are compressed: then the next segment begins. The newest is read in each run."""


@dataclass(slots=True)
class BackedUp:
    """``new`` events were added, in ``files``; the directory holds the log through ``position``."""

    log: LogName
    new: int
    position: int
    hash: str
    at: str | None
    files: list[str]
    findings: list[Finding]
    """What is wrong with the new ones in themselves; a log may hold that, and so does its copy."""


async def back_up(client: AdminClient, directory: Path, log: LogName) -> BackedUp:
    """Add what is new in ``log``. Raises :class:`CliError`; then what was there is still there."""
    segments = segments_in(directory)[log]
    for finding in gaps_and_overlaps(segments):
        raise CliError(f"{directory}: {finding.detail} ('promptcast verify {directory}' tells all)")
    writing = Writing(directory, log, Audit(keys_of()))
    last = writing.goes_on_from(segments[-1]) if segments else None
    try:
        async for line, entry in _following(client, directory, log, last):
            writing.take(line, entry)
        writing.end()
    finally:
        writing.discard()
    return writing.told()


@dataclass(slots=True)
class Writing:
    """New segments of one log. ``audit`` walks through them, from the newest old one on."""

    directory: Path
    log: LogName
    audit: Audit
    new: int = 0
    files: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    _file: NewFile | None = None
    _first: int = 0

    def goes_on_from(self, segment: Segment) -> Entry:
        """Walk through the newest segment there is; its last entry. Raises when it does not hold."""
        entries = (entry for _, entry in segment.lines())
        last = first = next(entries)  # a segment holds one position at least
        self.audit.begins_with(first)
        for last in chain((first,), entries):
            self._hold(self.audit.take(last), str(segment.path))
        return last

    def take(self, line: bytes, entry: Entry) -> None:
        """The next entry of the log."""
        found = self.audit.take(entry)
        self._hold(found, f"the log {self.log!r}", " ('promptcast repair' may help)")
        self.findings += [each for each in found if not each.is_remark]
        del self.findings[MOST_FINDINGS:]
        if self._file and self._file.size >= SEGMENT_BYTES:
            self._put(self._file, entry.position - 1)
        if self._file is None:
            self._first = entry.position
            part = self.directory / f"{self.log}-{entry.position:012}{PART}"
            self._file = NewFile(part, packs=True)
        self._file.write(checked(line) + b"\n")
        self.new += 1

    def end(self) -> None:
        """The log holds no more."""
        if self._file:
            self._put(self._file, self.audit.position)

    def discard(self) -> None:
        """Leave nothing of what is not whole."""
        if self._file:
            self._file.discard()

    def told(self) -> BackedUp:
        """What came of it."""
        head = self.audit.verifier.chain.head
        at = self.audit.time if head.position else None
        return BackedUp(
            self.log, self.new, head.position, head.digest, at, self.files, self.findings
        )

    def _put(self, file: NewFile, last: int) -> None:
        segment = Segment(self.log, self._first, last, self.directory)
        file.put(segment.path)
        self._file = None
        self.files.append(segment.path.name)

    def _hold(self, found: Sequence[Finding], where: str, remedy: str = "") -> None:
        """Raises for what no import would take."""
        for each in found:
            if each.is_break:
                detail = f"position {each.position}: {each.reason}: {each.detail}"
                raise CliError(f"{where}: {detail}: not backed up{remedy}")


async def _following(
    client: AdminClient, directory: Path, log: LogName, last: Entry | None
) -> AsyncIterator[tuple[bytes, Entry]]:
    """What the log holds behind ``last``, which it must still hold itself."""
    cursor: int | None = last.position - 1 if last else 0
    while cursor is not None:
        page = await client.fetch("GET", PATHS[log], {"cursor": cursor, "limit": PAGE})
        found = [(line, entry_of(line)) for line in lines(page)]
        if last:
            _check(last, found[0][1] if found else None, directory, log)
            found, last = found[1:], None
        for each in found:
            yield each
        cursor = next_cursor(page)


def _check(last: Entry, here: Entry | None, directory: Path, log: LogName) -> None:
    """Raises unless the log still holds ``last``, the newest entry of the backup."""
    if here and here[:3] == last[:3]:  # position, bytes and hash
        return
    what = "holds another event there" if here else "ends before that"
    replace = " --replace" if here else ""
    raise CliError(
        f"{directory} holds the log {log!r} through position {last.position}, and the log {what}:"
        " it has lost events, or another history is in force. Nothing was written; 'promptcast fork"
        " show' may say why. If the log is right, keep this directory and back up into another one;"
        f" if the backup is, 'promptcast import{replace} --log {log} {directory}' restores it"
    )
