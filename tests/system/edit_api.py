"""The edit API as a client sees it; every call gives the whole answer, whatever its status."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp

from tests.system.answers import Answer
from tests.system.patience import becomes


@dataclass(frozen=True, slots=True)
class EditApi:
    """One admin instance."""

    session: aiohttp.ClientSession
    url: str
    key: str

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, object] | None = None,
    ) -> Answer:
        """One call."""
        sent = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        url = f"{self.url}/api/v1{path}" + (f"?{urlencode(query)}" if query else "")
        async with self.session.request(method, url, json=body, headers=sent) as response:
            return await Answer.of(response)

    async def save(
        self,
        name: str,
        template: str,
        revision: int | str | None = "*",
        *,
        wait: float | None = 15.0,
        key: str | None = None,
        **more: Any,
    ) -> Answer:
        """Save; ``revision`` None creates the prompt, ``wait`` None does not wait for the fleet."""
        body = {"template": template, **more}
        query = {} if wait is None else {"wait": "all", "timeout": wait}
        headers = {**_condition(revision), **({"Idempotency-Key": f'"{key}"'} if key else {})}
        path = f"/prompts/{name}/versions"
        return await self.call("POST", path, body=body, headers=headers, query=query)

    async def create(self, name: str, template: str, *, wait: float | None = 15.0) -> Answer:
        """Save the first version of a prompt."""
        return await self.save(name, template, None, wait=wait)

    async def restore(
        self,
        name: str,
        version: int,
        revision: int | str = "*",
        *,
        note: str = "",
        wait: float | None = 15.0,
    ) -> Answer:
        """Restore, likewise."""
        body, path = {"version": version, "note": note}, f"/prompts/{name}/restore"
        query = {} if wait is None else {"wait": "all", "timeout": wait}
        headers = _condition(revision)
        return await self.call("POST", path, body=body, headers=headers, query=query)

    async def prompt(self, name: str) -> Answer:
        """What is live."""
        return await self.call("GET", f"/prompts/{name}")

    async def versions(self, name: str) -> list[dict[str, Any]]:
        """The whole history, newest first."""
        items: list[dict[str, Any]] = []
        query: dict[str, int] = {"limit": 200}
        while True:
            page = (
                (await self.call("GET", f"/prompts/{name}/versions", query=query)).expect(200).json
            )
            items += page["items"]
            if page["next"] is None:
                return items
            query["cursor"] = page["next"]

    async def positions(self) -> list[int]:
        """The position of every event of the log."""
        found: list[int] = []
        query: dict[str, int | None] = {"cursor": 0, "limit": 200}
        while query["cursor"] is not None:
            page = (await self.call("GET", "/events", query=query)).expect(200).json
            found += [item["position"] for item in page["items"]]
            query["cursor"] = page["next"]
        return found

    async def fleet(self) -> dict[str, dict[str, Any]]:
        """Every member by its id."""
        items = (await self.call("GET", "/fleet")).expect(200).json["items"]
        return {item["id"]: item for item in items}

    async def all_members(self, **what: Any) -> dict[str, dict[str, Any]]:
        """Wait until each of these members shows ``what``; the fleet as it is then."""

        async def shown() -> dict[str, dict[str, Any]] | None:
            fleet = await self.fleet()
            well = all(each[name] == of for each in fleet.values() for name, of in what.items())
            return fleet if fleet and well else None

        return await becomes(shown)


def _condition(revision: int | str | None) -> dict[str, str]:
    if revision is None:
        return {"If-None-Match": "*"}
    return {"If-Match": "*" if revision == "*" else f'"{revision}"'}
