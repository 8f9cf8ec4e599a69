"""The fleet: its members, what each has applied, and how far an event has spread over them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from projections.live import holds
from projections.reports import Rejection, Report, Status

Outcome = Literal["applied", "rejected", "skipped", "pending"]
Convergence = Literal["pending", "converged", "partial", "rejected", "no_replicas"]


LAGS_KEPT = 32


@dataclass(frozen=True, slots=True)
class Limits:
    """When a member is silent. Seconds."""

    lagging: float = 3.0
    """Without a heartbeat for this long, or behind the head for this long."""
    gone: float = 15.0


@dataclass(frozen=True, slots=True)
class Member:
    """A replica that was seen and has not left. ``heard_at`` and ``behind_since`` are monotonic."""

    replica: str
    heard_at: float
    report: Report | None = None
    """None: known to the log as a consumer group, but not heard of yet."""
    status: Status | None = None
    behind_since: float | None = None
    lags: tuple[tuple[int, int], ...] = ()
    """(position, lag in µs) of what it applied most recently."""
    former: str | None = None
    """The instance before this one: what it still says comes too late."""

    @property
    def position(self) -> int:
        """The applied position, as last reported."""
        return self.report.position if self.report else 0

    def rejection(self, position: int) -> Rejection | None:
        """What the member said against the event at ``position``."""
        rejected = self.report.rejected if self.report else ()
        return next((r for r in rejected if r.position == position), None)


@dataclass(frozen=True, slots=True)
class Spread:
    """What one member has made of one event."""

    replica: str
    outcome: Outcome
    lag_us: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Fleet:
    """All members, by replica id."""

    members: Mapping[str, Member] = field(default_factory=dict)


def heard(fleet: Fleet, report: Report, head: int, now: float) -> Fleet:
    """The fleet after a report. Reports may be repeated, and come late from an older instance."""
    members = dict(fleet.members)
    known = members.get(report.replica)
    if known and _overtaken(known, report):
        return fleet
    if report.left:
        members.pop(report.replica, None)
        return Fleet(members)
    behind = report.position < head
    since = (known.behind_since if known else None) or now
    members[report.replica] = Member(
        replica=report.replica,
        heard_at=now,
        report=report,
        status=report.status or _patched(known.status if known else None, report),
        behind_since=since if behind else None,
        lags=_lags(known, report),
        former=_former(known, report),
    )
    return Fleet(members)


def known_groups(fleet: Fleet, groups: Iterable[str], now: float) -> Fleet:
    """The fleet after a look at the log's consumer groups: those are members, even if silent.

    Who has spoken is a member without one, too: groups go with a log that is lost and put back, and
    whoever is cut off meanwhile cannot make its own anew. A group that nobody has spoken for is all
    that is known of its member.
    """
    members = {name: Member(name, now) for name in groups}
    kept = {n: each for n, each in fleet.members.items() if n in members or each.report is not None}
    return Fleet({**members, **kept})


def _overtaken(known: Member, report: Report) -> bool:
    """Whether a report comes in behind a newer one, of the same instance or of the one after it."""
    if report.instance == known.former:
        return True
    last = known.report
    return bool(last and last.instance == report.instance and last.sequence >= report.sequence)


def _former(known: Member | None, report: Report) -> str | None:
    if known is None or known.report is None or known.report.instance == report.instance:
        return known.former if known else None
    return known.report.instance


def _patched(status: Status | None, report: Report) -> Status | None:
    """What the last heartbeat told, with what has changed since."""
    if status is None or not report.changed:
        return status
    live = {**status.live, **report.changed}
    held = {name: version for name, version in live.items() if version is not None}
    return replace(status, live=held)


def _lags(known: Member | None, report: Report) -> tuple[tuple[int, int], ...]:
    lags = known.lags if known else ()
    if report.lag_us is None or (lags and lags[-1][0] == report.position):
        return lags
    return (*lags[1 - LAGS_KEPT :], (report.position, report.lag_us))


def answers(fleet: Fleet, prompt: str) -> dict[int, int]:
    """How many answers the members have given from each version of ``prompt``, as they last told."""
    total: Counter[int] = Counter()
    for member in fleet.members.values():
        if member.status:
            total.update(member.status.answers.get(prompt, {}))
    return dict(total)


def outcome(member: Member, position: int, prompt: str | None) -> Outcome:
    """What ``member`` has made of the event at ``position`` about ``prompt``, in one word."""
    report = member.report
    if report is None or report.position < position or report.state == "diverged":
        return "pending"  # a position of another log says nothing of ours
    if report.rejected and member.rejection(position):
        return "rejected"
    if prompt and member.status and not holds(member.status.globs, prompt):
        return "skipped"
    return "applied"


def spread(member: Member, position: int, prompt: str | None) -> Spread:
    """The same with the lag, or with the reason of a rejection."""
    made, lag_us, reason = outcome(member, position, prompt), None, None
    if made == "applied":
        lag_us = next((lag for at, lag in reversed(member.lags) if at == position), None)
    elif made == "rejected" and (rejection := member.rejection(position)):
        reason = f"{rejection.reason}: {rejection.detail}" if rejection.detail else rejection.reason
    return Spread(member.replica, made, lag_us, reason)


def convergence(spreads: Iterable[Spread], waited: bool) -> Convergence:
    """One word for how far an event has spread; ``waited``: somebody waited for it in vain."""
    outcomes = {spread.outcome for spread in spreads}
    if not outcomes:
        return "no_replicas"
    if "rejected" in outcomes:
        return "rejected"
    if "pending" in outcomes:
        return "partial" if waited else "pending"
    return "converged"


def state(member: Member, now: float, limits: Limits) -> str:
    """The member's state: its own word, unless it is silent or behind for too long."""
    silent = now - member.heard_at
    if silent > limits.gone:
        return "gone"
    if silent > limits.lagging:
        return "lagging"
    if member.behind_since is not None and now - member.behind_since > limits.lagging:
        return "lagging"
    return member.report.state if member.report else "starting"
