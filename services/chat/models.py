"""``GET /v1/models``: what clients ask for when they connect, to fill their list of models."""

from typing import Any

from aiohttp import web

from services.chat.errors import ChatError
from services.chat.question import FALLBACK_MODEL
from services.chat.replica import Replica


class Models:
    """The models that answers can come from: those of the live prompts, then MODEL.

    Where neither names one, a request may name any, and the list has the one that is asked when it
    does not.
    """

    def __init__(self, replica: Replica, model: str | None) -> None:
        self._replica = replica
        self._model = model

    async def list(self, _request: web.Request) -> web.Response:
        """All of them, each once."""
        return web.json_response({"object": "list", "data": list(self._models().values())})

    async def one(self, request: web.Request) -> web.Response:
        """One of them; 404 when it is none."""
        name = request.match_info["model"]
        if (model := self._models().get(name)) is None:
            raise ChatError("model_not_found", "there is no such model here", param="model")
        return web.json_response(model)

    def _models(self) -> dict[str, dict[str, Any]]:
        models: dict[str, dict[str, Any]] = {}
        for live in self._replica.prompts().values():
            if (name := live.config.model or self._model) is not None:
                models.setdefault(name, _model(name, live.recorded_at // 1_000_000))
        if self._model is not None or not models:
            name = self._model or FALLBACK_MODEL
            models.setdefault(name, _model(name, 0))
        return models


def _model(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "promptcast"}
