"""Copies of a log: exports, journals, tails, fork files and backups, each through the verifier."""

from collections.abc import Sequence
from pathlib import Path

from events.errors import BadLine
from events.lines import from_line
from services.cli.auditing import Audit, keys_of
from services.cli.errors import CliError
from services.cli.line_files import lines_of
from services.cli.segments import Segment, gaps_and_overlaps, segments_in


def audits_of(files: Sequence[str]) -> list[Audit]:
    """One audit for each file, but for those that go on where the one before them ended.

    A directory is a backup, which has an audit for each of its logs, or else a journal: its files
    are one log, and what is missing between them is found.
    """
    keys, audits = keys_of(), list[Audit]()
    for file in files:
        if backup := _audits_of_backup(Path(file)):
            audits += backup
            continue
        for number, segment in enumerate(_files_of(file)):
            _read(audits, Audit(keys, file), segment, is_next=number > 0)
    return audits


def audit_of(directory: Path, segments: Sequence[Segment], through: int | None = None) -> Audit:
    """An audit of one log's part of a backup, up to position ``through``."""
    audit = Audit(keys_of(), f"{directory} {segments[0].log}", segments=len(segments))
    audit.spoilt(gaps_and_overlaps(segments))
    for segment in segments:
        try:
            for _, entry in segment.lines(through):
                if not audit.verifier.events:
                    audit.begins_with(entry)
                audit.take(entry)
        except CliError as error:
            audit.damaged(error, "damaged_segment")
    return audit


def _audits_of_backup(directory: Path) -> list[Audit]:
    found = segments_in(directory) if directory.is_dir() else {}
    return [audit_of(directory, segments) for segments in found.values() if segments]


def _files_of(file: str) -> Sequence[str]:
    path = Path(file)
    files = [str(each) for each in sorted(path.glob("*.jsonl"))] if path.is_dir() else [file]
    if not files:
        raise CliError(f"there is no journal in {file}, and no backup")
    return files


def _read(audits: list[Audit], fresh: Audit, file: str, is_next: bool) -> None:
    audit = audits[-1] if is_next else None
    for line in lines_of(file):
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
