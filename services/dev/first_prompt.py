"""A prompt to begin with, so that chat works at once; saved through the edit API like any other."""

from contextlib import suppress

from services.cli.address import Address
from services.cli.errors import RevisionMoved
from services.dev.ports import HOST
from services.dev.probe import get, parsed

NAME = "system"
TEMPLATE = (
    "You are the assistant of a small bookshop. Answer in two or three friendly sentences,\n"
    "and say so when you do not know something.\n"
)
_NOTE = "the first prompt; save your own over it"
_WAIT = 10.0


async def is_new(admin_port: int, key: str) -> bool:
    """Whether nothing was ever saved: the log holds no more than its opening."""
    headers = {"Authorization": f"Bearer {key}"}
    status, body = await get(admin_port, "/api/v1/events?limit=2", headers, _WAIT)
    page = parsed(body) if status == 200 else None
    return page is not None and len(page["items"]) < 2


async def save(admin_port: int, key: str) -> None:
    """Save it and wait until every replica serves it; raises :class:`services.cli.errors.CliError`.

    The client is imported here, by the first start of all, and costs the later ones nothing.
    """
    from services.cli.client import AdminClient, prompt_path

    address = Address(f"http://{HOST}:{admin_port}", key)
    async with AdminClient(address) as client:
        with suppress(RevisionMoved):  # somebody else, on the same log, was quicker
            await client.call(
                "POST",
                f"{prompt_path(NAME)}/versions",
                {"wait": "all", "timeout": f"{_WAIT:g}"},
                body={"template": TEMPLATE, "note": _NOTE},
                headers={"If-None-Match": "*", "Idempotency-Key": '"first-prompt"'},
                waits=_WAIT,
            )
