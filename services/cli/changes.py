"""``promptcast save``, ``restore`` and ``archive``."""

import sys
from typing import Annotated, Any

import typer

from services.cli import change, output, propagation, values
from services.cli.errors import CliError
from services.cli.session import with_client

Name = Annotated[str, typer.Argument(metavar="NAME", help="The prompt's name.", show_default=False)]
Note = Annotated[
    str | None, typer.Option(help="Why, for the history (≤ 1,000 characters).", show_default=False)
]
File = Annotated[
    str | None,
    typer.Argument(
        metavar="FILE|-",
        help="The template's file; '-' is standard input.",
        show_default=False,
    ),
]
Text = Annotated[str | None, typer.Option(help="The template itself.", show_default=False)]
Model = Annotated[str | None, typer.Option(help="The model that answers.", show_default=False)]
Parameters = Annotated[
    list[str] | None,
    typer.Option(help="A parameter of the model, k=v (v is JSON). Repeatable.", metavar="K=V"),
]
Variables = Annotated[
    list[str] | None,
    typer.Option(help="A default for a template variable, k=v. Repeatable.", metavar="K=V"),
]
ConfigFile = Annotated[
    str | None,
    typer.Option(help="A JSON file that replaces the whole config.", show_default=False),
]
ResetConfig = Annotated[bool, typer.Option("--reset-config", help="Begin with an empty config.")]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait until every replica has reported.")
]
Timeout = Annotated[float, typer.Option(min=0.1, max=30, help="How many seconds to wait at most.")]
IfRevision = Annotated[
    int | None,
    typer.Option(
        help="Change it only if it is at this revision (default: the one read first).",
        show_default=False,
        min=1,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Go over whatever is there.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the API's JSON.")]


def save(  # noqa: PLR0913, PLR0917  the parameters are the command's options
    name: Name,
    file: File = None,
    template: Text = None,
    note: Note = None,
    model: Model = None,
    param: Parameters = None,
    var: Variables = None,
    config: ConfigFile = None,
    reset_config: ResetConfig = False,
    wait: Wait = True,
    timeout: Timeout = 5.0,
    if_revision: IfRevision = None,
    force: Force = False,
    json: AsJson = False,
) -> None:
    """Save a new version: it is live at once.

    The template comes from FILE, from standard input ('-') or from --template; without any of
    them it stays as it is and only the config changes. The live version's config is kept but for
    what --model, --param and --var say; --config FILE replaces it, --reset-config empties it.

    Exit status: 0 live everywhere (or not waited for), 3 saved but not everywhere, 4 the revision
    moved, 1 anything else.

    Examples:

        promptcast save system prompt.txt --note "friendlier"

        echo "You are {{ bot }}." | promptcast save system - --var bot=Ada

        promptcast save system --param temperature=0.2 --model gpt-5
    """
    text = _template(file, template)
    if config is not None and reset_config:
        raise CliError("--config replaces the config already: leave --reset-config out")
    base = values.read_config(config) if config is not None else {} if reset_config else None
    overrides = change.Overrides(
        base, model, values.parameters(param or ()), values.variables(var or ())
    )
    if text is None and not overrides:
        raise CliError("nothing to save: give FILE, '-' or --template, or something of the config")
    when = _condition(if_revision, force, timeout if wait else None)
    name = values.prompt_name(name)
    done = with_client(lambda client: change.save(client, name, text, overrides, note, when))
    _tell(done, "saved", json)


def restore(
    name: Name,
    version: Annotated[
        int,
        typer.Argument(
            metavar="VERSION", help="The version to make live again.", min=1, show_default=False
        ),
    ],
    note: Note = None,
    wait: Wait = True,
    timeout: Timeout = 5.0,
    if_revision: IfRevision = None,
    force: Force = False,
    json: AsJson = False,
) -> None:
    """Make an earlier version live again; no new version is made.

    Exit status: 0 live everywhere (or not waited for), 3 restored but not everywhere, 4 the
    revision moved, 1 anything else.

    Example:

        promptcast restore system 41 --note "v42 was rude"
    """
    when = _condition(if_revision, force, timeout if wait else None)
    name = values.prompt_name(name)
    done = with_client(lambda client: change.restore(client, name, version, note, when))
    _tell(done, "restored", json)


def archive(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Wait = True,
    timeout: Timeout = 5.0,
    if_revision: IfRevision = None,
    force: Force = False,
    json: AsJson = False,
) -> None:
    """Take a prompt out of service. Its history stays, and a save brings it back.

    Exit status as for save.

    Example:

        promptcast archive old-bot
    """
    when = _condition(if_revision, force, timeout if wait else None)
    name = values.prompt_name(name)
    if not yes:
        if not sys.stdin.isatty():
            raise CliError("archiving is confirmed on a terminal; elsewhere with --yes")
        typer.confirm(f"Archive {name}? No replica will serve it any more.", abort=True, err=True)
    done = with_client(lambda client: change.archive(client, name, when))
    _tell(done, "archived", json)


def _template(file: str | None, template: str | None) -> str | None:
    if file is not None and template is not None:
        raise CliError("give the template once: as FILE or as --template")
    if file is not None:
        return values.read_text(file)
    return None if template is None else values.argument_text(template)


def _condition(revision: int | None, force: bool, wait: float | None) -> change.Condition:
    if revision is not None and force:
        raise CliError("--if-revision and --force contradict each other")
    return change.Condition(revision, force, wait)


def _tell(done: dict[str, Any], action: str, json: bool) -> None:
    """Print what happened and end with its exit status."""
    if json:
        output.as_json(done)
    else:
        propagation.show(done, action)
    if status := propagation.status(done):
        raise typer.Exit(status)
