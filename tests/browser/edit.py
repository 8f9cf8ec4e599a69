"""The edit API for tests that are plain functions: what happens behind the panel's back."""

import json
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import APIRequestContext, APIResponse


@dataclass(frozen=True, slots=True)
class Edit:
    """Calls as the environment's key; each raises unless it succeeds."""

    requests: APIRequestContext
    url: str
    key: str

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> APIResponse:
        """One call, whatever becomes of it; ``If_Match`` is the header ``If-Match``."""
        return self.requests.fetch(
            f"{self.url}/api/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body),
            headers={
                "Authorization": f"Bearer {self.key}",
                **({} if body is None else {"Content-Type": "application/json"}),
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )

    def get(self, path: str) -> Any:
        """What stands there."""
        return _well(self.call("GET", path))

    def post(self, path: str, body: Any, **headers: str) -> Any:
        """A change."""
        return _well(self.call("POST", path, body, **headers))

    def delete(self, path: str) -> None:
        """Let go of something."""
        _well(self.call("DELETE", path))

    def create(self, name: str, *templates: str) -> dict[str, Any]:
        """A prompt with these versions, live on every replica; the last save's answer."""
        path, saved = f"/prompts/{name}/versions?wait=all&timeout=15", {}
        for number, template in enumerate(templates):
            condition = {"If_Match": "*"} if number else {"If_None_Match": "*"}
            saved = self.post(path, {"template": template}, **condition)
        return saved

    def save(self, name: str, template: str, **more: Any) -> dict[str, Any]:
        """A new version of a prompt, whatever is live."""
        path, body = f"/prompts/{name}/versions?wait=all&timeout=15", {"template": template, **more}
        return dict(self.post(path, body, If_Match="*"))

    def prompt(self, name: str) -> dict[str, Any]:
        """What is live."""
        return dict(self.get(f"/prompts/{name}"))

    def versions(self, name: str) -> list[dict[str, Any]]:
        """The newest versions, newest first."""
        return list(self.get(f"/prompts/{name}/versions?limit=50")["items"])

    def link(self) -> str:
        """A one-time link that signs in whoever opens it as the first admin."""
        return str(self.post("/links", {})["link"])

    def token_for(self, name: str, role: str) -> str:
        """The token by which somebody sets a password; they are added unless they are there."""
        answer = self.call("POST", "/people", {"name": name, "role": role})
        if not answer.ok:
            answer = self.call("POST", f"/people/{name}/link", {})
        return str(_well(answer)["link"]).rpartition("token=")[2]


def _well(response: APIResponse) -> Any:
    text = response.text()
    assert response.ok, f"{response.status} {response.url}: {text[:2000]}"
    return json.loads(text) if text else None
