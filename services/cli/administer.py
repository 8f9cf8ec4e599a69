"""``promptcast admin`` with options; without any, :mod:`services.cli.serve` takes it directly."""

from typing import Annotated

import typer

from services.cli import output, serve
from services.cli.address import DEFAULT_URL, is_http
from services.cli.errors import CliError

_BOOTSTRAP = "Serve nothing: print a one-time sign-in link, good for an hour."


def admin(
    bootstrap: Annotated[bool, typer.Option("--bootstrap", help=_BOOTSTRAP)] = False,
    url: Annotated[
        str, typer.Option(help="Where the panel is reached, for the link.")
    ] = DEFAULT_URL,
) -> None:
    """Run the admin service, configured by the environment (PROMPTCAST_…, REDIS_URL).

    The first person is let in by a link that whoever can reach Redis may make: with --bootstrap,
    which needs REDIS_URL and PROMPTCAST_NAMESPACE as the service has them, and no running service.

    Example:

        promptcast admin --bootstrap --url https://prompts.example.com
    """
    if not bootstrap:
        serve.admin()
        return
    if not is_http(url):
        raise CliError(f"--url is not an http:// or https:// address: {url}")
    output.line(_link(url.rstrip("/")))


def _link(url: str) -> str:
    import asyncio
    import os

    from services.admin.access.bootstrap import sign_in_link
    from services.settings import load_settings

    return asyncio.run(sign_in_link(load_settings(os.environ), url))
