"""Restoring: the lines of an export or a backup, as they are sent to the admin service."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from events.chain import Entry
from events.errors import BadLine
from events.lines import from_line
from services.cli.compressed import CHUNK
from services.cli.copies import audit_of
from services.cli.errors import CliError
from services.cli.line_files import lines_of
from services.cli.segments import LogName, Segment, segments_in


def lines_by_log(
    file: str, log: LogName | None, through: int | None
) -> Iterator[tuple[LogName, Iterator[bytes]]]:
    """Each log that is to be restored, and its lines in pieces; a file holds the prompts' log unless
    ``log`` says otherwise, a backup both.

    Raises :class:`CliError`: before anything of a backup is handed out when any of it does not hold.
    """
    directory = Path(file)
    if directory.is_dir():
        found = segments_in(directory)
        wanted = {
            name: _sound(directory, segments, through)
            for name, segments in found.items()
            if segments and log in (None, name)
        }
        if not wanted:
            raise CliError(f"there is no backup {f'of {log!r} ' if log else ''}in {directory}")
        yield from ((name, _of_segments(of, through)) for name, of in wanted.items())
    else:
        lines = lines_of(file)
        yield log or "log", _pieces(lines if through is None else _until(through, lines))


def lines_of_log(source: str, log: LogName) -> Iterator[bytes]:
    """The lines of one log, in pieces, from a file or a backup; who takes them checks them.

    Raises :class:`CliError` when a backup has none; what else is wrong it raises on the way.
    """
    directory = Path(source)
    if not directory.is_dir():
        return _pieces(lines_of(source))
    segments = segments_in(directory)[log]
    if not segments:
        raise CliError(f"there is no backup of {log!r} in {directory}")
    return _of_segments(segments, None)


def _sound(directory: Path, segments: list[Segment], through: int | None) -> list[Segment]:
    """Those of ``segments`` that reach up to ``through``. Raises unless all they hold is in order."""
    wanted = [each for each in segments if through is None or each.first <= through]
    if first := audit_of(directory, wanted, through).fault:
        raise CliError(
            f"nothing was imported: position {first.position}: {first.reason}: {first.detail};"
            f" what stands before it is restored with '--through {first.position - 1}'"
        )
    return wanted


def _of_segments(segments: Iterable[Segment], through: int | None) -> Iterator[bytes]:
    return _pieces(line for segment in segments for line, _ in segment.lines(through))


def _until(through: int, lines: Iterable[bytes]) -> Iterator[bytes]:
    for number, line in enumerate(lines, 1):
        if _entry(line, number).position > through:
            return
        yield line


def _entry(line: bytes, number: int) -> Entry:
    try:
        return from_line(line)
    except BadLine as error:
        raise CliError(f"line {number}: {error}") from None


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """``lines`` with their ends, some of them at a time."""
    piece = bytearray()
    for line in lines:
        piece += line
        piece += b"\n"
        if len(piece) >= CHUNK:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)
