"""Any interleaving of saves, restores, archives, conflicts, poison and restarts gives one history.

Two writers with views of their own work on one log, as two admin instances do. A plain model says what
must come of it; the writers' incremental state, one big fold over a replay, and a snapshot with what
came behind it must all agree with it.
"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from events.chain import Chain, Entry, Head, Recorded, decode
from events.envelope import RequestKey, Stamp, digest
from events.errors import Conflict
from events.memory import MemoryLog
from events.model import Event, LogOpened, PromptEvent
from events.signing import KeyRing
from events.verify import Verifier
from events.writing import appended, seal
from projections import history, live
from projections.applying import Applied
from projections.decisions import (
    Archive,
    Content,
    Expected,
    Replayed,
    Restore,
    Save,
    Unchanged,
    decide_archive,
    decide_restore,
    decide_save,
)
from projections.held import Held
from projections.history import History, PromptHistory
from projections.live import Live
from projections.refusals import Refused
from projections.snapshot import Snapshot, dump_history, load_history, pack, unpack
from tests.scribe import BEGAN, outcomes
from tests.strategies import FEW_CONFIGS, NOTES, TEMPLATES

Command = Save | Restore | Archive
KEYS = KeyRing({"new": b"two", "old": b"one"})
WRITERS = st.sampled_from(["ann", "bob"])
NAMES = st.sampled_from(["system", "bot"])
EXPECTED = st.sampled_from(["seen", "seen", "seen", "any", "any", "any", "absent", 3])
REQUESTS = st.sampled_from([None, None, None, ("k1", "a"), ("k2", "a"), ("k2", "b"), ("k3", "a")])


@dataclass(frozen=True)
class Wish:
    """What somebody wants done to a prompt, and what they say that it is based on."""

    looks: bool
    kind: str
    prompt: str
    content: tuple[str, dict[str, Any]]
    note: str
    number: int
    based_on: Any
    key: tuple[str, str] | None


WISHES = st.builds(
    Wish,
    looks=st.sampled_from([True, True, False]),
    kind=st.sampled_from(["save"] * 4 + ["restore"] * 3 + ["archive"]),
    prompt=NAMES,
    content=st.tuples(TEMPLATES, FEW_CONFIGS.map(lambda config: config or {})),
    note=NOTES,
    number=st.integers(0, 9),
    based_on=EXPECTED,
    key=REQUESTS,
)


@dataclass
class Writer:
    """One admin instance: a view of the log that may be old."""

    actor: str
    keys: KeyRing
    held: Held[History] = field(default_factory=lambda: Held(History(), History(), history.fold))

    def __post_init__(self) -> None:
        self.applied = Applied(self.held, self.keys)

    @property
    def history(self) -> History:
        return self.held.state

    def catch_up(self, entries: list[Entry]) -> None:
        self.applied.take(self.applied.read(entries))


@dataclass
class Model:
    """What a reader of the rules on the back of an envelope would keep of a prompt."""

    contents: list[tuple[str, Any]] = field(default_factory=list)
    saved_at: list[int] = field(default_factory=list)
    live: int | None = None
    activations: list[tuple[int, str, int | None]] = field(default_factory=list)

    def take(self, position: int, event: PromptEvent) -> None:
        kind = type(event).__name__
        if kind == "PromptSaved":
            self.contents.append((event.template, event.config))  # type: ignore[union-attr]  # told by its name
            self.saved_at.append(position)
        self.live = getattr(event, "version", None)
        word = {"PromptSaved": "saved", "PromptRestored": "restored", "PromptArchived": "archived"}
        self.activations.append((position, word[kind], self.live))


class Interleaving(RuleBasedStateMachine):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.log = MemoryLog()
        self.model: dict[str, Model] = {}
        self.poisoned: set[int] = set()
        self.requests: dict[tuple[str, str], tuple[str, int]] = {}
        self.keys = KeyRing()
        self.writers: dict[str, Writer] = {}
        self.has_future = False

    def teardown(self) -> None:
        self.loop.close()

    # --- what happens -----------------------------------------------------------------------------

    @initialize(keys=st.sampled_from([KeyRing(), KEYS]))
    def opened(self, keys: KeyRing) -> None:
        self.keys = keys
        self.writers = {actor: Writer(actor, keys) for actor in ("ann", "bob")}
        self.append(self.writers["ann"], LogOpened(log_id="log-1"), None)

    @rule(wish=WISHES)
    def one_changes(self, wish):
        self.change(self.writers["ann"], wish)

    @rule(wish=WISHES)
    def the_other_changes(self, wish):
        self.change(self.writers["bob"], wish)

    def change(self, writer: Writer, wish: Wish) -> None:
        """Carry a wish out; most versions that are to be restored are there."""
        if wish.looks:
            writer.catch_up(self.log.entries)
        known, seen = self.model.get(wish.prompt), writer.history.prompts.get(wish.prompt)
        revision: Expected = seen.revision if seen else "absent"
        expected: Expected = revision if wish.based_on == "seen" else wish.based_on
        key = RequestKey(writer.actor, wish.key[0], wish.key[1] * 64) if wish.key else None
        if wish.kind == "save" or known is None:
            template, config = wish.content
            command: Command = Save(wish.prompt, template, config, wish.note, expected, key)
        elif wish.kind == "restore":
            version = 1 + wish.number % (len(known.contents) + 1)
            command = Restore(wish.prompt, version, wish.note, expected, key)
        else:
            command = Archive(wish.prompt, expected, key, wish.note)
        self.carry_out(writer, command)

    @precondition(lambda self: len(self.poisoned) * 3 < len(self.log.entries))
    @rule(
        event=st.sampled_from([b"{", b"", b"[]", b'{"subject":"system"}', None]),
        right_hash=st.booleans(),
    )
    def poison(self, event, right_hash):
        """Noise, or an event of this log once more."""
        event = self.log.entries[-1].event if event is None else event
        self.put_poison(event, digest(event) if right_hash else "nonsense")

    @precondition(lambda self: len(self.log.entries) > 18 and not self.has_future)
    @rule(prompt=NAMES)
    def the_future(self, prompt):
        last = self.log.entries[-1]
        fields = {
            "specversion": "1.0", "type": "promptcast.PromptSung.v1", "subject": prompt,
            "position": last.position + 1, "prevhash": digest(last.event),
        }  # fmt: skip
        self.put_poison(json.dumps(fields).encode(), signed=True)
        self.has_future = True

    @rule(who=WRITERS, keep=st.booleans())
    def restart(self, who, keep):
        """From a snapshot of wherever the writer was, or from nothing."""
        before, writer = self.writers[who], Writer(who, self.keys)
        if keep:
            packed = pack(Snapshot(before.applied.chain, dump_history(before.history)), self.keys)
            snapshot = unpack(packed, self.keys)
            assert snapshot is not None
            writer.applied.chain = snapshot.chain
            writer.held.state = load_history(snapshot.state)
            assert (writer.history, writer.applied.chain) == (before.history, before.applied.chain)
        self.writers[who] = writer

    # --- how it happens ---------------------------------------------------------------------------

    def carry_out(self, writer: Writer, command: Command) -> None:
        """Decide, append; on a conflict read on and decide again, as often as it takes."""
        for _ in range(3):
            try:
                decided = self.decide(writer, command)
            except Refused:
                return
            if isinstance(decided, Replayed):
                assert command.request is not None
                name = (command.request.actor, command.request.key)
                assert self.requests[name] == (command.request.hash, decided.position)
                return
            if isinstance(decided, Unchanged):
                return
            try:
                self.append(writer, decided, command.request)
                return
            except Conflict:
                assert writer.applied.position < len(self.log.entries)
                writer.catch_up(self.log.entries)
        raise AssertionError("nobody else writes meanwhile: the second try fits")

    def decide(self, writer: Writer, command: Command) -> Any:
        if isinstance(command, Save):
            return decide_save(writer.history, command)
        if isinstance(command, Archive):
            return decide_archive(writer.history, command)
        return decide_restore(writer.history, command, self.content(writer, command))

    def content(self, writer: Writer, command: Restore) -> Content | None:
        """The version, read from the log by its position and hash."""
        known = writer.history.prompts.get(command.prompt)
        record = known.find(command.version) if known else None
        if record is None:
            return None
        found = decode(self.log.entries[record.position - 1], record.hash.hex())
        assert found is not None
        event: Any = found.event
        return Content(event.template, event.config)

    def append(self, writer: Writer, event: Event, key: RequestKey | None) -> None:
        after = writer.applied.chain.head
        stamp = Stamp(f"id-{after.position}", "/test", BEGAN + after.position, writer.actor, key)
        draft = seal(event, stamp, after, self.keys)
        at, _ = self.loop.run_until_complete(self.log.append(draft, after, 5.0))
        entry = appended(draft, after, at)
        (outcome,) = writer.applied.take(writer.applied.read([entry]))
        assert isinstance(outcome, Recorded), "what was decided is never rejected"
        assert outcome.event == event
        if isinstance(event, PromptEvent):
            self.model.setdefault(event.prompt, Model()).take(entry.position, event)
        if key:
            self.requests[key.actor, key.key] = (key.hash, entry.position)

    def put_poison(self, event: bytes, hash: str | None = None, signed: bool = False) -> None:
        hash = digest(event) if hash is None else hash
        kid, sig = (signed and self.keys.sign(hash)) or ("", "")
        position = len(self.log.entries) + 1
        self.loop.run_until_complete(
            self.log.put(Entry(position, event, hash, self.log.clock.now(), kid, sig))
        )
        self.poisoned.add(position)

    # --- what must be true ------------------------------------------------------------------------

    @invariant()
    def the_history_is_what_the_model_says(self):
        replayed = history.fold(History(), outcomes(self.log.entries, self.keys))
        assert set(replayed.prompts) == set(self.model)
        for name, prompt in replayed.prompts.items():
            agrees(prompt, self.model[name])
        for (actor, key), known in self.requests.items():
            assert replayed.requests.find(RequestKey(actor, key, "")) == known

    @invariant()
    def every_view_becomes_the_same_history_once_it_has_caught_up(self):
        found = outcomes(self.log.entries, self.keys)
        at_once = history.fold(History(), found)
        for writer in self.writers.values():
            position = writer.applied.position
            assert writer.history == history.fold(History(), found[:position])
            kept = load_history(json.loads(json.dumps(dump_history(writer.history), default=list)))
            assert history.fold(kept, found[position:]) == at_once

    @invariant()
    def what_replicas_serve_is_what_the_history_calls_live(self):
        served = live.fold(Live(), outcomes(self.log.entries, self.keys)).prompts
        wanted = {name: model for name, model in self.model.items() if model.live is not None}
        assert set(served) == set(wanted)
        for name, prompt in served.items():
            assert prompt.version == wanted[name].live
            said = (prompt.template.text, prompt.config)
            assert said == wanted[name].contents[prompt.version - 1]

    @invariant()
    def verifying_finds_the_poison_and_nothing_else(self):
        verifier = Verifier(self.keys)
        for entry in self.log.entries:
            verifier.feed(entry._replace(at=0))
        assert {finding.position for finding in verifier.findings} == self.poisoned
        assert verifier.chain.head.position == len(self.log.entries)


def agrees(prompt: PromptHistory, model: Model) -> None:
    assert [record.version for record in prompt.versions] == list(range(1, len(model.contents) + 1))
    assert [record.position for record in prompt.versions] == model.saved_at
    assert [(a.position, a.action, a.version) for a in prompt.activations] == model.activations
    assert (prompt.live.version if prompt.live else None) == model.live


def test_a_view_from_nowhere_is_the_beginning():
    assert Writer("ann", KeyRing()).applied.chain == Chain(Head(0, "", "0" * 64))


TestAnyInterleaving = Interleaving.TestCase
TestAnyInterleaving.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)


@pytest.mark.soak
def test_any_interleaving_at_length():
    run_state_machine_as_test(
        Interleaving, settings=settings(max_examples=300, stateful_step_count=50, deadline=None)
    )
