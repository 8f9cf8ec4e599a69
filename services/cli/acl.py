"""``promptcast acl``: users for the Redis server, as a file that it takes."""

from typing import Annotated

import typer

from services.cli import output
from services.cli.errors import CliError

_ONE_EACH = "A user for this replica alone, named replica-ID, instead of one for all. Repeatable."


def acl(
    replica: Annotated[
        list[str] | None, typer.Option(metavar="ID", help=_ONE_EACH, show_default=False)
    ] = None,
) -> None:
    """Print a file of users (ACL) for Redis, each with the rights that it needs and no others.

    For PROMPTCAST_NAMESPACE and PROMPTCAST_DURABILITY as the services have them. Put the SHA-256 of a
    password in the place of each ${…_SHA256}; the server does not start as long as one is left.

    Example:

        promptcast acl | envsubst > /etc/redis/users.acl
    """
    import os

    from events.streams.acl import lines
    from events.streams.durability import Durability
    from events.streams.keys import Keys
    from services.settings import load_settings

    settings, ids = load_settings(os.environ), replica or []
    for id in ids:
        _check(id)
    durability = Durability.of(settings.durability)
    for line in lines(Keys(settings.namespace), durability, sorted(set(ids))):
        output.raw(f"{line}\n")


def _check(id: str) -> None:
    """A replica's id goes into a pattern of keys: it must be one that a replica can have."""
    from services.settings import SettingsError, load_settings

    try:
        load_settings({"PROMPTCAST_REPLICA_ID": id})
    except SettingsError as error:
        raise CliError(f"--replica: {error}") from None
