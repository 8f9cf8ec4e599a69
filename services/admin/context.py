"""What handlers find in the application and in a request, by typed keys."""

import asyncio
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry

from services.admin.access.who import Who
from services.admin.port import Core
from services.admin.watchers import Watchers
from services.settings import Settings

CORE: Final[web.AppKey[Core]] = web.AppKey("core")
REGISTRY: Final = web.AppKey("registry", CollectorRegistry)
SETTINGS: Final = web.AppKey("settings", Settings)
WATCHERS: Final = web.AppKey("watchers", Watchers)

ACTOR: Final = web.RequestKey("actor", str)
"""The name of who asks, as it goes into events."""
WHO: Final = web.RequestKey("who", Who)
"""Who asks, and what they may do."""
COMPARING: Final = web.AppKey("comparing", asyncio.Lock)
"""Held by the one comparison that is worked out at a time."""
