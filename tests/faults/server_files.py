"""The server's files while it is down: cut, flipped, gone; and how an operator mends them."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.faults.rig import Rig
from tests.servers import program


@dataclass(frozen=True, slots=True)
class Appended:
    """Where the append-only file holds one XADD to the prompts' log: bytes ``begins`` … ``ends``."""

    file: Path
    position: int
    begins: int
    ends: int
    event: int
    """Where the event's own bytes begin."""
    length: int


def folder_of(rig: Rig) -> Path:
    """Where the server keeps what it appends."""
    return rig.server.directory / "appendonlydir"


def appended(rig: Rig) -> list[Appended]:
    """Every XADD to the prompts' log in the newest append-only file, oldest first; what is before a
    RENAME that put another stream in the log's place is of no account any more."""
    file = _newest(rig)
    data = file.read_bytes()
    key = re.escape(rig.services.keys.log.encode())
    put = re.compile(rb"\$6\r\nRENAME\r\n\$\d+\r\n[^\r]*\r\n\$\d+\r\n%b\r\n" % key)
    replaced = max((match.end() for match in put.finditer(data)), default=0)
    begin = re.compile(rb"\*\d+\r\n\$4\r\nXADD\r\n\$\d+\r\n%b\r\n\$\d+\r\n(\d+)-0\r\n" % key)
    found = []
    for match in begin.finditer(data, replaced):
        event, length = _event(data, match.end())
        ends = data.find(b"\r\n*", event + length)
        ends = len(data) if ends < 0 else ends + 2
        found.append(Appended(file, int(match[1]), match.start(), ends, event, length))
    return found


def _newest(rig: Rig) -> Path:
    return max(folder_of(rig).glob("*.incr.aof"), key=lambda path: path.stat().st_mtime)


def _event(data: bytes, at: int) -> tuple[int, int]:
    """Where the bytes of the field ``event`` are, which comes first, and how many they are."""
    match = re.compile(rb"\$5\r\nevent\r\n\$(\d+)\r\n").match(data, at)
    assert match, data[at : at + 60]
    return match.end(), int(match[1])


def cut(at: Appended, behind: int) -> None:
    """The file ends so many bytes behind where the XADD began."""
    with at.file.open("r+b") as file:
        file.truncate(at.begins + behind)


def flip(at: Appended, place: int, mask: int = 1) -> None:
    """Flip bits of the byte at ``place``; twice is never."""
    with at.file.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ mask]))


def empty(rig: Rig) -> None:
    """Nothing is there any more."""
    shutil.rmtree(folder_of(rig))


def check_aof(rig: Rig) -> str:
    """What an operator does with a file that the server refuses: the program that cuts off its end."""
    checker = rig.server.directory / "redis-check-aof"
    if not checker.exists():
        checker.symlink_to(program())
    ended = subprocess.run(
        [checker, "--fix", _newest(rig)], input="y\n", capture_output=True, text=True, check=False
    )
    assert not ended.returncode, ended.stdout + ended.stderr
    return ended.stdout
