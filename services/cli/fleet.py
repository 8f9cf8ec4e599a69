"""``promptcast status`` and ``watch``: who has what, now and as it changes."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli import output, render
from services.cli.session import with_client

if TYPE_CHECKING:
    from services.cli.client import AdminClient

AsJson = Annotated[bool, typer.Option("--json", help="Print the API's JSON.")]


def status(json: AsJson = False) -> None:
    """Show every replica: its state, how far it is, what it serves, and what it rejected.

    Example:

        promptcast status
    """
    found = with_client(_fleet)
    if json:
        output.as_json(found)
    else:
        render.fleet(found)


def watch(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Follow what is saved and restored, and how it arrives on each replica, until Ctrl-C.

    Example:

        promptcast watch
    """
    from services.cli.watching import watch as follow

    with_client(lambda client: follow(client, json=json))


async def _fleet(client: "AdminClient") -> dict[str, Any]:
    found: dict[str, Any] = await client.get("/api/v1/fleet")
    return found
