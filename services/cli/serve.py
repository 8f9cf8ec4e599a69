"""``promptcast admin``, ``chat`` and a plain ``dev``: without options, so without parsing any.

The parser's imports would take a part of the start, of each of the processes that ``dev`` starts.
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def admin() -> None:
    """Run the admin service, configured by the environment (PROMPTCAST_…, REDIS_URL)."""
    with _starting():
        from services.admin.main import run
        from services.logs import configure
        from services.settings import load_settings

    settings = load_settings(os.environ, service="admin")
    configure(settings.log_level, settings.log_format)
    run(settings)


def chat() -> None:
    """Run one chat replica, configured by the environment (PROMPTCAST_…, REDIS_URL, OPENAI_…)."""
    with _starting():
        from services.chat.main import run
        from services.logs import configure
        from services.settings import fresh_replica_id, load_settings

    settings = load_settings(os.environ, service="chat", default_replica_id=fresh_replica_id())
    configure(settings.log_level, settings.log_format)
    run(settings)


def dev() -> None:
    """``promptcast dev`` as it is without options."""
    from services.dev.main import run

    run()


@contextmanager
def _starting() -> Iterator[None]:
    """Import without collecting garbage: a tenth faster, since all that is made then stays.

    It is left out of later collections too, which are the shorter for it. And without rich, which
    structlog takes for coloured tracebacks where it finds it: a seventh of the whole start.
    """
    gc.disable()
    hidden = "rich" not in sys.modules
    if hidden:
        sys.modules["rich"] = None  # type: ignore[assignment]  # "there is none", to the import system
    try:
        yield
    finally:
        if hidden:
            del sys.modules["rich"]
        gc.freeze()
        gc.enable()
