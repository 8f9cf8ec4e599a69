"""Healing, given what the log holds, what was said, and who holds what: then this is done."""

from projections.healing import Forked, Heal, Open, Part, Side, Wait, decide
from projections.settlements import Settlement
from projections.witnesses import Word


def run(name, events, first=1, before=""):
    """A side with one event a letter; events are equal where letters are, and hashes name them."""
    hashes = {first + n: letter for n, letter in enumerate(events)}
    return Side(name, first, first + len(events) - 1, hashes, before)


def log(events):
    return run("log", events)


def said(**words):
    return [(name, Word(position, hash)) for name, (position, hash) in words.items()]


def decided(log, tails=(), words=(), missing=(), waited_out=False, settlements=()):
    return decide(log, tails, words, missing, waited_out, settlements)


# --- opening --------------------------------------------------------------------------------------


def test_a_log_that_nobody_has_seen_further_is_whole():
    assert decided(log("abc"), words=said(chat=(3, "c"), late=(1, "a"))) == Open()


def test_a_log_that_nobody_knows_of_may_be_empty():
    assert decided(log("")) == Open()


def test_who_has_not_spoken_yet_is_waited_for():
    assert decided(log("abc"), missing={"chat-2"}) == Wait("to report again", ("chat-2",))


def test_after_the_time_it_goes_on_without_who_has_not_spoken():
    assert decided(log("abc"), missing={"b", "a"}, waited_out=True) == Open(("a", "b"))


def test_a_log_is_not_written_to_while_somebodys_last_word_lies_beyond_its_head():
    words = said(chat=(5, "e"))
    assert isinstance(decided(log("abc"), words=words), Wait)
    assert isinstance(decided(log("abc"), words=words, waited_out=True), Forked)


# --- putting back ---------------------------------------------------------------------------------


def test_a_tail_that_continues_the_log_exactly_is_put_back():
    tail = run("journal", "abcde")
    assert decided(log("abc"), [tail]) == Heal((Part("journal", 3, 5),))


def test_a_log_that_is_gone_is_put_back_from_its_beginning():
    assert decided(log(""), [run("journal", "abc")]) == Heal((Part("journal", 0, 3),))


def test_a_tail_that_begins_right_behind_the_head_continues_it_if_its_first_event_says_so():
    tail = run("chat", "de", first=4, before="c")
    assert decided(log("abc"), [tail]) == Heal((Part("chat", 3, 5),))
    stranger = tail._replace(before="C")
    assert isinstance(decided(log("abc"), [stranger], waited_out=True), Forked)


def test_the_longest_tail_wins():
    tails = [run("journal", "abcd"), run("chat", "bcdef", first=2)]
    assert decided(log("abc"), tails) == Heal((Part("chat", 3, 6),))


def test_of_two_that_are_equal_the_own_journal_is_taken():
    tails = [run("journal", "abcd"), run("chat", "abcd")]
    assert decided(log("abc"), tails) == Heal((Part("journal", 3, 4),))


def test_a_tail_that_begins_later_goes_behind_another_one():
    tails = [run("journal", "abcd"), run("chat", "defg", first=4)]
    assert decided(log("a"), tails) == Heal((Part("journal", 1, 4), Part("chat", 4, 7)))


def test_a_tail_that_does_not_reach_back_to_the_head_is_of_no_use():
    assert isinstance(decided(log("a"), [run("chat", "cd", first=3, before="b")]), Wait)


def test_nothing_is_put_back_before_everybody_has_spoken_who_may_have_more():
    tail = run("journal", "abcd")
    assert isinstance(decided(log("abc"), [tail], missing={"chat"}), Wait)
    assert decided(log("abc"), [tail], missing={"chat"}, waited_out=True) == Heal(
        (Part("journal", 3, 4),)
    )


def test_a_tail_is_put_back_only_if_it_reaches_as_far_as_anybody_has_seen():
    tail, words = run("journal", "abcd"), said(chat=(5, "e"))
    assert isinstance(decided(log("abc"), [tail], words), Wait)
    decision = decided(log("abc"), [tail], words, waited_out=True)
    assert isinstance(decision, Forked)
    assert decision.beyond
    assert "chat" in decision.reason
    assert "5" in decision.reason


# --- forks ----------------------------------------------------------------------------------------


def test_another_event_where_somebody_has_seen_one_is_for_a_person_to_decide():
    decision = decided(log("abX"), words=said(chat=(3, "c")))
    assert decision == Forked("chat has seen another event at position 3")


def test_a_journal_that_ends_with_another_event_than_the_log_is_a_fork():
    assert isinstance(decided(log("abXY"), [run("journal", "abc")]), Forked)


def test_a_journal_that_goes_on_from_another_event_is_a_fork():
    assert isinstance(decided(log("aX"), [run("journal", "abcd")], waited_out=True), Forked)


def test_tails_that_contradict_each_other_are_a_fork():
    tails = [run("journal", "abcd"), run("chat", "abcXe")]
    assert isinstance(decided(log("abc"), tails), Forked)


def test_a_tail_that_contradicts_somebodys_word_is_a_fork():
    assert isinstance(decided(log("abc"), [run("journal", "abcde")], said(chat=(4, "X"))), Forked)


def test_a_contradiction_is_told_before_everybody_has_spoken():
    assert isinstance(decided(log("abX"), words=said(chat=(3, "c")), missing={"b"}), Forked)


def test_an_event_that_is_missing_in_the_midst_of_the_log_is_no_agreement():
    holed = Side("log", 1, 3, {1: "a", 3: "c"})
    assert isinstance(decided(holed, words=said(chat=(2, "b"))), Forked)


def test_what_an_operator_has_decided_against_counts_no_more():
    settled = [Settlement(after=2, position=5)]
    words = said(chat=(3, "c"), other=(4, "d"))
    assert decided(log("abXYZ"), words=words, settlements=settled) == Open()


def test_a_decision_says_nothing_of_what_lies_before_or_behind_it():
    settled = [Settlement(after=2, position=4)]
    assert isinstance(decided(log("aBXYZ"), words=said(c=(2, "b")), settlements=settled), Forked)
    assert isinstance(decided(log("abXYZ"), words=said(c=(5, "e")), settlements=settled), Forked)
