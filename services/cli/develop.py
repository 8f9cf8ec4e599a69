"""``promptcast dev``: the whole system on this machine."""

from typing import Annotated

import typer


def dev(
    replicas: Annotated[int, typer.Option(min=1, max=64, help="How many chat replicas.")] = 3,
    chat_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the chat; 0 is any free one.")
    ] = 8080,
    admin_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the edit API; 0 is any free one.")
    ] = 8081,
    data_dir: Annotated[
        str, typer.Option(help="Where the history, the admin key and the logs are kept.")
    ] = ".promptcast",
    ready_file: Annotated[
        str | None,
        typer.Option(help="Write addresses and pids there once all is ready.", show_default=False),
    ] = None,
    supervise: Annotated[
        bool,
        typer.Option("--supervise/--no-supervise", help="Restart what dies or hangs."),
    ] = True,
) -> None:
    """Run everything on this machine: log, admin service, chat replicas and a model.

    Nothing needs to be prepared. REDIS_URL names a server of your own; OPENAI_API_KEY (or
    OPENAI_BASE_URL) a real model instead of the demo model. Ctrl-C stops everything; the data
    directory keeps the history for the next start.

    Example:

        promptcast dev --replicas 5 --chat-port 0
    """
    from services.dev.main import run

    run(
        replicas=replicas,
        chat_port=chat_port,
        admin_port=admin_port,
        data_dir=data_dir,
        ready_file=ready_file,
        supervise=supervise,
    )
