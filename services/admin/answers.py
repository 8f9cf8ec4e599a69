"""Answers: models as JSON."""

from collections.abc import Mapping

from aiohttp import web
from pydantic import BaseModel


def answer(
    body: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """``body`` as JSON; what was not set in it is left out."""
    return web.Response(
        body=body.model_dump_json(by_alias=True, exclude_unset=True).encode(),
        status=status,
        content_type="application/json",
        charset="utf-8",
        headers=headers,
    )
