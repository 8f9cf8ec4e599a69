"""The last good state on local disk: what a replica serves when it starts while Redis is down."""

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from events.chain import Chain
from events.model import PromptConfig
from events.signing import KeyRing
from events.template import Template
from projections.live import Live, LivePrompt
from projections.snapshot import Snapshot, pack, unpack


@dataclass(slots=True)
class LastGood:
    """One file, replaced as a whole. Without a directory nothing is kept."""

    path: Path | None
    keys: KeyRing
    globs: tuple[str, ...]
    _kept: Chain | None = None

    async def keep(self, chain: Chain, live: Live) -> None:
        """Keep ``live`` as it was at ``chain``, unless that is what is kept already."""
        if self.path is None or chain is self._kept or not chain.log_id:
            return
        try:
            await asyncio.to_thread(self._write, self.path, chain, live)
            self._kept = chain
        except OSError as error:
            structlog.get_logger().error("last_good_not_kept", error=str(error))

    def _write(self, path: Path, chain: Chain, live: Live) -> None:
        state = {"at": time.time(), "live": [_dumped(each) for each in live.prompts.values()]}
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        with os.fdopen(_private(beside), "wb") as file:
            file.write(pack(Snapshot(chain, state, "last-good"), self.keys))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)

    def recall(self) -> tuple[Chain, Live, float] | None:
        """What was kept, and how many seconds ago; None when nothing is, or it is damaged."""
        try:
            packed = self.path.read_bytes() if self.path else b""
            snapshot = unpack(packed, self.keys, "last-good")
            if snapshot is None:
                return None
            prompts = {each["name"]: _loaded(each) for each in snapshot.state["live"]}
            held = Live(self.globs)
            live = Live(self.globs, {name: p for name, p in prompts.items() if held.holds(name)})
            return snapshot.chain, live, max(0.0, time.time() - snapshot.state["at"])
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _private(path: Path) -> int:
    """A new file for writing; prompts are nobody else's to read."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def _dumped(live: LivePrompt) -> dict[str, Any]:
    return {
        "name": live.name,
        "branch": live.branch,
        "version": live.version,
        "revision": live.revision,
        "template": live.template.text,
        "config": live.config.content(),
        "content_hash": live.content_hash,
        "hash": live.hash,
        "author": live.author,
        "recorded_at": live.recorded_at,
    }


def _loaded(dumped: dict[str, Any]) -> LivePrompt:
    fields = dict(dumped)
    template = Template.parse(fields.pop("template"))
    config = PromptConfig.model_validate(fields.pop("config"))
    return LivePrompt(template=template, config=config, **fields)
