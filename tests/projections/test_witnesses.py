"""Witnesses: what was said of a log is remembered for as long as it may matter."""

from projections.witnesses import (
    WORDS_KEPT,
    Witnesses,
    Word,
    awaited,
    doubted,
    heard,
    left,
    overruled,
    settled,
)

LOG = "log-1"


def given(*spoken, log_id=LOG, witnesses=None):
    """Witnesses after ``(name, position, hash)`` were said, a second apart."""
    witnesses = witnesses or Witnesses()
    for now, (name, position, hash) in enumerate(spoken):
        witnesses = heard(witnesses, name, "replica", log_id, Word(position, hash), float(now))
    return witnesses


def words(witnesses, log_id=LOG):
    return {(name, *word) for name, word in witnesses.words(log_id)}


def test_the_furthest_that_somebody_has_been_counts_beside_the_last():
    said = given(("chat-1", 5, "e"), ("chat-1", 3, "c"))
    assert said.known["chat-1"].furthest == (5, "e")
    assert words(said) == {("chat-1", 5, "e"), ("chat-1", 3, "c")}


def test_while_nothing_is_in_doubt_a_later_word_takes_the_place_of_the_furthest():
    said = given(("chat-1", 5, "e"), ("chat-1", 6, "f"))
    assert words(said) == {("chat-1", 6, "f")}


def test_in_doubt_nothing_that_was_said_is_let_go_of():
    """A replica that follows the other log after its patience does not make its old word undone."""
    before = doubted(given(("chat-1", 5, "e")))
    said = given(("chat-1", 5, "E"), ("chat-1", 7, "G"), witnesses=before)
    assert words(said) == {("chat-1", 5, "e"), ("chat-1", 5, "E"), ("chat-1", 7, "G")}


def test_what_one_witness_says_in_doubt_is_bounded():
    said = doubted(given(("chat-1", 5, "e")))
    for position in range(6, 100):
        said = given(("chat-1", position, "x"), witnesses=said)
    assert len(said.known["chat-1"].words) == WORDS_KEPT


def test_once_the_log_is_whole_only_last_words_count():
    said = settled(given(("chat-1", 7, "G"), witnesses=doubted(given(("chat-1", 5, "e")))))
    assert words(said) == {("chat-1", 7, "G")}
    assert said.in_doubt is False


def test_who_knows_nothing_yet_says_nothing_and_was_heard_all_the_same():
    said = given(("chat-1", 0, "0"))
    assert words(said) == set()
    assert said.heard_since(0.0) == {"chat-1"}


def test_only_witnesses_of_the_same_log_count():
    said = given(("stranger", 9, "z"), log_id="log-2", witnesses=given(("chat-1", 5, "e")))
    assert words(said) == {("chat-1", 5, "e")}
    assert said.strangers(LOG) == {"stranger"}
    assert awaited(said, ["stranger"], LOG, doubted_at=1.0, since=1.0) == {"chat-1"}


def test_who_does_not_know_the_log_itself_hears_everybody():
    said = given(("stranger", 9, "z"), log_id="log-2", witnesses=given(("chat-1", 5, "e")))
    assert words(said, "") == {("chat-1", 5, "e"), ("stranger", 9, "z")}


def test_a_witness_that_follows_another_log_now_has_said_nothing_before():
    said = given(("chat-1", 3, "c"), log_id="log-2", witnesses=given(("chat-1", 5, "e")))
    assert words(said, "log-2") == {("chat-1", 3, "c")}
    assert words(said) == set()


def test_a_witness_that_names_no_log_speaks_of_the_one_that_it_spoke_of_before():
    said = given(("chat-1", 0, ""), log_id=None, witnesses=given(("chat-1", 5, "e")))
    assert words(said, "log-2") == set()
    assert ("chat-1", 5, "e") in words(said)


def test_who_has_left_is_not_waited_for_and_forgotten():
    said = left(given(("chat-1", 5, "e")), "chat-1")
    assert (words(said), awaited(said, [], LOG, 1.0, since=-100.0)) == (set(), set())


def test_in_doubt_the_word_of_who_has_left_still_counts_but_nobody_waits():
    said = left(doubted(given(("chat-1", 5, "e"))), "chat-1")
    assert words(said) == {("chat-1", 5, "e")}
    assert awaited(said, [], LOG, 1.0, since=-100.0) == set()
    assert settled(said).known == {}


def test_whose_events_were_given_up_is_not_believed_until_it_goes_along_again():
    said = overruled(given(("chat-1", 5, "e")), "chat-1")
    assert words(said) == set()
    again = heard(said, "chat-1", "replica", LOG, Word(5, "e"), 2.0, diverged=True)
    assert words(again) == set()
    along = heard(again, "chat-1", "replica", LOG, Word(4, "D"), 3.0)
    assert ("chat-1", 4, "D") in words(along)


def test_waited_for_are_those_who_were_heard_shortly_before():
    said = given(("gone", 5, "e"))
    said = heard(said, "here", "admin", LOG, Word(5, "e"), 30.0)
    assert awaited(said, [], LOG, doubted_at=31.0, since=0.0) == {"here"}


def test_who_has_not_listened_for_long_waits_for_every_group_too():
    said = given(("chat-1", 5, "e"))
    assert awaited(said, ["chat-1", "chat-2"], LOG, 1.0, since=0.5) == {"chat-1", "chat-2"}
    assert awaited(said, ["chat-1", "chat-2"], LOG, 1.0, since=-60.0) == {"chat-1"}
