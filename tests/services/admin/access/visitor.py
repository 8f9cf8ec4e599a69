"""Somebody at the edit API: a browser with a session, a program with a key, or nobody."""

from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientResponse

from services.admin.access.transport import COOKIE
from tests.services.admin.stage import KEY, Stage

PASSWORD = "correct horse battery"
SESSION, PASSWORDS = "/api/v1/session", "/api/v1/password"
PEOPLE, KEYS, ACCESS, LINKS = "/api/v1/people", "/api/v1/keys", "/api/v1/access", "/api/v1/links"


@dataclass
class Visitor:
    """Sends what it has. ``headers`` go with every request, those of a call beside or over them."""

    stage: Stage
    token: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return str(self.stage.client.make_url("/")).rstrip("/")

    async def call(self, method: str, path: str, **how: Any) -> ClientResponse:
        self.stage.client.session.cookie_jar.clear()  # it is everybody's
        cookie = {"Cookie": f"{COOKIE}={self.token}"} if self.token else {}
        sent = {**cookie, **self.headers, **how.pop("headers", {})}
        headers = {name: value for name, value in sent.items() if value is not None}
        return await self.stage.client.request(method, path, headers=headers, **how)

    async def get(self, path: str, status: int = 200) -> Any:
        return await self._json(await self.call("GET", path), status)

    async def post(self, path: str, body: Any = None, status: int = 200, **how: Any) -> Any:
        sent = {"json": body} if body is not None else {}
        return await self._json(await self.call("POST", path, **sent, **how), status)

    async def delete(self, path: str, status: int = 204) -> None:
        response = await self.call("DELETE", path)
        assert response.status == status, await response.text()

    async def _json(self, response: ClientResponse, status: int) -> Any:
        assert response.status == status, await response.text()
        if cookie := response.cookies.get(COOKIE):
            self.token = cookie.value
        body = await response.json(content_type=None)
        if isinstance(body, dict) and body.get("csrf"):
            self.headers = {"X-CSRF-Token": body["csrf"], "Origin": self.origin}
        return body


def nobody(stage: Stage) -> Visitor:
    return Visitor(stage)


def operator(stage: Stage) -> Visitor:
    """Who has the environment's key."""
    return Visitor(stage, headers={"Authorization": f"Bearer {KEY}"})


async def with_key(stage: Stage, role: str, name: str = "robot") -> Visitor:
    made = await operator(stage).post(KEYS, {"name": name, "role": role}, 201)
    return Visitor(stage, headers={"Authorization": f"Bearer {made['secret']}"})


async def with_session(stage: Stage, role: str, name: str = "ada") -> Visitor:
    """A person who was added, has followed the link, and has set a password."""
    invited = await operator(stage).post(PEOPLE, {"name": name, "role": role}, 201)
    visitor = nobody(stage)
    await visitor.post(PASSWORDS, {"token": token_of(invited["link"]), "password": PASSWORD})
    return visitor


def token_of(link: str) -> str:
    return link.partition("?token=")[2]
