"""``promptcast export``: the whole log as lines, each with its hash: a copy that anybody can check."""

import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import output
from services.cli.audit import PAGE, PATHS, SHOWN
from services.cli.errors import FAILED, CliError
from services.cli.mend import Log
from services.cli.session import with_client

if TYPE_CHECKING:
    from services.cli.auditing import Audit
    from services.cli.client import AdminClient

Write = Callable[[bytes], object]


def export(
    log: Log = "log",
    after: Annotated[
        int,
        typer.Option(
            "--after", min=0, help="Go on behind this position, as after an interruption."
        ),
    ] = 0,
    file: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Not to standard output; FILE.zst is compressed."
        ),
    ] = "-",
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
) -> None:
    """Write the log to standard output or a file, and check its hash chain meanwhile.

    One event is one line, as 'promptcast import' and 'promptcast verify FILE' read it. Exit status 1
    when something is wrong with the log; all of it is written all the same. FILE is there whole, on
    the disk and readable by its owner alone, or not at all. For regular copies see 'promptcast backup'.

    Examples:

        promptcast export > log.jsonl

        promptcast export --after 4711 >> log.jsonl

        promptcast export --output log.jsonl.zst --force
    """
    with _opened(file, force) as write:
        audit = with_client(lambda client: _export(client, log, after, write, file == "-"))
    for finding in audit.findings[:SHOWN]:
        output.note(f"position {finding.position}: {finding.reason}: {finding.detail}")
    if len(audit.findings) > SHOWN:
        output.note(f"… and {len(audit.findings) - SHOWN} more")
    through = f" through position {audit.position}" if audit.verifier.events else ""
    place = "" if file == "-" else f" to {file}"
    output.note(f"{audit.verifier.events} events written{through}{place}")
    if audit.broken:
        raise typer.Exit(FAILED)


@contextmanager
def _opened(file: str, force: bool) -> Iterator[Write]:
    """Where lines go; a file is put in its place only if all goes well."""
    if file == "-":
        yield _to_stdout
        return
    from services.cli.compressed import SUFFIX
    from services.cli.new_file import NewFile

    place = Path(file)
    _refuse(place, force)
    part = place.with_name(f".{place.name}.{secrets.token_hex(4)}.part")
    made = NewFile(part, packs=place.suffix == SUFFIX)
    try:
        yield made.write
        _refuse(place, force)  # somebody may have written it meanwhile
        made.put(place)
    finally:
        made.discard()


def _refuse(place: Path, force: bool) -> None:
    if place.is_dir():
        raise CliError(f"{place} is a directory: 'promptcast backup' fills one")
    if place.exists() and not force:
        raise CliError(f"{place} is there already: --force replaces it")


def _to_stdout(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


async def _export(
    client: "AdminClient", log: str, after: int, write: Write, goes_on: bool
) -> "Audit":
    from events.lines import checked
    from services.cli.auditing import Audit, keys_of
    from services.cli.log_entries import entry_of, lines, next_cursor

    audit = Audit(keys_of())
    cursor: int | None = after
    while cursor is not None:
        try:
            page = await client.fetch("GET", PATHS[log], {"cursor": cursor, "limit": PAGE})
        except CliError as error:
            if audit.verifier.events and goes_on:
                output.note(f"go on with 'promptcast export --after {audit.position}'")
            raise error from None
        for line in lines(page):
            entry = entry_of(line)
            if entry.position == after + 1:
                audit.begins_with(entry)
            audit.take(entry)
            write(checked(line) + b"\n")
        cursor = next_cursor(page)
    return audit
