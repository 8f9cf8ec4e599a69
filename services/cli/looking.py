"""``promptcast show``, ``history``, ``diff`` and ``validate``: they change nothing."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli import output, prompts, render, values
from services.cli.errors import FAILED, CliError
from services.cli.session import with_client

if TYPE_CHECKING:
    from services.cli.client import AdminClient

Name = Annotated[str, typer.Argument(metavar="NAME", help="The prompt's name.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the API's JSON.")]


def show(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="The prompt's name; without it, all are listed.",
            show_default=False,
        ),
    ] = None,
    version: Annotated[
        int | None,
        typer.Option(help="Another version than the live one.", min=1, show_default=False),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Print the template, and nothing else.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show a prompt as it is live, or one of its versions; or list all prompts.

    Examples:

        promptcast show system

        promptcast show system --version 41 --raw > v41.txt
    """
    if name is None:
        if version is not None or raw:
            raise CliError("name the prompt whose template is wanted")
        listed = with_client(prompts.all_prompts)
        return output.as_json(listed) if json else render.prompts(listed["items"])
    name = values.prompt_name(name)
    found = with_client(lambda client: prompts.version(client, name, version))
    if raw:
        return output.raw(found["template"])
    return output.as_json(found) if json else render.prompt(found)


def history(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many versions to list.")] = 20,
    everything: Annotated[bool, typer.Option("--all", help="List all of them.")] = False,
    json: AsJson = False,
) -> None:
    """List a prompt's versions, the newest first: who saved them when, and when they were live.

    Example:

        promptcast history system --limit 5
    """
    name = values.prompt_name(name)
    most = None if everything else limit
    listed = with_client(lambda client: prompts.versions(client, name, most))
    if json:
        return output.as_json(listed)
    render.history(listed["items"])
    if listed["next"] is not None:
        output.note("there are older versions: --limit N or --all lists them")
    return None


def diff(
    name: Name,
    old: Annotated[
        int, typer.Argument(metavar="FROM", help="A version.", min=1, show_default=False)
    ],
    new: Annotated[
        int | None,
        typer.Argument(metavar="TO", help="Another one; the live one by default.", min=1),
    ] = None,
    json: AsJson = False,
) -> None:
    """Compare two versions of a prompt.

    Example:

        promptcast diff system 41 42
    """
    name = values.prompt_name(name)
    compared = with_client(lambda client: _compared(client, name, old, new))
    if json:
        output.as_json(compared)
    else:
        render.difference(compared)


def validate(
    name: Name,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="The template's file; '-' is standard input.", show_default=False
        ),
    ],
    config: Annotated[
        str | None, typer.Option(help="A JSON file with a config.", show_default=False)
    ] = None,
    json: AsJson = False,
) -> None:
    """Say what a save of this template would say, without saving. Exit status 1 when it is invalid.

    Example:

        promptcast validate system prompt.txt
    """
    body: dict[str, Any] = {"template": values.read_text(file)}
    if config is not None:
        body["config"] = values.read_config(config)
    name = values.prompt_name(name)
    said = with_client(lambda client: prompts.validated(client, name, body))
    if json:
        output.as_json(said)
    else:
        render.verdict("standard input" if file == "-" else file, said)
    if not said["valid"]:
        raise typer.Exit(FAILED)


async def _compared(client: "AdminClient", name: str, old: int, new: int | None) -> dict[str, Any]:
    if new is None:
        new = (await prompts.version(client, name, None))["version"]
    return await prompts.compared(client, name, old, new)
