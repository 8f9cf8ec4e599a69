#!/usr/bin/env python3
"""Print the installed packages that promptcast does not ask for, one a line: what has built it.

The lock is one for `make run`, which builds and has an embedded server. An image needs neither.
"""

from importlib.metadata import distribution, distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OURS = "promptcast"


def asked_for(name: str, extras: frozenset[str], seen: set[tuple[str, str]]) -> set[str]:
    """``name`` with these extras and all that they need here, as canonical names."""
    needed: set[str] = {canonicalize_name(name)}
    for line in distribution(name).requires or ():
        requirement = Requirement(line)
        for extra in extras | {""}:
            mark = (line, extra)
            applies = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
            if applies and mark not in seen:
                seen.add(mark)
                needed |= asked_for(requirement.name, frozenset(requirement.extras), seen)
    return needed


def main() -> None:
    """What is here, without what is needed."""
    needed = asked_for(OURS, frozenset(), set())
    for each in sorted({canonicalize_name(each.name) for each in distributions()} - needed):
        print(each)  # noqa: T201  it is what the script is for


if __name__ == "__main__":
    main()
