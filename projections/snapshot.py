"""Snapshots: a projection's state at a position, so that a start need not replay everything.

A snapshot is only a shortcut. It is used when the log's entry at its position has its hash, and thrown
away otherwise; with signing keys it must be signed, too, since it stands in for signed events.

It is written row by row: a long history is never held a second time as JSON values, and the thread
that packs it leaves the service room to work.
"""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, TypeVar, overload

from events.chain import GENESIS, Chain, Entry, Head, Reason, Rejected
from events.lines import to_line
from events.signing import KeyRing
from projections.grown import Grown
from projections.history import Activated, Activation, History, PromptHistory, VersionRecord
from projections.requests import Requests

SCHEMA = 3
"""Snapshots of another schema are ignored, and written anew."""
MAX_BYTES = 256 * 1024**2
"""Of a snapshot's JSON; what is longer is cut, and so is none: anybody may write to Redis."""
_NOTHING: Mapping[int, Entry] = MappingProxyType({})
AT_A_TIME = 100
"""Rows that are made and rendered in one go."""

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``state`` (JSON values) of ``projection`` as it was when the log ended at ``chain.head``."""

    chain: Chain
    state: Any
    projection: str = ""


class Rows(Sequence[Any], Generic[Record]):
    """Records as JSON values, each made when it is asked for."""

    def __init__(self, records: Sequence[Record], made: Callable[[Record], Any]) -> None:
        self._records = records
        self._made = made

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, which: int) -> Any: ...
    @overload
    def __getitem__(self, which: slice) -> list[Any]: ...
    def __getitem__(self, which: int | slice) -> Any:
        if isinstance(which, slice):
            return [self._made(record) for record in self._records[which]]
        return self._made(self._records[which])


def pack(snapshot: Snapshot, keys: KeyRing) -> bytes:
    """The snapshot as it is kept: a line with checksum and signature, then JSON, compressed."""
    whole = {
        "schema": SCHEMA,
        "projection": snapshot.projection,
        "chain": _chain(snapshot.chain),
        "state": snapshot.state,
    }
    deflate = zlib.compressobj(zlib.Z_BEST_SPEED)
    body = [deflate.compress(part.encode()) for part in _rendered(whole)]
    body.append(deflate.flush())
    summed = hashlib.sha256()
    for part in body:
        summed.update(part)
    own = summed.hexdigest()
    kid, sig = keys.sign(own) or ("", "")
    return b"".join([f"{own} {kid} {sig}\n".encode(), *body])


def _rendered(value: Any) -> Iterator[str]:
    """JSON text, in parts: :class:`Rows` some at a time, everything else in one."""
    if isinstance(value, dict):
        for number, (name, within) in enumerate(value.items()):
            yield f"{',' if number else '{'}{json.dumps(name)}:"
            yield from _rendered(within)
        yield "}" if value else "{}"
    elif isinstance(value, Rows):
        for start in range(0, len(value), AT_A_TIME):
            yield ("," if start else "[") + _json(value[start : start + AT_A_TIME])[1:-1]
        yield "]" if value else "[]"
    else:
        yield _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def unpack(packed: bytes, keys: KeyRing, projection: str = "") -> Snapshot | None:
    """Back from :func:`pack`; None for what cannot be trusted, or is of another schema or projection.

    The shape of ``state`` is not checked: anybody may write to Redis when there are no keys, so who
    loads it treats every error as "no snapshot".
    """
    line, _, body = packed.partition(b"\n")
    try:
        own, kid, sig = line.decode().split(" ")
        if own != hashlib.sha256(body).hexdigest():
            return None
        if keys.keys and not (kid in keys and keys.verifies(own, kid, sig)):
            return None
        found = json.loads(zlib.decompressobj().decompress(body, MAX_BYTES))
        if (found["schema"], found["projection"]) != (SCHEMA, projection):
            return None
        position, stored, digest, log_id, signed, *trimmed = found["chain"]
        head, floor = Head(position, stored, digest), Head(*trimmed) if trimmed else GENESIS
        is_sound = type(floor.position) is int and 0 <= floor.position <= position
        if not (is_sound and all(type(each) is str for each in floor[1:])):
            return None
        chain = Chain(head, log_id, signed, floor)
        return Snapshot(chain, found["state"], projection)
    except (ValueError, KeyError, TypeError, RecursionError, zlib.error):
        return None


def _chain(chain: Chain) -> list[Any]:
    trimmed = chain.trimmed if chain.trimmed.position else ()  # as it ever was where nothing is
    return [*chain.head, chain.log_id, chain.signed, *trimmed]


def dump_history(history: History) -> dict[str, Any]:
    """A history as JSON values, and :class:`Rows` of them."""
    newer = history.newer
    return {
        "prompts": {
            name: {
                "versions": Rows(prompt.versions, _version),
                "activations": Rows(prompt.activations, _activation),
            }
            for name, prompt in history.prompts.items()
        },
        "requests": history.requests.dump(),
        "newer": newer and [newer.position, newer.reason.value, newer.detail, newer.prompt],
    }


def load_history(dumped: Mapping[str, Any]) -> History:
    """Back from :func:`dump_history`."""
    newer = dumped["newer"]
    return History(
        prompts={name: _load_prompt(name, prompt) for name, prompt in dumped["prompts"].items()},
        requests=Requests.load(dumped["requests"]),
        newer=newer and Rejected(newer[0], Reason(newer[1]), newer[2], True, newer[3]),
    )


def _version(record: VersionRecord) -> list[Any]:
    return [
        record.version,
        record.position,
        record.recorded_at,
        record.author,
        record.note,
        record.hash.hex(),
        record.content_hash.hex(),
        record.size,
    ]


def _activation(record: Activated) -> Any:
    """A save is told by its version alone: the rest stands there, and they come in one order."""
    if record.action == "saved":
        return record.version
    return [
        record.position,
        record.action,
        record.version,
        record.recorded_at,
        record.author,
        record.note,
        record.hash.hex(),
    ]


def _load_prompt(name: str, dumped: Mapping[str, Any]) -> PromptHistory:
    versions = Grown(_load_version(row) for row in dumped["versions"])
    saved = iter(versions)  # each was saved once, and in this order
    activations = (
        _load_activation(row) if isinstance(row, list) else next(saved)
        for row in dumped["activations"]
    )
    return PromptHistory(name, versions, Grown(activations))


def _load_version(row: list[Any]) -> VersionRecord:
    version, position, recorded_at, author, note, hash, content, size = row
    hashes = bytes.fromhex(hash), bytes.fromhex(content)
    return VersionRecord(version, position, recorded_at, author, note, *hashes, size)


def _load_activation(row: list[Any]) -> Activation:
    position, action, version, recorded_at, author, note, hash = row
    own = bytes.fromhex(hash)
    return Activation(position, action, version, recorded_at, author, note, own)


def dump_live(history: History, trimmed: Mapping[int, Entry] = _NOTHING) -> dict[str, list[Any]]:
    """What is live, as pointers into the log: position and hash of the event that carries it, and the
    very entry, as a line, where the log on the server may not have it any more (``trimmed``)."""
    return {
        name: _pointer(prompt, trimmed.get(prompt.revision))
        for name, prompt in history.prompts.items()
        if prompt.last.version is not None
    }


def _pointer(prompt: PromptHistory, entry: Entry | None) -> list[Any]:
    line = [to_line(entry).decode()] if entry else []
    return [prompt.revision, prompt.last.hash.hex(), *line]
