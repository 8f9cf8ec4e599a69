"""The kept state: what a replica has on its disk to start from while Redis is down; damage to it."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from events.chain import Chain, Head
from events.model import PromptConfig, content_hash
from events.signing import KeyRing
from projections.snapshot import MAX_BYTES, Snapshot, pack, unpack
from tests.faults.rig import PROMPT, Rig

PLANTED = "You are planted."
NO_KEYS = KeyRing()


@dataclass(frozen=True, slots=True)
class KeptState:
    """What is in the file: where the log was then, and which version was live."""

    position: int
    revision: int
    version: int


def file_of(rig: Rig, name: str) -> Path:
    """Where it lies."""
    return rig.state_dir(name) / f"{name}.last-good"


def kept_state(rig: Rig, name: str) -> KeptState | None:
    """What is kept now; None when it is nothing, not whole, or of before the first version. Blocks."""
    file = file_of(rig, name)
    snapshot = _read(file) if file.is_file() else None
    kept = snapshot.state["live"] if snapshot else ()
    live = next((each for each in kept if each["name"] == PROMPT), None)
    if snapshot is None or live is None:
        return None
    return KeptState(snapshot.chain.head.position, live["revision"], live["version"])


def _read(file: Path) -> Snapshot | None:
    return unpack(file.read_bytes(), NO_KEYS, "last-good")  # without keys no signature is asked for


# --- damage: each takes the file and chance ----------------------------------------------------------


def cut(file: Path, chance: Random) -> None:
    """Its end is missing."""
    os.truncate(file, chance.randrange(1, file.stat().st_size))


def flipped(file: Path, chance: Random) -> None:
    """One bit is another."""
    data = bytearray(file.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    file.write_bytes(data)


def empty(file: Path, _chance: Random) -> None:
    """Nothing is left in it."""
    file.write_bytes(b"")


def swollen(file: Path, _chance: Random) -> None:
    """It is larger than anything that was ever kept."""
    os.truncate(file, MAX_BYTES + 1)


def a_link(file: Path, _chance: Random) -> None:
    """It is elsewhere, and a link to it stands in its place."""
    file.rename(elsewhere(file))
    file.symlink_to(elsewhere(file))


def a_pipe(file: Path, _chance: Random) -> None:
    """A pipe stands in its place: who opens that may wait for ever."""
    file.unlink()
    os.mkfifo(file)


def another_kind(file: Path, _chance: Random) -> None:
    """It is a snapshot, and whole, but of something else."""
    found = _taken(file)
    file.write_bytes(pack(Snapshot(found.chain, found.state, "live"), NO_KEYS))


def another_text(file: Path, _chance: Random) -> None:
    """Somebody has planted a text, and mended the checksum; not the hash of the content."""
    found = _taken(file)
    file.write_bytes(pack(_saying(found, whole=False), NO_KEYS))


def elsewhere(file: Path) -> Path:
    """Where :func:`a_link` leads."""
    return file.with_name("elsewhere")


DAMAGES: tuple[Callable[[Path, Random], None], ...] = (
    cut, flipped, empty, swollen, a_link, a_pipe, another_kind, another_text,
)  # fmt: skip


def planted(ring: KeyRing) -> Callable[[Path, Random], None]:
    """Planted by somebody who knows everything but our keys: all hashes fit; signed with ``ring``."""

    def plant(file: Path, _chance: Random) -> None:
        file.write_bytes(pack(_saying(_taken(file), whole=True), ring))

    return plant


def foreign(ring: KeyRing) -> Callable[[Path, Random], None]:
    """The same, and of another history."""

    def plant(file: Path, _chance: Random) -> None:
        found = _taken(file)
        head = Head(found.chain.head.position + 1000, "f" * 64, "f" * 64)
        other = Snapshot(Chain(head, "another-log", found.chain.signed), found.state, "last-good")
        file.write_bytes(pack(_saying(other, whole=True), ring))

    return plant


def _taken(file: Path) -> Snapshot:
    found = _read(file)
    assert found is not None, "what is kept is damaged already"
    return found


def _saying(found: Snapshot, *, whole: bool) -> Snapshot:
    live = [_planted(each, whole=whole) for each in found.state["live"]]
    return Snapshot(found.chain, {**found.state, "live": live}, "last-good")


def _planted(live: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    more = {"template": PLANTED}
    if whole:
        more["content_hash"] = content_hash(PLANTED, PromptConfig(**live["config"]))
    return {**live, **more}
