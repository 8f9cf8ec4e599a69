"""The last good state on local disk: what a replica serves when it starts while Redis is down."""

import asyncio
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from events.chain import Chain
from events.model import PromptSaved, content_hash
from events.signing import KeyRing
from events.template import Template
from projections.live import Live, LivePrompt
from projections.snapshot import MAX_BYTES, Snapshot, pack, unpack
from services.chat import kept_file
from services.chat.loading import Loading, try_out
from services.chat.marks import Mark

_log = structlog.stdlib.get_logger()


class Recalled(NamedTuple):
    """What was kept. ``whole``: nothing had to be left out; ``silent``: seconds since then."""

    chain: Chain
    live: Live
    silent: float
    whole: bool


@dataclass(slots=True)
class LastGood:
    """One file, replaced as a whole. Without a directory nothing is kept."""

    path: Path | None
    keys: KeyRing
    globs: tuple[str, ...]
    loading: Loading
    _kept: Chain | None = None
    _trouble: str = ""

    async def keep(self, chain: Chain, live: Live) -> bool:
        """Keep ``live`` as it was at ``chain``, unless that is what is kept already; whether it is kept.
        Trouble is told once."""
        if self.path is None or chain is self._kept or not chain.log_id:
            return True
        try:
            await asyncio.to_thread(self._write, self.path, chain, live)
            self._kept, self._trouble = chain, ""
        except OSError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                _log.error("last_good_not_kept", error=self._trouble)
        return not self._trouble

    def _write(self, path: Path, chain: Chain, live: Live) -> None:
        state = {"at": time.time(), "live": [_dumped(each) for each in live.prompts.values()]}
        kept_file.write(path, pack(Snapshot(chain, state, "last-good"), self.keys))

    async def recall(self) -> Recalled | None:
        """What was kept; None when nothing was. What is damaged, or breaks the
        rules, is refused and told.

        A prompt whose kept version is in quarantine is left out: the log will tell what came before.
        """
        try:
            snapshot = await asyncio.to_thread(self._read)
            return self._loaded(snapshot) if snapshot else None
        except Exception as error:  # noqa: BLE001  told; whatever is in there must not end a start
            _log.error("last_good_refused", error=repr(error)[:200])
            return None

    def _read(self) -> Snapshot | None:
        packed = kept_file.read(self.path, MAX_BYTES) if self.path else None
        if packed is None:
            return None
        snapshot = unpack(packed, self.keys, "last-good")
        if snapshot is None:
            raise ValueError("damaged, or not signed by one of our keys")
        return snapshot

    def _loaded(self, snapshot: Snapshot) -> Recalled:
        kept_at = snapshot.state["at"]
        if not _are(float, kept_at) or not math.isfinite(kept_at) or not _is_chain(snapshot.chain):
            raise ValueError("of another shape")
        silent = max(0.0, time.time() - kept_at)
        empty, kept = Live(self.globs), snapshot.state["live"]
        held = [each for each in kept if empty.holds(each["name"])]
        good = [each for each in held if not self._in_quarantine(each)]
        prompts = {each["name"]: self._one(each, snapshot.chain) for each in good}
        return Recalled(snapshot.chain, Live(self.globs, prompts), silent, len(good) == len(held))

    def _in_quarantine(self, dumped: dict[str, Any]) -> bool:
        quarantine = self.loading.quarantine
        known = quarantine.known(dumped["revision"], dumped["hash"])
        return bool(known or quarantine.same(dumped["name"], dumped["content_hash"]))

    def _one(self, dumped: dict[str, Any], chain: Chain) -> LivePrompt:
        at, name, content = dumped["revision"], dumped["name"], dumped["content_hash"]
        if not _are(int, at) or not 0 < at <= chain.head.position:
            raise ValueError("of another shape")
        return self.loading.once(
            Mark(at, at, dumped["hash"], name, content), lambda: _loaded(dumped)
        )


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
    """By the very rules of an event, since a disk may hold anything."""
    event = PromptSaved.model_validate(
        {
            "prompt": dumped["name"],
            "branch": dumped["branch"],
            "version": dumped["version"],
            "template": dumped["template"],
            "config": dumped["config"],
        }
    )
    hash, author, recorded_at = dumped["hash"], dumped["author"], dumped["recorded_at"]
    if not (_are(int, recorded_at) and _are(str, hash, author)):
        raise ValueError("of another shape")
    if dumped["content_hash"] != content_hash(event.template, event.config):
        raise ValueError("the content is not what its hash says")
    live = LivePrompt(
        name=event.prompt,
        branch=event.branch,
        version=event.version,
        revision=dumped["revision"],
        template=Template.of_checked(event.template),
        config=event.config,
        content_hash=dumped["content_hash"],
        hash=hash,
        author=author,
        recorded_at=recorded_at,
    )
    try_out(live)
    return live


def _is_chain(chain: Chain) -> bool:
    position, stored, digest = chain.head
    return (
        _are(int, position, chain.trimmed.position)
        and position > chain.trimmed.position >= 0
        and _are(str, stored, digest, chain.log_id, *chain.trimmed[1:])
        and _are(bool, chain.signed)
    )


def _are(kind: type, *values: object) -> bool:
    return all(type(value) is kind for value in values)
