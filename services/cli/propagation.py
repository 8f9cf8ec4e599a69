"""How a change spread over the fleet: told in a line and a table, and as an exit status."""

from typing import Any

from services.cli import output
from services.cli.errors import CONVERGED, NOT_EVERYWHERE

_STYLES = {"converged": "green", "partial": "yellow", "rejected": "red", "no_replicas": "yellow"}

_WAITED = {"converged", "partial", "rejected"}


def status(change: dict[str, Any]) -> int:
    """0: every member has it, or nobody asked, or nobody is there; 3: not everywhere."""
    state = _propagation(change).get("state")
    return NOT_EVERYWHERE if state in {"partial", "rejected"} else CONVERGED


def show(change: dict[str, Any], action: str) -> None:
    """``system v42 saved at position 57 — live on 3/3 replicas in 2.1 ms``, and each replica."""
    spread = _propagation(change)
    version = f" v{change['version']}" if change.get("version") else ""
    line = f"{change['prompt']}{version} {action} at position {change['position']}"
    if change.get("unchanged"):
        line = f"{change['prompt']}{version} is as asked since position {change['position']}"
    state = str(spread.get("state", ""))
    where = "gone from" if change.get("version") is None else "live on"
    output.line(f"{line} — {_arrival(spread, state, where)}", _STYLES.get(state))
    if change.get("durable") is False:
        output.note(f"warning: {action}, but not confirmed in every place where it should be kept")
    if state == "no_replicas":
        output.note("warning: no replica is there to serve it")
    if state in _WAITED:
        _table(spread.get("replicas") or [])


def duration(milliseconds: float | None) -> str:
    """``0.84 ms``, ``31 ms``, ``2.5 s``, ``3 min``; an empty text for None."""
    if milliseconds is None:
        return ""
    if milliseconds < 1_000:
        return f"{milliseconds:.3g} ms" if milliseconds < 100 else f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1_000
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _propagation(change: dict[str, Any]) -> dict[str, Any]:
    return change.get("propagation") or {}


def _arrival(spread: dict[str, Any], state: str, where: str) -> str:
    if state == "no_replicas":
        return "no replica is there"
    if state not in _WAITED:
        return "not waited for"
    outcomes = [replica.get("outcome") for replica in spread.get("replicas", [])]
    concerned = len(outcomes) - outcomes.count("skipped")
    text = f"{where} {outcomes.count('applied')}/{concerned} replicas"
    if took := duration(spread.get("elapsed_ms")):
        text += f" in {took}"
    for outcome in ("rejected", "pending", "skipped"):
        if count := outcomes.count(outcome):
            text += f", {outcome} by {count}" if outcome != "pending" else f", {count} pending"
    return text


def _table(replicas: list[dict[str, Any]]) -> None:
    reasons = any(replica.get("reason") for replica in replicas)
    headers = ["  replica", "outcome", ">lag", *(["reason"] if reasons else [])]
    output.table(
        headers,
        (
            [
                f"  {replica.get('replica')}",
                replica.get("outcome"),
                duration(replica.get("lag_ms")),
                *([replica.get("reason") or ""] if reasons else []),
            ]
            for replica in replicas
        ),
    )
