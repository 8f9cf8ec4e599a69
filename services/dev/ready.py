"""The ready file: the addresses and pids of a running system, for programs that started it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.dev.datadir import write_private
from services.dev.errors import DevError


@dataclass(frozen=True, slots=True)
class Replica:
    """One chat replica; ``url`` reaches it alone."""

    id: str
    url: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """What stays the same while the system runs, whichever child is started again."""

    chat: str
    admin: str
    replicas: Sequence[Replica]
    redis: str
    admin_key: str = field(repr=False)


class ReadyFile:
    """The file at ``path`` (None: nobody asked for one), there only while all is up."""

    def __init__(self, path: Path | None, addresses: Addresses) -> None:
        self._path = path
        self._addresses = addresses
        if path and not path.parent.is_dir():
            raise DevError(f"cannot write {path}: there is no directory {path.parent}")
        self.remove()

    def write(self, pids: Mapping[str, int | None]) -> None:
        """Write it atomically and for the owner only, with the present process ids."""
        if self._path is None:
            return
        try:
            write_private(self._path, json.dumps(self._content(pids), indent=2) + "\n")
        except OSError as error:
            raise DevError(f"cannot write {self._path}: {error.strerror}") from error

    def remove(self) -> None:
        """Remove it: from now on nothing is promised."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _content(self, pids: Mapping[str, int | None]) -> dict[str, object]:
        told = self._addresses
        replicas = [{"id": r.id, "url": r.url, "pid": pids.get(r.id)} for r in told.replicas]
        return {
            "chat": told.chat,
            "admin": told.admin,
            "replicas": replicas,
            "redis": told.redis,
            "admin_key": told.admin_key,
            "pids": {"redis": None, **pids},
        }
