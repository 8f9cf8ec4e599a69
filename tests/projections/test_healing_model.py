"""Whatever is lost, forked or silent: nothing is put back against a witness, nothing is opened behind
somebody's last word, and once everybody is back it comes to an end."""

from hypothesis import event, given, settings
from hypothesis import strategies as st

from projections.healing import Forked, Heal, Open, Side, Wait, decide
from projections.witnesses import Word


def hashed(events):
    """The hash of each event, which names all before it, as a chain's does."""
    return {n: events[:n] for n in range(1, len(events) + 1)}


def side(name, events, first=1):
    hashes = {at: hash for at, hash in hashed(events).items() if at >= first}
    before = events[: first - 1] if first > 1 else ""
    return Side(name, first, len(events), hashes, before)


@st.composite
def worlds(draw):
    """A log that lost a suffix, or was forked; members with tails of any length, some of them silent."""
    true = "".join(draw(st.lists(st.sampled_from("ab"), min_size=1, max_size=12)))
    kept = draw(st.integers(0, len(true)))
    log = true[:kept] + draw(st.sampled_from(["", "", "", "x", "xy"]))
    members = []
    for number in range(draw(st.integers(0, 4))):
        chain = true[: draw(st.integers(0, len(true)))]
        chain += draw(st.sampled_from(["", "", "", "", "z"]))
        first = draw(st.integers(1, max(1, len(chain))))
        shows, speaks = draw(st.booleans()), draw(st.booleans())
        members.append((f"m{number}", chain, first, shows, speaks))
    return log, members


def facts(world, everybody=False):
    log, members = world
    words = [(n, Word(len(c), c)) for n, c, *_ in members if c]
    tails = [side(n, c, f) for n, c, f, shows, _ in members if c and (shows or everybody)]
    missing = {n for n, *_, speaks in members if not (speaks or everybody)}
    return side("log", log), tails, words, missing


def put_back(log, tails, heal):
    """The log after it: each part must continue what is there."""
    by_name = {tail.name: tail for tail in tails}
    for part in heal.parts:
        whole = by_name[part.side].hashes[part.through]
        assert whole.startswith(log)
        assert by_name[part.side].first <= part.after + 1
        assert len(log) == part.after
        log = whole
    return log


@settings(max_examples=400, deadline=None)
@given(worlds(), st.booleans())
def test_nothing_is_written_against_anybodys_word(world, waited_out):
    log, tails, words, missing = facts(world)
    decision = decide(log, tails, words, missing, waited_out)
    event(type(decision).__name__)
    if isinstance(decision, Open):
        assert waited_out or not missing
        assert all(world[0].startswith(word.hash) for _, word in words)
    if isinstance(decision, Heal):
        after = put_back(world[0], tails, decision)
        assert all(after.startswith(word.hash) for _, word in words), (
            "against a witness, or too short"
        )
        assert len(after) == max(word.position for _, word in words)
    if isinstance(decision, Wait):
        assert not waited_out
        assert decision.names


@settings(max_examples=400, deadline=None)
@given(worlds())
def test_with_everybody_back_and_the_time_over_it_ends(world):
    """Open; or put back, and then open; or forked. Nobody waits for ever."""
    log, tails, words, missing = facts(world, everybody=True)
    decision = decide(log, tails, words, missing, waited_out=True)
    event(type(decision).__name__)
    if isinstance(decision, Heal):
        after = put_back(world[0], tails, decision)
        decision = decide(side("log", after), tails, words, missing, waited_out=True)
        assert decision == Open()
    assert isinstance(decision, Open | Forked)


@settings(max_examples=200, deadline=None)
@given(worlds())
def test_what_was_only_lost_is_healed_when_somebody_holds_the_whole_of_it(world):
    log, members = world
    true = max((chain for _, chain, *_ in members), key=len, default="")
    honest = [(n, c, 1, True, True) for n, c, *_ in members if true.startswith(c)]
    if not true.startswith(log) or len(log) == len(true):
        return
    side_of, tails, words, missing = facts((log, honest))
    decision = decide(side_of, tails, words, missing, waited_out=False)
    assert isinstance(decision, Heal)
    assert decision.through == len(true)
