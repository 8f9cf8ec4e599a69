"""``promptcast fork`` and ``repair``: what an operator does when a log is not what it was."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from services.cli import output
from services.cli.session import with_client

if TYPE_CHECKING:
    from services.cli.client import AdminClient

Log = Annotated[
    Literal["log", "access"],
    typer.Option("--log", help="Which log: the prompts' (log), or who may do what (access)."),
]
EitherLog = Annotated[
    Literal["log", "access"] | None,
    typer.Option("--log", help="Only this one: the prompts' (log), or who may do what (access)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the API's JSON.")]
Action = Annotated[
    Literal["show", "keep-log", "keep-journal"],
    typer.Argument(
        help="Look; or go on with what Redis holds; or with what this admin's journal holds."
    ),
]
SECONDS = 120.0
"""The admin service reads a whole log meanwhile."""


def fork(action: Action = "show", log: Log = "log", json: AsJson = False) -> None:
    """Say what became of a log that is not what it was, and decide which of two goes on.

    Nothing is lost by it: the events of the other side go into a file of the admin service, which
    'promptcast fork show' lists. Numbers go on past every position that was ever reported.

    Examples:

        promptcast fork show

        promptcast fork keep-journal
    """
    if action == "show":
        shown = with_client(_forks)
        return output.as_json(shown) if json else _show(shown)
    keep = action.removeprefix("keep-")
    done = with_client(lambda client: _post(client, "/api/v1/logs/settle", log, {"keep": keep}))
    return output.as_json(done) if json else _tell(done, f"the {keep} goes on")


def repair(log: Log = "log", json: AsJson = False) -> None:
    """Make a log whole again that holds entries that are not ours, or has holes.

    What the admin's journal holds fills the holes; strange entries are left out. It refuses when
    the log and the journal contradict each other: then it is a matter of 'promptcast fork'.

    Example:

        promptcast repair
    """
    done = with_client(lambda client: _post(client, "/api/v1/logs/repair", log, {}))
    if json:
        return output.as_json(done)
    return _tell(done, "whole again" if done["changed"] else "nothing to repair")


def _show(shown: dict[str, Any]) -> None:
    for name in ("log", "access"):
        _show_log(name, shown[name])
    for file in shown["files"]:
        output.line(f"file {file['name']}: {file['log']} {file['first']} to {file['last']}")
    if not shown["files"]:
        output.note("no events were given up")


def _show_log(name: str, told: dict[str, Any]) -> None:
    reason = f": {told['reason']}" if told["reason"] else ""
    output.line(f"{name}: {told['state']}{reason}", None if told["state"] == "open" else "red")
    for what in ("head", "journal"):
        if told[what]:
            output.line(f"  {what:<8} position {told[what]['position']}, {told[what]['hash']}")
    _show_extent(name, told)
    if told["state"] != "open" and told["common"] is not None:
        output.line(f"  both hold the same events through position {told['common']}")
    for member in told["beyond"]:
        output.line(f"  {member['name']} has told of position {member['position']}")
    if told["state"] == "diverged" and "promptcast " not in told["reason"]:
        output.line(f"  decide: {' or '.join(_decisions(name))}")


def _show_extent(name: str, told: dict[str, Any]) -> None:
    """An admin service that is older tells neither."""
    if told.get("trimmed"):
        output.line(f"  trimmed through {told['trimmed']}")
    for hole in told.get("lacks") or ():
        missing = f"{hole['first']} to {hole['last']}"
        output.line(f"  this admin's journal lacks {missing}: promptcast fill{_option(name)}")


def _decisions(log: str) -> list[str]:
    where = _option(log)
    return [f"promptcast fork {action}{where}" for action in ("keep-log", "keep-journal")]


def _option(log: str) -> str:
    return "" if log == "log" else f" --log {log}"


def _tell(done: dict[str, Any], what: str) -> None:
    output.line(f"{done['log']}: {what}, {done['events']} events, head at {done['position']}")
    if done["file"]:
        output.line(f"what was given up is in the admin's file {done['file']}")


async def _forks(client: "AdminClient") -> dict[str, Any]:
    found: dict[str, Any] = await client.get("/api/v1/forks")
    return found


async def _post(client: "AdminClient", path: str, log: str, body: dict[str, Any]) -> dict[str, Any]:
    asked = {**body, "log": log}
    done: dict[str, Any] = await client.call("POST", path, body=asked, waits=SECONDS)
    return done
