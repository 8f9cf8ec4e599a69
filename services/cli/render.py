"""Prompts and fleets for people: tables, pages, and coloured differences."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from services.cli import output
from services.cli.problems import one_error
from services.cli.propagation import duration

_STATE_STYLES = {
    "current": "green",
    "catching_up": "yellow",
    "starting": "yellow",
    "lagging": "yellow",
    "stale": "red",
    "diverged": "red",
    "gone": "red",
}


def prompts(items: Iterable[Mapping[str, Any]]) -> None:
    """All prompts and what is live of them."""
    output.table(
        ["prompt", ">version", ">revision", "author", "recorded at", "note"],
        (
            [p["name"], _version(p), p.get("revision"), p.get("author") or "",
             moment(p.get("recorded_at")), summary(p.get("note"))]
            for p in items
        ),
    )  # fmt: skip


def prompt(found: Mapping[str, Any]) -> None:
    """One version: what is known of it, and then its template, as it is."""
    output.line(f"{found['name']} {_version(found)}", "bold")
    rows = [
        ("revision", found.get("revision")),
        ("position", found.get("position")),
        ("author", found.get("author")),
        ("recorded at", moment(found.get("recorded_at"))),
        ("note", found.get("note")),
        ("config", json.dumps(found.get("config"), ensure_ascii=False)),
        ("content hash", found.get("content_hash")),
    ]
    for label, value in rows:
        if value not in {None, "", "null", "{}"}:
            output.line(f"  {label:<13} {value}")
    output.line("")
    output.line(found["template"].removesuffix("\n"))


def history(items: Iterable[Mapping[str, Any]]) -> None:
    """Versions, the newest first; ``*`` marks the live one."""
    output.table(
        ["", ">version", ">position", "recorded at", "author", ">bytes", "live", "note"],
        (
            ["*" if v.get("live") else "", f"v{v['version']}", v.get("position"),
             moment(v.get("recorded_at")), v.get("author") or "", v.get("size"),
             _when(v.get("live_intervals") or []), summary(v.get("note"))]
            for v in items
        ),
    )  # fmt: skip


def difference(compared: Mapping[str, Any]) -> None:
    """A unified diff, in colour on a terminal."""
    text = compared["unified"]
    for line in text.splitlines():
        style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        output.line(line, "bold" if line.startswith(("+++", "---")) else style)
    if not text:
        output.note("no difference")


def verdict(file: str, said: Mapping[str, Any]) -> None:
    """Whether a template is valid; each mistake as ``file:line:column: what``."""
    if said["valid"]:
        output.line(f"{file}: valid", "green")
    for error in said["errors"]:
        if error.get("line"):
            place = f"{file}:{error['line']}:{error.get('column', 1)}"
            output.line(f"{place}: {error.get('detail', '')}", "red")
        else:
            output.line(f"{file}: {one_error(error)}", "red")


def fleet(found: Mapping[str, Any]) -> None:
    """Every member beside the head of the log."""
    from rich.text import Text

    members, head = found["items"], found.get("head")
    output.line(f"head {head}: {_counted(members)}")
    if any(m["state"] == "diverged" for m in members):
        output.line("the log is not the one that was known: see 'promptcast fork show'", "red")
    output.table(
        ["replica", "state", ">applied", ">behind", ">lag", "live", "last reload", "rejected"],
        (
            [m["id"], Text(str(m["state"]), _STATE_STYLES.get(m["state"], "")),
             m.get("applied_position"), _behind(m, head), duration(m.get("lag_ms")),
             _live(m.get("live") or {}), moment(m.get("last_reload")),
             _rejected(m.get("rejected") or [])]
            for m in members
        ),
    )  # fmt: skip


def moment(time: object) -> str:
    """An RFC 3339 time in UTC, to the second."""
    text = str(time or "")
    return f"{text[:10]} {text[11:19]} UTC" if len(text) > 19 else text


def summary(text: object, width: int = 60) -> str:
    """The first line of a note, cut."""
    first, *more = str(text or "").splitlines() or [""]
    return f"{first[: width - 1]}…" if more or len(first) > width else first


def _when(intervals: list[Mapping[str, Any]]) -> str:
    """When a version was live last: now or until when, who restored it, and how often before."""
    if not intervals:
        return ""
    *before, last = intervals
    text = f"until {moment(last['to'])}" if last.get("to") else "now"
    if last.get("action") == "restored":
        text += f", restored by {last.get('author')}"
    return f"{text}, {len(before)}× before" if before else text


def _version(found: Mapping[str, Any]) -> str:
    return "archived" if found.get("version") is None else f"v{found['version']}"


def _counted(members: list[Mapping[str, Any]]) -> str:
    current = sum(member["state"] == "current" for member in members)
    return f"{current}/{len(members)} replicas are current" if members else "no replicas"


def _behind(member: Mapping[str, Any], head: object) -> object:
    applied = member.get("applied_position")
    return max(0, head - applied) if isinstance(head, int) and isinstance(applied, int) else ""


def _live(live: Mapping[str, Mapping[str, Any]], shown: int = 3) -> str:
    named = [f"{name} v{prompt.get('version')}" for name, prompt in sorted(live.items())]
    more = f" and {len(named) - shown} more" if len(named) > shown else ""
    return ", ".join(named[:shown]) + more


def _rejected(rejected: list[Mapping[str, Any]], shown: int = 2) -> str:
    named = [f"{each.get('position')} ({each.get('reason')})" for each in rejected[-shown:]]
    more = f" and {len(rejected) - shown} more" if len(rejected) > shown else ""
    return ", ".join(named) + more
