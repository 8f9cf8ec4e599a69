"""Files of lines: exports, journals, segments of backups; plain or compressed, in bounded memory."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from events.lines import MOST_LINE_BYTES
from services.cli.compressed import unpacked
from services.cli.errors import CliError

STDIN = "-"
_MOST_EMPTY = 100_000
"""Empty lines that a file may hold: a small file can unpack to billions of them."""


def lines_of(file: str | Path) -> Iterator[bytes]:
    """The lines of ``file`` (``-`` is standard input), without their ends and without empty ones.

    Raises :class:`CliError`, which names the file: it cannot be read, is damaged, or has a line that
    is longer than any entry.
    """
    try:
        with _opened(file) as opened:
            yield from _lines(unpacked(opened))
    except OSError as error:
        raise CliError(f"cannot read {_name(file)}: {error.strerror}") from error
    except CliError as error:
        raise CliError(f"{_name(file)}: {error}") from None


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    number, empty, rest = 0, 0, bytearray()
    for chunk in chunks:
        *whole, end = chunk.split(b"\n")
        if whole:
            whole[0], rest = bytes(rest + whole[0]), bytearray()
        rest += end
        found = [line for each in whole if (line := each.rstrip(b"\r"))]
        number, empty = number + len(whole), empty + len(whole) - len(found)
        if empty > _MOST_EMPTY:
            raise CliError(
                f"more than {_MOST_EMPTY} of its lines are empty: it is no copy of a log"
            )
        yield from found
        if len(rest) > MOST_LINE_BYTES:
            raise CliError(f"line {number + 1} is longer than any entry of a log")
    if line := bytes(rest.rstrip(b"\r")):
        yield line


@contextmanager
def _opened(file: str | Path) -> Iterator[BinaryIO]:
    if str(file) == STDIN:
        yield sys.stdin.buffer
        return
    with Path(file).open("rb") as opened:
        yield opened


def _name(file: str | Path) -> str:
    return "standard input" if str(file) == STDIN else str(file)
