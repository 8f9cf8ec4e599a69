"""What operators and load balancers ask a replica."""

from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from services.chat.drain import Drain
from services.chat.replica import Replica
from services.metrics import CONTENT_TYPE, exposition

_DRAINING = {False: "takes requests", True: "on its way out"}


class Status:
    """Handlers that look at memory and wait for nobody."""

    def __init__(
        self,
        replica: Replica,
        drain: Drain,
        registry: CollectorRegistry,
        *,
        stale_for: float,
    ) -> None:
        """``stale_for``: seconds without the log for which it stays ready."""
        self._replica = replica
        self._drain = drain
        self._registry = registry
        self._stale_for = stale_for

    async def healthz(self, _request: web.Request) -> web.Response:
        """200 while the event loop answers."""
        return web.json_response({"status": "ok", "replica": self._replica.id})

    async def readyz(self, _request: web.Request) -> web.Response:
        """200 when requests should come here, else 503; the body says why."""
        checks = self._checks()
        ready = all(check["ok"] for check in checks.values())
        body = {"status": "ready" if ready else "not_ready", "checks": checks}
        return web.json_response(body, status=200 if ready else 503)

    async def metrics(self, _request: web.Request) -> web.Response:
        """All metrics in Prometheus' text format."""
        return web.Response(body=exposition(self._registry), headers={"Content-Type": CONTENT_TYPE})

    async def prompt(self, _request: web.Request) -> web.Response:
        """What this replica serves, without the prompts' content."""
        prompts = [
            {
                "name": live.name,
                "branch": live.branch,
                "version": live.version,
                "revision": live.revision,
                "content_hash": live.content_hash,
            }
            for _, live in sorted(self._replica.prompts().items())
        ]
        return web.json_response(
            {
                "replica": self._replica.id,
                "state": self._replica.state,
                "applied_position": self._replica.applied_position,
                "prompts": prompts,
            }
        )

    def _checks(self) -> dict[str, dict[str, Any]]:
        stale = self._replica.stale_seconds()
        return {
            "state": {"ok": self._replica.serving, "detail": self._replica.state},
            "fresh": {
                "ok": stale is None or stale <= self._stale_for,
                "detail": "the log is in reach" if stale is None else f"stale for {stale:.0f} s",
            },
            "draining": {"ok": not self._drain.draining, "detail": _DRAINING[self._drain.draining]},
        }
