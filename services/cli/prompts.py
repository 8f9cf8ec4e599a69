"""Reading prompts over the edit API: one function a question, each answer as the API gives it."""

from typing import TYPE_CHECKING, Any

from services.cli.errors import CliError, Problem

if TYPE_CHECKING:
    from services.cli.client import AdminClient

_PAGE = 100


async def all_prompts(client: "AdminClient") -> dict[str, Any]:
    """Every prompt, as one list."""
    return await _pages(client, "/api/v1/prompts", None)


async def version(client: "AdminClient", name: str, number: int | None) -> dict[str, Any]:
    """One version, whole; the live one for None."""
    from services.cli.client import prompt_path

    path = prompt_path(name) if number is None else prompt_path(name, "versions", number)
    found: dict[str, Any] = await client.get(path)
    return found


async def versions(client: "AdminClient", name: str, most: int | None) -> dict[str, Any]:
    """The history, newest first, at most so many versions (None: all), as one list."""
    from services.cli.client import prompt_path

    return await _pages(client, prompt_path(name, "versions"), most)


async def compared(client: "AdminClient", name: str, old: int, new: int) -> dict[str, Any]:
    """The difference between two versions."""
    from services.cli.client import prompt_path

    found: dict[str, Any] = await client.get(prompt_path(name, "diff"), **{"from": old, "to": new})
    return found


async def validated(client: "AdminClient", name: str, body: dict[str, Any]) -> dict[str, Any]:
    """What a save would say: ``valid``, and ``errors`` when it is not."""
    from services.cli.client import prompt_path

    try:
        said = await client.call("POST", prompt_path(name, "validate"), body=body)
    except Problem as error:
        if error.kind != "invalid":
            raise
        said = {"valid": False, "errors": error.body.get("errors", [])}
    return {"valid": True, "errors": [], **(said or {})}


async def _pages(client: "AdminClient", path: str, most: int | None) -> dict[str, Any]:
    """``items`` of as many pages as it takes; ``next`` is the API's, where the list was cut."""
    items: list[Any] = []
    cursor: object = None
    while True:
        limit = _PAGE if most is None else min(_PAGE, most - len(items))
        page = await client.get(path, limit=limit, cursor=cursor)
        items += page["items"]
        before, cursor = cursor, page.get("next")
        if cursor is None or (most is not None and len(items) >= most):
            return {"items": items, "next": cursor}
        if cursor == before:
            raise CliError(f"{path} gives the same page again and again")
