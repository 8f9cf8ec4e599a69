"""A stand-in for the admin service: as much of the edit API as the command line uses."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "the-key-of-the-edit-api"
TIME = "2026-01-01T12:00:00.000000Z"


@dataclass
class Asked:
    """One request, as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class FakeAdmin:
    """Prompts in memory. Tests change its attributes to make things happen."""

    prompts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    live: dict[str, dict[str, Any]] = field(default_factory=dict)
    archived: dict[str, int] = field(default_factory=dict)
    """Revisions of archived prompts."""
    position: int = 1
    asked: list[Asked] = field(default_factory=list)
    propagation: dict[str, Any] = field(default_factory=dict)
    fleet: dict[str, Any] = field(default_factory=lambda: {"head": 1, "items": [], "next": None})
    forks: dict[str, Any] = field(default_factory=dict)
    entries: list[bytes] = field(default_factory=list)
    """Items of the log's pages, as they are sent."""
    pages: int = 1_000
    """How many of those are sent; then the log is out of reach."""
    updates: list[bytes] = field(default_factory=list)
    """What each connection to the updates is sent, one connection after the other."""
    imported: list[tuple[str, str]] = field(default_factory=list)
    """Which log was imported, and the lines that came."""
    trimmed: dict[str, Any] = field(default_factory=lambda: {"through": 0, "head": 7, "events": 0})
    """What trimming is answered with."""
    filled: list[tuple[str, str]] = field(default_factory=list)
    """The journal of which log was filled in, and the lines that came."""
    lacks: list[dict[str, int]] = field(default_factory=list)
    """What it still lacks then."""
    before_change: Callable[[], None] = lambda: None
    drop_replies: int = 0
    """How many changes are carried out and then not answered."""
    answers: dict[tuple[str, str], web.Response] = field(default_factory=dict)
    """Answers by method and path, instead of the usual ones."""
    known_keys: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    watched: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._middleware], client_max_size=1 << 30)
        prompt = "/api/v1/prompts/{name}"
        app.router.add_get("/api/v1/prompts", self._list)
        app.router.add_get(prompt, self._prompt)
        app.router.add_delete(prompt, self._archive)
        app.router.add_get(f"{prompt}/versions", self._versions)
        app.router.add_post(f"{prompt}/versions", self._save)
        app.router.add_get(f"{prompt}/versions/{{n}}", self._version)
        app.router.add_post(f"{prompt}/restore", self._restore)
        app.router.add_get(f"{prompt}/diff", self._diff)
        app.router.add_post(f"{prompt}/validate", self._validate)
        app.router.add_get("/api/v1/fleet", self._fleet)
        app.router.add_get("/api/v1/forks", self._forks)
        app.router.add_get("/api/v1/events", self._events)
        app.router.add_get("/api/v1/access", self._events)
        app.router.add_get("/api/v1/updates", self._updates)
        app.router.add_post("/api/v1/logs/import", self._import)
        app.router.add_post("/api/v1/logs/trim", self._trim)
        app.router.add_post("/api/v1/logs/fill", self._fill)
        return app

    def save(self, name: str, template: str, **more: Any) -> dict[str, Any]:
        """Somebody saves a version."""
        versions = self.prompts.setdefault(name, [])
        self.position += 1
        saved = {
            "name": name, "branch": "main", "version": len(versions) + 1,
            "revision": self.position, "position": self.position, "template": template,
            "config": {}, "note": "", "author": "admin", "recorded_at": TIME,
            "hash": "0" * 64, "content_hash": "1" * 64, "size": len(template.encode()),
        }  # fmt: skip
        versions.append({**saved, **more})
        self.live[name] = versions[-1]
        return versions[-1]

    # what goes wrong

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        text = await request.text()
        self.asked.append(
            Asked(
                request.method,
                request.path,
                dict(request.query),
                dict(request.headers),
                json.loads(text) if text and request.content_type == "application/json" else None,
            )
        )
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return problem(401, "unauthorized", "a key is needed")
        if answer := self.answers.get((request.method, request.path)):
            return answer
        answered: web.StreamResponse = await handler(request)
        return answered

    # reading

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response({"items": list(self.live.values()), "next": None})

    async def _prompt(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if live := self.live.get(name):
            return web.json_response(live)
        if name in self.archived:
            revision = self.archived[name]
            return problem(404, "not-found", "it is archived", current_revision=revision)
        return problem(404, "not-found", "no such prompt")

    async def _versions(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        newest = [
            {**version, "live": version is self.live.get(name)}
            for version in reversed(self.prompts.get(name, []))
        ]
        begin, limit = int(request.query.get("cursor", 0)), int(request.query["limit"])
        end = begin + limit
        more = end if end < len(newest) else None
        return web.json_response({"items": newest[begin:end], "next": more})

    async def _version(self, request: web.Request) -> web.Response:
        versions = self.prompts.get(request.match_info["name"], [])
        number = int(request.match_info["n"])
        if not 1 <= number <= len(versions):
            return problem(404, "not-found", f"no version {number}")
        return web.json_response(versions[number - 1])

    async def _diff(self, request: web.Request) -> web.Response:
        old, new = request.query["from"], request.query["to"]
        unified = f"--- v{old}\n+++ v{new}\n@@ -1 +1 @@\n-old\n+new\n"
        return web.json_response({"from": int(old), "to": int(new), "unified": unified})

    async def _validate(self, request: web.Request) -> web.Response:
        if "{{ 7*7 }}" in (await request.json())["template"]:
            return invalid()
        return web.json_response({"valid": True, "errors": []})

    async def _fleet(self, _request: web.Request) -> web.Response:
        return web.json_response(self.fleet)

    async def _forks(self, _request: web.Request) -> web.Response:
        return web.json_response(self.forks)

    async def _events(self, request: web.Request) -> web.Response:
        self.pages -= 1
        if self.pages < 0:
            return problem(503, "log-unavailable", "the log is out of reach")
        cursor, limit = int(request.query.get("cursor", 0)), int(request.query["limit"])
        limit = min(limit, 3)
        page = self.entries[cursor : cursor + limit]
        more = cursor + limit if cursor + limit < len(self.entries) else None
        body = b'{"items":[' + b",".join(page) + b'],"next":' + json.dumps(more).encode() + b"}"
        return web.Response(body=body, content_type="application/json")

    async def _updates(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b": hello\n\n")
        if self.updates:
            await response.write(self.updates.pop(0))
            return response
        self.watched.set()
        await asyncio.Event().wait()
        return response

    # changing

    async def _import(self, request: web.Request) -> web.Response:
        log, text = request.query["log"], await request.text()
        self.imported.append((log, text))
        count = len(text.splitlines())
        done = {"log": log, "changed": True, "events": count, "position": count, "hash": "0" * 64}
        return web.json_response({**done, "file": None})

    async def _trim(self, _request: web.Request) -> web.Response:
        self.before_change()
        return web.json_response(self.trimmed)

    async def _fill(self, request: web.Request) -> web.Response:
        text = await request.text()
        self.filled.append((request.query["log"], text))
        return web.json_response({"events": len(text.splitlines()), "lacks": self.lacks})

    async def _save(self, request: web.Request) -> web.Response:
        name, body = request.match_info["name"], await request.json()
        if "{{ 7*7 }}" in body["template"]:
            return invalid()
        return self._changed(request, name, lambda: self.save(name, **body))

    async def _restore(self, request: web.Request) -> web.Response:
        name, version = request.match_info["name"], (await request.json())["version"]
        if not 1 <= version <= len(self.prompts.get(name, [])):
            return problem(404, "not-found", f"no version {version}")

        def restore() -> dict[str, Any]:
            self.position += 1
            old = self.prompts[name][version - 1]
            self.live[name] = {**old, "revision": self.position, "position": self.position}
            return self.live[name]

        return self._changed(request, name, restore, status=200)

    async def _archive(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]

        def archive() -> dict[str, Any]:
            self.position += 1
            self.archived[name] = self.position
            return {**self.live.pop(name), "version": None, "position": self.position}

        return self._changed(request, name, archive, status=200)

    def _changed(
        self,
        request: web.Request,
        name: str,
        change: Callable[[], dict[str, Any]],
        status: int = 201,
    ) -> web.Response:
        key = request.headers["Idempotency-Key"]
        if key not in self.known_keys:
            self.before_change()
            if refused := self._precondition(request, name):
                return refused
            self.known_keys[key] = (status, self._answer(request, change()))
        if self.drop_replies:
            self.drop_replies -= 1
            assert request.transport
            request.transport.abort()
        status, answer = self.known_keys[key]
        return web.json_response(answer, status=status)

    def _answer(self, request: web.Request, done: dict[str, Any]) -> dict[str, Any]:
        waited = request.query.get("wait") == "all"
        pending: dict[str, Any] = {"state": "pending", "elapsed_ms": None, "replicas": []}
        return {
            "prompt": done["name"], "branch": "main", "version": done["version"],
            "position": done["position"], "revision": done["position"], "hash": done["hash"],
            "content_hash": done["content_hash"], "author": done["author"], "recorded_at": TIME,
            "unchanged": False, "durable": True, "propagation": (waited and self.propagation) or pending,
        }  # fmt: skip

    def _precondition(self, request: web.Request, name: str) -> web.Response | None:
        live = self.live.get(name)
        match, none_match = (request.headers.get(h) for h in ("If-Match", "If-None-Match"))
        if match is None and none_match is None:
            return problem(428, "precondition-required", "say which revision")
        exists = none_match == "*" and live is not None
        revision = live["revision"] if live else self.archived.get(name)
        if exists or (match and match not in {"*", f'"{revision}"'}):
            version = live["version"] if live else None
            return problem(412, "revision-moved", "it has moved",
                           current_revision=revision, current_version=version)  # fmt: skip
        return None


def problem(status: int, kind: str, detail: str, **more: Any) -> web.Response:
    return web.json_response(
        {"type": f"/problems/{kind}", "title": kind, "status": status, "detail": detail, **more},
        status=status,
        content_type="application/problem+json",
    )


def invalid() -> web.Response:
    error = {
        "pointer": "/template", "detail": "'7*7' is not a variable's name", "line": 2, "column": 5,
    }  # fmt: skip
    return problem(422, "invalid", "the prompt is invalid", errors=[error])


def converged(*replicas: str) -> dict[str, Any]:
    """A propagation that reached everybody."""
    lags = [
        {"replica": name, "outcome": "applied", "lag_ms": 1.4 + n}
        for n, name in enumerate(replicas)
    ]
    return {"state": "converged", "elapsed_ms": 2.1, "replicas": lags}
