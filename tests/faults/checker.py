"""The checker: judges what happened. Pure: facts in, violations out.

**A** nothing acknowledged is lost · **B** gapless, chained, trimmed by its own word alone ·
**C** nothing landed twice, nothing refused landed · **D** real-time order · **E** no replica goes
backwards · **F** all at the head soon · **G** chat answers are of one version, live then, and do not
fail · **H** bounded · **I** truth told · **S** what one scenario alone demands
"""

from collections.abc import Callable, Iterator

from tests.faults.facts import Facts, Violation
from tests.faults.invariants import acknowledged, bounds, chain, chatting, following, truth

CHECKS: tuple[Callable[[Facts], Iterator[Violation]], ...] = (
    acknowledged.lost,
    chain.broken,
    chain.trimmed,
    acknowledged.doubled,
    acknowledged.reordered,
    following.backward,
    following.late,
    chatting.failed,
    chatting.wrong,
    bounds.unbounded,
    bounds.died,
    bounds.demanded,
    truth.premature,
    truth.unnamed,
    truth.unmarked,
    truth.untrue,
)


def check(facts: Facts) -> list[Violation]:
    """Everything that was broken, in the order of the invariants."""
    return [violation for judged in CHECKS for violation in judged(facts)]
