"""Matching two sequences: what stays in order, found in bounded time.

The greedy algorithm of Myers, "An O(ND) Difference Algorithm and Its Variations" (1986):
how far does each diagonal reach with 0, 1, 2 … edits? The standard library's ``difflib`` is
quadratic, and worse with many equal items; here the work is counted, and given up in time.
"""

from array import array
from math import isqrt

Match = tuple[int, int]
"""An item of the old sequence that stays, and which one of the new it is. Both count from 0."""


def longest_match(a: list[int], b: list[int], budget: int) -> list[Match] | None:
    """A longest list of matches, in order; None when it takes more than ``budget`` steps."""
    n, m = len(a), len(b)
    limit = min(n + m, isqrt(2 * budget))
    reach = array("l", bytes(array("l").itemsize * (2 * limit + 3)))
    before: list[array[int]] = []
    zero = limit + 1
    for edits in range(limit + 1):
        before.append(reach[zero - edits - 1 : zero + edits + 2])
        for k in range(-edits, edits + 1, 2):
            at = zero + k
            down = k == -edits or (k != edits and reach[at - 1] < reach[at + 1])
            x = start = reach[at + 1] if down else reach[at - 1] + 1
            while x < n and x - k < m and a[x] == b[x - k]:
                x += 1
            reach[at] = x
            if x >= n and x - k >= m:
                return _path(before, n, m)
            budget -= 1 + x - start
        if budget < 0:
            return None
    return None


def _path(before: list["array[int]"], x: int, y: int) -> list[Match]:
    """The matches on the way that led to (x, y), found by going it backwards."""
    matches: list[Match] = []
    for edits in range(len(before) - 1, -1, -1):
        reach, k = before[edits], x - y
        at = k + edits + 1
        down = k == -edits or (k != edits and reach[at - 1] < reach[at + 1])
        from_k = k + 1 if down else k - 1
        from_x = reach[from_k + edits + 1] if edits else 0
        from_y = from_x - from_k if edits else 0
        while x > from_x and y > from_y:
            x, y = x - 1, y - 1
            matches.append((x, y))
        x, y = from_x, from_y
    return matches[::-1]
