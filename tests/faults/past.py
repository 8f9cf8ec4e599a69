"""The past: what was trimmed from the server, out of the admins' journals, hash for hash."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from events.chain import GENESIS_HASH, Entry
from events.envelope import digest, prevhash
from events.errors import BadLine
from events.lines import from_line


def past(first: Entry, copies: Iterable[Entry]) -> list[Entry]:
    """What lies before ``first``, back to position 1 or to what none of ``copies`` shows: each entry is
    the very one that the one behind it says it follows upon, by position and hash."""
    known: dict[int, list[Entry]] = defaultdict(list)
    for entry in copies:
        known[entry.position].append(entry)
    found: list[Entry] = []
    behind: Entry | None = first
    while behind is not None and (wanted := prevhash(behind.event)) != GENESIS_HASH:
        there = known[behind.position - 1]
        behind = next((each for each in there if digest(each.event) == wanted), None)
        found += [behind] if behind is not None else []
    return found[::-1]


def journalled(state_dir: Path) -> list[Entry]:
    """What an admin's journal of the prompts' log holds and can be read, oldest first."""
    files = sorted((state_dir / "journal" / "log").glob("*.jsonl"))
    return [entry for file in files for entry in entries_in(file)]


def entries_in(file: Path) -> list[Entry]:
    """The entries in a file of lines; what is none is passed over: a line may be half written."""
    found = []
    for line in file.read_bytes().splitlines():
        try:
            found.append(from_line(line))
        except BadLine:
            continue
    return found
