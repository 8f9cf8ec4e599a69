"""Verifying: walking a whole log, or a stored copy of one, and naming everything that is wrong."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from events.chain import Chain, Entry, Head, Rejected, read
from events.envelope import prevhash
from events.errors import LogGap
from events.model import PromptRestored, PromptSaved
from events.signing import KeyRing


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``reason`` is one word: a ``Reason`` of the chain, or ``gap``,
    ``foreign_field``, ``clock_went_back``, ``version_out_of_order``, ``not_opened``, ``wrong_head``."""

    position: int
    reason: str
    detail: str

    @property
    def is_remark(self) -> bool:
        """Whether it may be so in a log that nobody touched: a server's clock may be set, and a server
        that takes over has one of its own."""
        return self.reason == "clock_went_back"

    @property
    def is_break(self) -> bool:
        """Whether the chain does not hold there: such a copy of a log is never put in its place. (Poison
        that was passed over is none: a whole log may hold it.)"""
        return self.reason in _BREAKS


_BREAKS = {"gap", "not_opened", "broken_chain", "wrong_position"}


@dataclass(slots=True)
class Verifier:
    """Feed it every entry in order; it never raises. ``chain.head`` is where the log ends.

    Every change, loss, swap or insertion of entries is found, except the loss of the newest ones,
    which only :meth:`ends_at` can show. ``at`` lies outside of the hash: it can be told only that it
    went back.
    """

    keys: KeyRing = field(default_factory=KeyRing)
    chain: Chain = Chain()
    events: int = 0
    findings: list[Finding] = field(default_factory=list)
    _versions: dict[str, int] = field(default_factory=dict)
    _at: int = 0
    _in_the_midst: bool = False

    def feed(self, entry: Entry) -> None:
        """Check the next entry."""
        self.events += 1
        self.findings += self._findings(entry)

    def begins_with(self, first: Entry) -> None:
        """What is fed is a piece of a log that begins with ``first``: the event before it, and the
        versions up to there, are taken to be what the piece itself says they were."""
        if first.position > 1:
            before = Head(first.position - 1, "", prevhash(first.event))
            self.chain, self._in_the_midst = Chain(before, "not known here"), True

    def ends_at(self, head: Head) -> None:
        """Say where the log should end, as it was told elsewhere."""
        if self.chain.head != head:
            here = self.chain.head.position
            self._note(here, "wrong_head", f"it should end at position {head.position}")

    def _note(self, position: int, reason: str, detail: str) -> None:
        self.findings.append(Finding(position, reason, detail))

    def _findings(self, entry: Entry) -> Iterator[Finding]:
        if entry.foreign:
            yield Finding(entry.position, "foreign_field", ", ".join(entry.foreign)[:200])
        if entry.at < self._at:
            yield Finding(entry.position, "clock_went_back", "appended before the entry before it")
        self._at = entry.at
        try:
            self.chain, outcome = read(self.chain, entry, self.keys)
        except LogGap as gap:
            yield Finding(entry.position, "gap", str(gap))
            before = Head(entry.position - 1, "", self.chain.head.digest)
            bridged = self.chain._replace(head=before)
            self.chain, outcome = read(bridged, entry, self.keys)
        if isinstance(outcome, Rejected):
            yield Finding(entry.position, outcome.reason.value, outcome.detail)
            return
        if not self.chain.log_id:
            yield Finding(entry.position, "not_opened", "an event before the log was opened")
        match outcome.event:
            case PromptSaved(prompt=prompt, version=version):
                yield from self._saved(entry.position, prompt, version)
            case PromptRestored(prompt=prompt, version=version):
                if version > self._versions.get(prompt, version if self._in_the_midst else 0):
                    yield _out_of_order(entry.position, f"restores v{version}, never saved")
            case _:
                pass

    def _saved(self, position: int, prompt: str, version: int) -> Iterator[Finding]:
        before = self._versions.get(prompt, version - 1 if self._in_the_midst else 0)
        expected = before + 1
        if version != expected:
            yield _out_of_order(position, f"saves v{version} where v{expected} was next")
        self._versions[prompt] = version


def _out_of_order(position: int, detail: str) -> Finding:
    return Finding(position, "version_out_of_order", detail)
