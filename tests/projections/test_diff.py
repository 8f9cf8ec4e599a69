from hypothesis import example, given
from hypothesis import strategies as st

from projections.diff import Diff, diff, unified

TEXTS = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=12).map("\n".join)


def patched(old: str, difference: Diff) -> str:
    """What the hunks make of ``old``; they must fit it everywhere."""
    *ended, last = old.split("\n")
    lines = [f"{line}\n" for line in ended] + ([last] if last else [])
    new, at = [], 0
    for hunk in difference.hunks:
        begin = hunk.old_start - (hunk.old_lines > 0)
        new += lines[at:begin]
        at = begin
        assert len(new) == hunk.new_start - (hunk.new_lines > 0)
        for line in hunk.lines:
            text = line.text + "\n" * line.ended
            if line.op != "+":
                assert lines[at] == text
                at += 1
            if line.op != "-":
                new.append(text)
        assert sum(line.op != "+" for line in hunk.lines) == hunk.old_lines
        assert sum(line.op != "-" for line in hunk.lines) == hunk.new_lines
    return "".join(new + lines[at:])


@given(TEXTS, TEXTS, st.integers(0, 4))
@example("a", "a\n", 3)
@example("", "a", 3)
def test_the_hunks_make_the_new_text_of_the_old_one(old, new, context):
    found = diff(old, new, context)
    assert patched(old, found) == new
    assert not found.coarse
    assert bool(found.hunks) == (old != new)


@given(TEXTS, TEXTS)
def test_no_fewer_lines_could_have_changed(old, new):
    hunks = diff(f"{old}\n", f"{new}\n").hunks
    changed = sum(line.op != " " for hunk in hunks for line in hunk.lines)
    a, b = old.split("\n"), new.split("\n")
    assert changed == len(a) + len(b) - 2 * common(a, b)


def common(a: list[str], b: list[str]) -> int:
    """How long the longest common subsequence is, found the plain and slow way."""
    row = [0] * (len(b) + 1)
    for one in a:
        before = row
        row = [0]
        for j, other in enumerate(b):
            row.append(before[j] + 1 if one == other else max(before[j + 1], row[j]))
    return row[-1]


def test_a_change_is_shown_with_its_context():
    old = "".join(f"{n}\n" for n in range(1, 21))
    new = old.replace("10\n", "ten\n").replace("12\n", "")
    assert unified(diff(old, new), "v1", "v2") == (
        "--- v1\n+++ v2\n@@ -7,9 +7,8 @@\n 7\n 8\n 9\n-10\n+ten\n 11\n-12\n 13\n 14\n 15\n"
    )


def test_changes_far_apart_are_hunks_of_their_own():
    old = "".join(f"{n}\n" for n in range(1, 21))
    new = old.replace("2\n", "two\n", 1).replace("19\n", "nineteen\n")
    starts = [(hunk.old_start, hunk.old_lines) for hunk in diff(old, new).hunks]
    assert starts == [(1, 5), (16, 5)]


def test_a_last_line_without_newline_is_marked():
    text = unified(diff("a\nb", "a\nb\n"), "v1", "v2")
    assert text.endswith("@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n")


def test_only_a_newline_ends_a_line():
    (hunk,) = diff("a\u2028b\x0bc\r\n", "a\u2028b\x0bc\n").hunks
    assert [line.text for line in hunk.lines] == ["a\u2028b\x0bc\r", "a\u2028b\x0bc"]


def test_too_much_work_is_given_up_and_said():
    old = "head\n" + "a\nb\n" * 300 + "tail\n"
    new = "head\n" + "b\nb\na\n" * 300 + "tail\n"
    found = diff(old, new, budget=1_000)
    assert found.coarse
    assert patched(old, found) == new
    (hunk,) = found.hunks
    assert [line.op for line in hunk.lines].count(" ") == 2  # both ends are shared
    assert not diff(old, new).coarse


def test_lines_of_only_one_text_cost_nothing():
    old = "".join(f"old {n}\n" for n in range(5_000))
    new = "".join(f"new {n}\n" for n in range(5_000))
    assert not diff(old, new, budget=10).coarse
